"""Data-parallel training: every process has a guard, and all of them decide alike."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backsight.guard import Guard, Omega, policies_from
from tests import processes

POLICIES = "rollback,skip,clip=0.5,backoff,omega,spectral=1,momentum:steps=3:pause=3"


def one_process(rank: int, folder: str) -> None:
    """Two trainings, without and with a loss scaler."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    found = [one_training(rank, scaled) for scaled in (False, True)]
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def one_training(rank: int, scaled: bool) -> list[Any]:
    """The loss is NaN for one process alone: once, and later three times in a row."""
    torch.manual_seed(rank)  # DDP hands the first one's weights to the other

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.RNN(2, 6), nn.Linear(6, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.rnn(x)[0][-1])  # type: ignore[no-any-return]

    model = nn.parallel.DistributedDataParallel(Net())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", enabled=scaled, init_scale=4.0)
    guard = Guard(model, optimizer, *policies_from(POLICIES), snapshot_every=5,
                  scaler=scaler if scaled else None)  # fmt: skip
    bad = {10: 1, 20: 0, 21: 1, 22: 0}
    for step in range(40):
        torch.manual_seed(1000 * step + rank)
        x = torch.randn(4, 3, 2)
        loss = (model(x)[:, 0] - x[-1, :, 0]).pow(2).mean()
        if bad.get(step) == rank:
            loss = loss * float("nan")
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        guard.step(loss)
    weights = [p.detach().flatten().tolist() for p in model.parameters()]
    acts = [[a.iteration, a.policy, a.before, a.after, a.cause] for a in guard.interventions]
    guard.close()
    return [weights, acts, guard.learning_rate.factor]


def test_two_processes_decide_alike_whichever_has_the_trouble(tmp_path: Path) -> None:
    processes.together("tests.test_guard_processes", "one_process", tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    for weights, acts, factor in first:
        assert all(torch.isfinite(torch.tensor(w)).all() for w in weights)
        done = [(iteration, policy) for iteration, policy, *_ in acts]
        assert (10, "skip") in done
        assert (22, "rollback") in done
        assert Omega.name in {policy for _, policy in done}
        assert factor < 1

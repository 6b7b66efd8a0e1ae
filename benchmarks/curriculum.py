"""The naive length curriculum that collapses, the same one under the guard, and the adaptive one.

    python benchmarks/curriculum.py               # five seeds of each
    python benchmarks/curriculum.py --seeds 1 --updates 4000

Temporal order (Pascanu et al. 2013), a tanh RNN of 50 units with an orthogonal recurrent matrix,
Adam at 1e-3, batches of 20. *Naive*: clip 1, begin at 20 steps, and grow by 6 % whenever fewer
than 5 % of the last 400 answers were wrong. *Adaptive*: ``AdaptiveLength`` with the guard's safe
policies; no threshold, weight or schedule is told to it.
"""

import argparse
import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from _harness import publish
from backsight.errors import GuardError
from backsight.guard import AdaptiveLength, Guard, Length, safe
from backsight.nn import SequenceModel
from backsight.probes import probe
from backsight.tasks import TemporalOrder

METHOD = (
    "reached: the longest sequences at which fewer than 5 % of the last 400 training answers were "
    "wrong; updates: those until then. solved: updates until fewer than 1 % of 10,000 fresh "
    "sequences of END steps are answered wrongly, asked every 100. collapsed: 1,000 updates in "
    "a row with more than half of "
    "the answers wrong after the start length had been learned; a naive run ends there. errors: "
    "of 10,000 fresh sequences of the last length, at the end."
)

WAYS = ("naive", "naive, guarded", "adaptive, guarded")
RATE = 1e-3
MEASURED = 25
"""Updates between measurements of the reach, where the curriculum asks for it."""


class Naive(Length):
    """Grows by 6 % whenever the errors are below 5 %."""

    def __init__(self, end: int) -> None:
        super().__init__(end, 20)
        self.wrong: list[float] = []

    def answered(self, wrong: float) -> None:
        """The share of wrong answers of a batch."""
        self.wrong = [*self.wrong, wrong][-20:]
        if len(self.wrong) == 20 and np.mean(self.wrong) < 0.05 and self.length < self.end:
            self.length = min(self.end, max(self.length + 1, round(self.length * 1.06)))
            self.wrong = []

    def see(self, loss: float, horizon: float | None = None) -> None:
        """It does not look at the loss."""


@dataclass
class Ended:
    """How one training went."""

    reached: int
    updates: int
    solved: int | None
    made: int
    collapsed_at: int | None
    length_then: int | None
    errors: float
    acts: dict[str, int]


def run(way: str, seed: int, end: int, updates: int) -> Ended:
    """One network."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = SequenceModel(6, 4, cell="rnn", hidden=50, init="orthogonal", every_step=False)
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    length: Length
    if way == "adaptive, guarded":
        length = AdaptiveLength(end, enough=TemporalOrder.near_baseline / 2)
    else:
        length = Naive(end)
    policies = safe()
    guard = None
    if way != "naive":
        guard = Guard(net, optimizer, *policies, along={"length": length})
    best = at = since = 0
    learned, collapsed, solved = False, None, None
    recent: list[float] = []
    made = 0
    for made in range(1, updates + 1):
        steps = length.length
        x, y = TemporalOrder(steps).batch(20, rng)
        inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
        outputs = net(inputs)[0]
        loss = functional.cross_entropy(outputs, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        wrong = float((outputs.argmax(-1) != targets).float().mean())
        if guard is None:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        else:
            try:
                guard.step(loss)
            except GuardError:
                break
        if guard is not None and guard.went_back:
            length.hold()
            recent = []
        elif isinstance(length, Naive):
            length.answered(wrong)
        else:
            length.see(float(loss.detach()), _horizon(net, x, y) if made % MEASURED == 0 else None)
        recent = [*recent, wrong][-20:]
        if len(recent) == 20 and np.mean(recent) < 0.05:
            learned = True
            if steps > best:
                best, at = steps, made
        since = since + 1 if learned and np.mean(recent) > 0.5 else 0
        if since >= 1000 and collapsed is None:
            collapsed, length_then = made - since, steps
            if guard is None:
                break
        if best >= end and solved is None and made % 100 == 0:
            solved = made if errors(net, end) < 0.01 else None
            if solved is not None:
                break
    return Ended(
        best, at, solved, made, collapsed, length_then if collapsed is not None else None,
        errors(net, length.length), dict(guard.tally) if guard else {},
    )  # fmt: skip


def _horizon(net: nn.Module, x: Any, y: Any) -> float | None:
    """How many steps back the gradient of these sequences reaches."""
    inputs, targets = torch.from_numpy(x[:8]), torch.from_numpy(y[:8])
    found = probe(net, lambda: functional.cross_entropy(net(inputs)[0], targets))
    far = next(iter(found.values())).horizon
    return None if far is None else float(far.steps)


@torch.no_grad()
def errors(net: nn.Module, steps: int) -> float:
    """The share of wrong answers to 10,000 fresh sequences."""
    rng = np.random.default_rng(123_456)
    wrong = 0
    for _ in range(40):
        x, y = TemporalOrder(steps).batch(250, rng)
        wrong += int((net(torch.from_numpy(x))[0].argmax(-1).numpy() != y).sum())
    return wrong / 10_000


def _job(key: tuple[str, int, int, int]) -> Ended:
    return run(*key)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all, publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--end", type=int, default=200, help="the longest sequences")
    parser.add_argument("--updates", type=int, default=30_000)
    parser.add_argument("--ways", default=",".join(w.replace(", ", "+") for w in WAYS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    ways = [way.replace("+", ", ") for way in options.ways.split(",")]
    keys = [(w, s, options.end, options.updates) for w in ways for s in range(options.seeds)]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        rows = []
        for (way, seed, _, _), ended in zip(keys, pool.map(_job, keys), strict=True):
            found = asdict(ended)
            acts = found.pop("acts")
            told = ", ".join(f"{name} {count}" for name, count in acts.items())
            rows.append({"what": f"{way}, seed {seed}", **found, "acts": told})
            print(rows[-1], flush=True)
    publish("curriculum", METHOD, rows)


if __name__ == "__main__":
    main()

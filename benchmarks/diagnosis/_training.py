"""One training run of the collection: a small net, a plain loop, and what our rivals' rules read.

Everything comes from the seed: parameters, data, and what goes wrong. Beside the run that
``backsight.watch`` records, ``numbers.npz`` keeps what our own signals do not hold (mean |g| of
each parameter, steps against weights, extreme activations, accuracy), by plain torch code.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import backsight
from benchmarks._shared.plan import Loop, Net, Plan, fresh_loss, loss_of, make_optimizer
from benchmarks._shared.tasks import Task

__all__ = ["Numbers", "load_numbers", "train"]

Numbers = dict[str, NDArray[Any]]

CONTEXT = 100
"""Iterations between two questions for the loss by context, as the lab asks at validation."""
AFTERWARDS = 20
"""Iterations that are still made once the loss is not finite."""


def train(plan: Plan, seed: int, folder: Path) -> Numbers:
    """Make the run ``folder/run`` and ``folder/numbers.npz``, and return the numbers."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    task = plan.of(0)
    net = Net(plan, task)
    for name, parameter in net.named_parameters():
        if plan.still and name.startswith(plan.still):
            parameter.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]  # none of the loss's gradient gets there
        if plan.frozen and name.startswith(plan.frozen):
            parameter.requires_grad_(False)
    given = {
        name: parameter
        for name, parameter in net.named_parameters()
        if parameter.requires_grad and not (plan.left_out and name.startswith(plan.left_out))
    }
    optimizer = make_optimizer(plan, given.values())
    facts = {"lag": task.lag, "baseline": task.baseline}
    facts = {name: value for name, value in facts.items() if value is not None and plan.tells}
    kept = _Kept(net, given)
    # Where the first iteration already ruins the run, the run itself does not tell.
    kept.start = fresh_loss(net, task, seed, batches=10, size=plan.batch)
    loop = Loop(net, optimizer, rng)
    ends = plan.iterations
    folder.mkdir(parents=True, exist_ok=True)
    with backsight.watch(
        net, optimizer, folder / "run", every=10, config={"facts": facts, "seed": seed}
    ) as monitor:
        iteration = 0
        while iteration < ends:
            plan.meddle(loop, iteration)
            task = plan.of(iteration)
            x, y = plan.spoil(*task.batch(plan.batch, rng), iteration)
            state = net.state if plan.carried else None
            output = net(torch.from_numpy(x), state)
            target = torch.from_numpy(y)
            loss = loss_of(task, output, target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            kept.before_step(loss, output, target, optimizer)
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(given.values(), plan.clip)
            optimizer.step()
            kept.after_step(plan)
            iteration += 1
            if iteration % CONTEXT == 0 and not plan.cut:
                _ask_context(monitor, net, task, seed)
            if not np.isfinite(kept.rows[-1]["loss"]):
                ends = min(ends, iteration + AFTERWARDS)
    numbers = kept.arrays() | {name: np.array(value) for name, value in plan.notes.items()}
    if task.lag is not None:
        numbers["far"] = np.array(gradient_at(net, plan, task, task.lag, seed))
    if task.baseline is not None:
        numbers["baseline"] = np.array(task.baseline)
    np.savez(folder / "numbers.npz", **numbers)  # type: ignore[arg-type]
    return numbers


def _at_last_step(task: Task, output: Tensor, y: NDArray[Any]) -> tuple[Tensor, Tensor]:
    target = torch.from_numpy(y)
    return (output[:, -1], target[:, -1]) if task.every_step else (output, target)


@torch.no_grad()
def _ask_context(monitor: Any, net: Net, task: Task, seed: int) -> None:
    """The loss at the last step, given only the steps before it that fit; 64 sequences."""
    x, y = task.batch(64, np.random.default_rng(seed + 2_000_000))
    states, state = net.states, net.state

    def evaluate(context: int) -> float:
        output = net(torch.from_numpy(x[:, x.shape[1] - context :]))
        return float(loss_of(task, *_at_last_step(task, output, y)))

    monitor.context(evaluate, x.shape[1])
    net.states, net.state = states, state


def gradient_at(net: Net, plan: Plan, task: Task, lag: int, seed: int) -> float:
    """‖∂ℓ/∂h‖ that many steps before the last one over that at the last, ℓ the last step's loss.

    By autograd through a loop over cells that have the layer's weights: slow, and nothing of ours.
    """
    if plan.layers > 1 or plan.unrolled:
        return float("nan")
    x, y = task.batch(8, np.random.default_rng(seed + 3_000_000))
    kind: Any = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}.get(plan.cell, nn.RNNCell)
    extra = {"nonlinearity": "relu"} if plan.cell == "rnn-relu" else {}
    cell = kind(task.inputs, plan.hidden, **extra)
    weights = net.layer.state_dict().items()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in weights})
    states: list[Tensor] = []
    state: Any = None
    for step in torch.from_numpy(x).unbind(1):
        state = cell(step, state)
        h = state[0] if plan.cell == "lstm" else state
        h.retain_grad()
        states.append(h)
    last = states[-1]
    whole = torch.from_numpy(y)
    loss = loss_of(task, net.head(last), whole[:, -1] if task.every_step else whole)
    loss.backward()  # type: ignore[no-untyped-call]
    norms = [torch.zeros(1) if h.grad is None else h.grad.norm(dim=-1).mean() for h in states]
    return float(norms[max(0, len(norms) - 1 - lag)] / norms[-1])


class _Kept:
    """Plain measurements of every iteration."""

    def __init__(self, net: Net, given: dict[str, nn.Parameter]) -> None:
        self.net = net
        self.names = list(given)
        self.parameters = list(given.values())
        self.rows: list[dict[str, Any]] = []
        self.start = float("nan")
        tanh = isinstance(net.layer, (nn.RNN, nn.RNNCell)) and net.layer.nonlinearity == "tanh"
        self.bounded = tanh or not isinstance(net.layer, (nn.RNN, nn.RNNCell))
        self.extreme = float(np.tanh(5.0)) if tanh else 5.0
        """A state beyond it had an input beyond 5, DeepDiagnosis' bound, where that can be told."""

    @torch.no_grad()
    def before_step(
        self, loss: Tensor, output: Tensor, target: Tensor, optimizer: torch.optim.Optimizer
    ) -> None:
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        sizes = torch.tensor([p.numel() for p in self.parameters])
        each = torch.stack(torch._foreach_norm(gradients))
        states = self.net.states
        norms = states.norm(dim=-1).mean(0)
        accuracy = float("nan")
        if target.dtype == torch.int64:
            right = output.argmax(-1) == target
            accuracy = float(right[target >= 0].float().mean())
        self.rows.append(
            {
                "loss": float(loss),
                "accuracy": accuracy,
                "lr": optimizer.param_groups[0]["lr"],
                "grad_mean": (torch.stack(torch._foreach_norm(gradients, 1)) / sizes).numpy(),
                "grad_norms": each.numpy(),
                "grad_norm": float(each.norm()),
                "states_finite": bool(torch.isfinite(states).all()),
                "states_extreme": float((states.abs() >= self.extreme).float().mean()),
                "states_flat": float((states.abs() > 0.99).float().mean())
                if self.bounded
                else float("nan"),
                "state_middle": float(norms[len(norms) // 2]),
                "state_end": float(norms[-1]),
                "steps": len(norms),
            }
        )
        self.before = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def after_step(self, plan: Plan) -> None:
        row = self.rows[-1]
        moved = torch._foreach_sub([p.detach() for p in self.parameters], self.before)
        row["weight_norms"] = torch.stack(torch._foreach_norm(self.before)).numpy()
        row["update_norms"] = torch.stack(torch._foreach_norm(moved)).numpy()
        applied = row["grad_norm"]
        if plan.clip is not None:
            applied = min(applied, plan.clip)
        row["grad_norm_applied"] = applied
        # A norm overflows before its numbers do.
        row["weights_finite"] = all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def arrays(self) -> Numbers:
        """By name: ``(n,)``, or ``(n, parameters)``."""
        arrays = {name: np.array([row[name] for row in self.rows]) for name in self.rows[0]}
        return arrays | {"names": np.array(self.names), "start": np.array(self.start)}


def load_numbers(folder: Path) -> Numbers:
    """What :func:`train` kept."""
    with np.load(folder / "numbers.npz") as file:
        return {name: file[name] for name in file.files}

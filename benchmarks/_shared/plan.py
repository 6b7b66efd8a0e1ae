"""What is trained and how: a plan, its small network, and the loop that a fault may touch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from backsight.nn import Init, initialise
from benchmarks._shared.tasks import Arrays, Task

__all__ = ["Loop", "Net", "Plan", "fresh_loss", "loss_of", "make_optimizer"]


class Net(nn.Module):
    """A recurrent layer, or a loop over cells, and a linear head."""

    def __init__(self, plan: "Plan", task: Task) -> None:
        super().__init__()
        self.every_step = task.every_step
        self.cut = plan.cut
        self.unrolled = plan.unrolled
        self.silent = plan.silent
        kind: Any = {"gru": nn.GRU, "lstm": nn.LSTM}.get(plan.cell, nn.RNN)
        extra = {"nonlinearity": "relu"} if plan.cell == "rnn-relu" else {}
        self.layer = kind(task.inputs, plan.hidden, plan.layers, batch_first=True, **extra)
        initialise(self.layer, plan.init, plan.gain)
        if plan.unrolled:
            cell: Any = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}.get(plan.cell, nn.RNNCell)
            self.layer = cell(task.inputs, plan.hidden, **extra)
        self.head = nn.Linear(plan.hidden, task.outputs)
        self.states = torch.empty(0)
        """The last forward pass's, ``(B, T, H)``, without a graph."""
        self.state: Any = None
        """After the last step; where ``Plan.carried``, the next pass begins there."""

    def forward(self, x: Tensor, state: Any = None) -> Tensor:
        """``(B, T, I)`` to ``(B, T, O)``, or to ``(B, O)`` where the last step is asked."""
        if self.unrolled:
            h = self._by_cells(x)
        else:
            bounds = [0, *self.cut, x.shape[1]]
            parts = []
            for start, end in pairwise(bounds):
                part, state = self.layer(x[:, start:end], state)
                parts.append(part)
                if end < x.shape[1]:
                    state = _detached(state)
            h = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
            self.state = _detached(state)
        self.states = h.detach()
        if self.silent:
            h = h.detach()
        result: Tensor = self.head(h if self.every_step else h[:, -1])
        return result

    def _by_cells(self, x: Tensor) -> Tensor:
        state: Any = None
        states = []
        for number, step in enumerate(x.unbind(1)):
            if number in self.cut:
                state = _detached(state)
            state = self.layer(step, state)
            states.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(states, 1)


def _detached(state: Any) -> Any:
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


@dataclass(slots=True)
class Loop:
    """What an intervention may touch."""

    net: Net
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator

    def set_lr(self, lr: float) -> None:
        """Set the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr


def _nothing(loop: Loop, iteration: int) -> None:
    """The training is left alone."""


def _as_it_is(x: NDArray[np.float32], y: NDArray[Any], iteration: int) -> Arrays:
    return x, y


@dataclass(frozen=True)
class Plan:
    """What is trained, how, and what goes wrong."""

    task: Task | Callable[[int], Task]
    """One task, or the task of each iteration where lengths change."""
    cell: Literal["rnn", "rnn-relu", "gru", "lstm"] = "rnn"
    hidden: int = 32
    layers: int = 1
    init: Init = "default"
    gain: float = 1.0
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    lr: float = 3e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip: float | None = None
    batch: int = 16
    iterations: int = 500
    carried: bool = False
    """The state goes on from batch to batch, detached."""
    unrolled: bool = False
    """A loop over cells."""
    cut: tuple[int, ...] = ()
    """Steps before which the state is detached."""
    silent: bool = False
    """The head gets the states without their graph: the layer gets no gradient."""
    left_out: str = ""
    """Parameters that begin like that are not given to the optimizer."""
    frozen: str = ""
    """Parameters that begin like that do not require a gradient, and the optimizer lacks them."""
    still: str = ""
    """Parameters that begin like that get a gradient of nought, and the optimizer has them."""
    meddle: Callable[[Loop, int], None] = _nothing
    """Called before an iteration."""
    spoil: Callable[[NDArray[np.float32], NDArray[Any], int], Arrays] = _as_it_is
    """What is done to a batch."""
    tells: bool = True
    """Whether the task's lag and baseline are told to the run."""
    notes: dict[str, float] = field(default_factory=dict)
    """How it was made, for the outcome: when trouble comes, what the net reaches without it."""

    def of(self, iteration: int) -> Task:
        """The task at that time."""
        return self.task(iteration) if callable(self.task) else self.task


def make_optimizer(plan: Plan, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The plan's, for these parameters."""
    if plan.optimizer == "adam":
        return torch.optim.Adam(parameters, plan.lr, weight_decay=plan.weight_decay)
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(parameters, plan.lr, weight_decay=plan.weight_decay)
    if plan.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            parameters, plan.lr, momentum=plan.momentum, weight_decay=plan.weight_decay
        )
    return torch.optim.SGD(
        parameters, plan.lr, momentum=plan.momentum, weight_decay=plan.weight_decay
    )


def loss_of(task: Task, output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy for classes (-1: none), squared error for a value; mean over everything."""
    if task.kind == "classes":
        return functional.cross_entropy(output.flatten(0, -2), target.flatten(), ignore_index=-1)
    return functional.mse_loss(output, target.reshape(output.shape))


@torch.no_grad()
def fresh_loss(net: Net, task: Task, seed: int, *, batches: int, size: int) -> float:
    """The mean loss over so many batches of that size, which the training with ``seed`` never sees.

    The state that the network carries on is left as it was.
    """
    rng = np.random.default_rng(seed + 1_000_000)
    states, state = net.states, net.state
    losses = []
    for _ in range(batches):
        x, y = task.batch(size, rng)
        losses.append(float(loss_of(task, net(torch.from_numpy(x)), torch.from_numpy(y))))
    net.states, net.state = states, state
    return float(np.mean(losses))

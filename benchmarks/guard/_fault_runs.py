"""One training with a fault in it: the network, the loop, and who looks after it."""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import GuardError
from backsight.guard import Guard
from benchmarks._shared.tasks import Waves
from benchmarks.guard._fault_kinds import STALE, Fault, Touched

__all__ = ["KEEPERS", "NETS", "Ended", "keepers", "train_with"]

STEPS = 240
FIRST = 113
"""Step of the fault with seed 0, far from snapshots; each seed comes seven steps later."""

NETS = ("MLP", "LSTM", "GRU under AMP", "inside a closure")
"""The last one is the MLP as well."""

WORSE = 1.1
"""Times the loss before the fault, to which it may have risen at the end."""


@dataclass
class Ended:
    """How it ended."""

    before: float
    """Fresh loss at the step of the fault, before it."""
    after: float
    """Fresh loss at the end; infinite where it is not finite, or nothing is left to train on."""
    finite: bool
    """Whether weights and optimizer state are."""
    raised: str
    """What ended the training; empty where nothing did."""
    acts: int
    """Steps in which the keeper did something."""
    weights: bytes
    """To be compared bit for bit."""

    @property
    def recovered(self) -> bool:
        """Trained on to the end, finite, and not worse than before the fault."""
        return not self.raised and self.finite and self.after <= WORSE * self.before


class Perceptron(nn.Module):
    """Two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 32)
        self.hidden = nn.Linear(32, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 8)`` to ``(B, 1)``."""
        out: Tensor = self.head(torch.tanh(self.hidden(torch.tanh(self.first(x)))))
        return out


class Recurrent(nn.Module):
    """One layer and a head at every step."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.layer: Any = kind(1, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, 1)`` to ``(B, T, 1)``."""
        out: Tensor = self.head(self.layer(x)[0])
        return out


class Nobody:
    """The loop alone."""

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
        self.net, self.optimizer, self.scaler = net, optimizer, scaler

    def step(self, loss: Tensor) -> None:
        """Gradients are in."""
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def step_with(self, closure: Callable[[], Tensor]) -> None:
        """The closure computes them."""
        self.optimizer.step(closure)  # type: ignore[arg-type]

    acts = 0

    def close(self) -> None:
        """There is nothing to take off."""


class Guarded(Nobody):
    """The safe preset, as it comes."""

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
        super().__init__(net, optimizer, scaler)
        self.guard = Guard(net, optimizer, scaler=scaler)

    def step(self, loss: Tensor) -> None:
        """In place of the optimizer's."""
        self.guard.step(loss)

    @property
    def acts(self) -> int:  # type: ignore[override]
        """Steps in which it did something."""
        return len({act.iteration for act in self.guard.interventions})

    def close(self) -> None:
        """Take the hooks off."""
        self.guard.close()


class Arc(Nobody):
    """``arc.Controller`` with its defaults, as its page says: asked before the optimizer steps."""

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
        super().__init__(net, optimizer, scaler)
        self.controller = import_module("arc").Controller(
            net, optimizer, scaler=scaler, verbose=False
        )
        self.acts = 0

    def step(self, loss: Tensor) -> None:
        """Unless it says to skip."""
        if not self._skips(loss):
            super().step(loss)

    def step_with(self, closure: Callable[[], Tensor]) -> None:
        """It has no form for closures: asked at their end, and without gradients it is a skip."""

        def asked() -> Tensor:
            loss = closure()
            if self._skips(loss):
                for parameter in self.net.parameters():
                    parameter.grad = None
            return loss

        super().step_with(asked)

    def _skips(self, loss: Tensor) -> bool:
        action = self.controller.step(loss)
        self.acts += bool(action.should_skip or action.rolled_back or action.lr_reduced)
        return bool(action.should_skip)

    def close(self) -> None:
        """End its threads."""
        self.controller.close()


KEEPERS: dict[str, type[Nobody]] = {"nothing": Nobody, "ARC": Arc, "guard": Guarded}


def keepers() -> list[str]:
    """Those that are installed here."""
    return [name for name in KEEPERS if name != "ARC" or find_spec("arc") is not None]


def train_with(keeper: str, net_name: str, fault: Fault | None, seed: int) -> Ended:
    """Train once; the batches depend on the seed alone."""
    torch.manual_seed(seed)
    net, draw, lr = _made(net_name, seed)
    amp = net_name == "GRU under AMP"
    optimizer = torch.optim.Adam(net.parameters(), lr)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0) if amp else None
    at = FIRST + 7 * seed
    touched = Touched(net, optimizer, lr=lr)
    before, raised = math.nan, ""
    with _quiet():
        keeping = KEEPERS[keeper](net, optimizer, scaler)
        try:
            for step in range(STEPS):
                if step == at:
                    before = _fresh_loss(net, draw)
                here = fault if fault is not None and step - at in fault.steps else None
                if here and here.state:
                    here.state(touched)
                x, y = draw(step)
                if here and here.data:
                    x = here.data(x)
                if scaler is not None:
                    touched.scale = float(scaler.get_scale())
                compute = _computing(
                    net, optimizer, scaler, x, y, here, touched, step == at - STALE
                )
                if net_name == "inside a closure":
                    keeping.step_with(compute)
                else:
                    keeping.step(compute())
        except (GuardError, RuntimeError, ValueError, ArithmeticError) as error:
            raised = f"{type(error).__name__}: {error}"
        acts = keeping.acts
        keeping.close()
    states = [v for s in optimizer.state.values() for v in s.values() if isinstance(v, Tensor)]
    finite = all(bool(torch.isfinite(t).all()) for t in [*net.parameters(), *states])
    after = _fresh_loss(net, draw)
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    return Ended(before, after if math.isfinite(after) else math.inf, finite, raised, acts, weights)


def _computing(
    net: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any, x: Tensor, y: Tensor,
    fault: Fault | None, touched: Touched, keep: bool,
) -> Callable[[], Tensor]:  # fmt: skip
    """What a closure does: loss and gradients, and the fault in them."""

    def compute() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=scaler is not None):
            loss = functional.mse_loss(net(x).float(), y)
        if fault and fault.loss:
            loss = fault.loss(loss)
        scaled = loss if scaler is None else scaler.scale(loss)
        scaled.backward()
        if keep:
            touched.old = [
                torch.zeros_like(p) if p.grad is None else p.grad / touched.scale
                for p in net.parameters()
            ]
        if fault and fault.gradient:
            fault.gradient(touched)
        return loss.detach()

    return compute


Draw = Callable[[int], tuple[Tensor, Tensor]]


def _made(name: str, seed: int) -> tuple[nn.Module, Draw, float]:
    """The network, its batch of each step, its rate."""
    if name in ("LSTM", "GRU under AMP"):
        task = Waves(16)

        def waves(step: int) -> tuple[Tensor, Tensor]:
            x, y = task.batch(16, np.random.default_rng((seed, step)))
            return torch.from_numpy(x), torch.from_numpy(y)

        return Recurrent(nn.LSTM if name == "LSTM" else nn.GRU), waves, 1e-2
    direction = torch.from_numpy(np.random.default_rng(seed + 99).normal(size=(8, 1))).float()
    direction = 1.5 * direction / direction.norm()

    def sines(step: int) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.random.default_rng((seed, step)).normal(size=(32, 8))).float()
        return x, torch.sin(x @ direction)

    return Perceptron(), sines, 3e-3


@torch.no_grad()
def _fresh_loss(net: nn.Module, draw: Draw) -> float:
    """Over eight batches that no training sees."""
    losses = []
    for number in range(8):
        x, y = draw(1_000_000 + number)
        losses.append(float(functional.mse_loss(net(x), y)))
    return float(np.mean(losses))


@contextmanager
def _quiet() -> Iterator[None]:
    """A keeper may talk; nobody reads it here."""
    with redirect_stdout(io.StringIO()):
        yield

"""What goes wrong in a training run, and what only looks like it: small interventions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks._shared.plan import Loop
from benchmarks._shared.tasks import Arrays, Task

__all__ = [
    "Constant", "Growing", "InUnit", "Padded", "Small", "Widened", "at", "gradual",
    "growing_weights", "huge_step", "missing", "raised", "rates", "silent_after", "warm",
    "wrong_targets",
]  # fmt: skip

Meddle = Callable[[Loop, int], None]
Spoil = Callable[[NDArray[np.float32], NDArray[Any], int], Arrays]


def at(seed: int) -> int:
    """When trouble comes: after a while, with each seed at another time, never in a sample."""
    when = 221 + 37 * seed % 150
    return when + (when % 10 == 0)


def gradual(start: float, factor: float, since: int) -> Callable[[int], float]:
    """A learning rate that is multiplied in every iteration from some iteration on."""
    return lambda iteration: start * factor ** max(0, iteration - since)


def raised(usual: float, high: float, when: int) -> Callable[[int], float]:
    """Another learning rate from some iteration on."""
    return lambda iteration: usual if iteration < when else high


def warm(high: float, until: int) -> Callable[[int], float]:
    """A learning rate that begins near zero."""
    return lambda iteration: high * min(1.0, (iteration + 1) / until)


def rates(of: Callable[[int], float]) -> Meddle:
    """The learning rate of each iteration."""
    return lambda loop, iteration: loop.set_lr(of(iteration))


def huge_step(at: int, usual: float, once: float) -> Meddle:
    """One step at another learning rate."""
    return lambda loop, iteration: loop.set_lr(once if iteration == at else usual)


def growing_weights(factor: float, since: int) -> Meddle:
    """The recurrent matrix grows by itself: weight decay with the wrong sign."""

    def meddle(loop: Loop, iteration: int) -> None:
        if iteration >= since:
            with torch.no_grad():
                loop.net.layer.weight_hh_l0.mul_(factor)

    return meddle


def missing(at: int, value: float = float("nan")) -> Spoil:
    """One number of one batch."""

    def spoil(x: NDArray[np.float32], y: NDArray[Any], iteration: int) -> Arrays:
        if iteration == at:
            x = x.copy()
            x[len(x) // 2, x.shape[1] // 2, 0] = value
        return x, y

    return spoil


def silent_after(at: int) -> Spoil:
    """From some batch on nothing comes in."""
    return lambda x, y, iteration: (np.zeros_like(x) if iteration >= at else x, y)


def wrong_targets(at: int, scale: float = 30.0) -> Spoil:
    """One batch with targets in another unit, or with the wrong class."""

    def spoil(x: NDArray[np.float32], y: NDArray[Any], iteration: int) -> Arrays:
        if iteration != at:
            return x, y
        return x, (scale * y if y.dtype == np.float32 else np.full_like(y, y.max()))

    return spoil


@dataclass(frozen=True)
class _Around:
    """A task whose batches are changed."""

    task: Task

    @property
    def inputs(self) -> int:
        """The task's."""
        return self.task.inputs

    @property
    def outputs(self) -> int:
        """The task's."""
        return self.task.outputs

    @property
    def kind(self) -> str:
        """The task's."""
        return self.task.kind

    @property
    def every_step(self) -> bool:
        """The task's."""
        return self.task.every_step

    @property
    def lag(self) -> int | None:
        """The task's."""
        return self.task.lag

    @property
    def baseline(self) -> float | None:
        """The task's."""
        return self.task.baseline


@dataclass(frozen=True)
class Constant(_Around):
    """Every step of every sequence is the same."""

    value: float = 0.0

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """With the targets of something else."""
        x, y = self.task.batch(size, rng)
        return np.full_like(x, self.value), y


@dataclass(frozen=True)
class InUnit(_Around):
    """Values asked for in another unit: losses and gradients are large, and stay so."""

    unit: float = 1.0

    @property
    def baseline(self) -> float | None:
        """A squared error goes with the square."""
        return None if self.task.baseline is None else self.unit**2 * self.task.baseline

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """With targets so many times larger."""
        x, y = self.task.batch(size, rng)
        return x, np.float32(self.unit) * y


@dataclass(frozen=True)
class Widened(_Around):
    """One more channel, which never changes."""

    value: float = 1.0

    @property
    def inputs(self) -> int:
        """One more."""
        return self.task.inputs + 1

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, I + 1)``."""
        x, y = self.task.batch(size, rng)
        return np.concatenate([x, np.full_like(x[..., :1], self.value)], -1), y


@dataclass(frozen=True)
class Padded(_Around):
    """Silence before the sequences begin, up to half of the window."""

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """Of a random length in each sequence."""
        x, y = self.task.batch(size, rng)
        steps = x.shape[1]
        quiet = np.arange(steps) < rng.integers(0, steps // 2, size)[:, None]
        return np.where(quiet[..., None], np.float32(0), x), y


@dataclass(frozen=True)
class Small(_Around):
    """The same few sequences again and again: a full batch of little data."""

    sequences: int = 16

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """Always the same."""
        return self.task.batch(self.sequences, np.random.default_rng(7))


@dataclass(frozen=True)
class Growing:
    """Longer and longer sequences."""

    of: Callable[[int], Task]
    """The task with that many steps."""
    first: int
    last: int
    every: int
    by: int

    def __call__(self, iteration: int) -> Task:
        """At that iteration."""
        return self.of(min(self.last, self.first + iteration // self.every * self.by))

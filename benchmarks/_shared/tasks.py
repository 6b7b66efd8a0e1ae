"""Tasks beside those of ``backsight.tasks``: text, waves, sums, noise, a majority, chaos."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backsight.tasks import Corpus, Split, Streams, read_corpus, split_text

__all__ = [
    "Arrays", "Chaos", "Flowing", "Majority", "Noise", "Sums", "Task", "Text", "Waves",
]  # fmt: skip

Arrays = tuple[NDArray[np.float32], NDArray[Any]]
"""Inputs and targets."""


class Task(Protocol):
    """Where batches come from, as in ``backsight.tasks``."""

    @property
    def inputs(self) -> int:
        """Numbers a step."""

    @property
    def outputs(self) -> int:
        """Numbers that are asked for."""

    @property
    def kind(self) -> str:
        """``classes`` or ``value``."""

    @property
    def every_step(self) -> bool:
        """Whether each step is asked, or the last one."""

    @property
    def lag(self) -> int | None:
        """How far back lies what is asked for."""

    @property
    def baseline(self) -> float | None:
        """The loss of the best guess without memory."""

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """Inputs ``(B, T, I)`` and targets."""


class _NextValue:
    """One channel comes in, and at every step one value is asked for."""

    inputs = 1
    outputs = 1
    kind = "value"
    every_step = True
    lag = None
    baseline = None


@cache
def library() -> Corpus:
    """The standard library's sources."""
    return read_corpus()


@cache
def corpus(part: int) -> Split:
    """A million characters of them, in 10 parts."""
    whole = library()
    text = whole.text[part * 900_000 : part * 900_000 + 1_000_000]
    # The rarest characters are left to the unknown one: a smaller output layer.
    return split_text(Corpus(text, whole.origin), min_count=200)


@dataclass(frozen=True)
class Text:
    """The next character, one-hot input; windows at random places, or carried on."""

    steps: int = 30
    part: int = 0
    order: bool = True
    """False: targets that belong to other inputs."""

    kind = "classes"
    every_step = True
    lag = None

    @property
    def inputs(self) -> int:
        """The alphabet."""
        return len(corpus(self.part).vocabulary)

    outputs = inputs

    @property
    def baseline(self) -> float | None:
        """Not told, as to most who train on text."""
        return None

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, V)`` and ``(B, T)``."""
        codes = corpus(self.part).train
        places = rng.integers(0, len(codes) - self.steps, size)[:, None] + np.arange(self.steps + 1)
        return self._encoded(codes[places[:, :-1]], codes[places[:, 1:]], rng)

    def _encoded(
        self, inputs: NDArray[np.int64], targets: NDArray[np.int64], rng: np.random.Generator
    ) -> Arrays:
        x = np.eye(self.inputs, dtype=np.float32)[inputs]
        if not self.order:
            targets = rng.permutation(targets.ravel()).reshape(targets.shape)
        return x, targets


class Flowing(Text):
    """Windows that go on where the last ones ended."""

    def __init__(self, steps: int, size: int, part: int) -> None:
        super().__init__(steps, part)
        streams = Streams(corpus(part).train, size, stateful=True, seed=0)
        object.__setattr__(self, "streams", streams)

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """The next window of each stream."""
        x, y, _ = self.streams.window(self.steps)  # type: ignore[attr-defined]
        return self._encoded(x, y, rng)


@dataclass(frozen=True)
class Waves(_NextValue):
    """The next value of two sines of random period and phase, with some noise."""

    steps: int = 40
    scale: float = 1.0
    """Of the input alone: what an input looks like that nobody has normalised."""
    noise: float = 0.05

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, 1)`` twice."""
        t = np.arange(self.steps + 1)
        y = np.zeros((size, self.steps + 1))
        for _ in range(2):
            period, phase = rng.uniform(5, 20, (size, 1)), rng.uniform(0, 2 * math.pi, (size, 1))
            y += np.sin(2 * math.pi * t / period + phase)
        y += self.noise * rng.standard_normal(y.shape)
        both = y.astype(np.float32)[..., None]
        return both[:, :-1] * np.float32(self.scale), both[:, 1:]


@dataclass(frozen=True)
class Sums(_NextValue):
    """The running mean over the window's length of what has come in: it takes a growing state."""

    steps: int = 50
    low: float = 0.0
    high: float = 1.0

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, 1)`` twice."""
        x = rng.uniform(self.low, self.high, (size, self.steps, 1)).astype(np.float32)
        return x, np.cumsum(x, 1) / self.steps


@dataclass(frozen=True)
class Noise:
    """Labels that have nothing to do with the inputs."""

    steps: int = 30
    classes: int = 4
    every_step: bool = False

    inputs = 3
    kind = "classes"
    lag = None

    @property
    def outputs(self) -> int:
        """Classes."""
        return self.classes

    @property
    def baseline(self) -> float:
        """Any class is as likely."""
        return math.log(self.classes)

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, 3)`` and ``(B,)`` or ``(B, T)``."""
        x = rng.standard_normal((size, self.steps, 3)).astype(np.float32)
        shape = (size, self.steps) if self.every_step else (size,)
        return x, rng.integers(0, self.classes, shape)


@dataclass(frozen=True)
class Majority:
    """Whether more of the inputs were +1 than −1: it takes counting."""

    steps: int = 41
    every_step: bool = False

    inputs = 1
    outputs = 2
    kind = "classes"
    lag = None
    baseline = math.log(2)

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, 1)`` and ``(B,)``; the number of steps is odd, so that there is an answer."""
        x = rng.choice(np.array([-1, 1], np.float32), (size, self.steps | 1, 1))
        return x, (x.sum((1, 2)) > 0).astype(np.int64)


@dataclass(frozen=True)
class Chaos(_NextValue):
    """The next value of the logistic map, seen through some noise."""

    steps: int = 30
    rate: float = 3.8
    noise: float = 0.0

    def batch(self, size: int, rng: np.random.Generator) -> Arrays:
        """``(B, T, 1)`` twice, between −1 and 1 without the noise."""
        y = np.empty((size, self.steps + 1))
        y[:, 0] = rng.uniform(0.1, 0.9, size)
        for t in range(self.steps):
            y[:, t + 1] = self.rate * y[:, t] * (1 - y[:, t])
        y = 2 * y - 1 + self.noise * rng.standard_normal(y.shape)
        both = y.astype(np.float32)[..., None]
        return both[:, :-1], both[:, 1:]

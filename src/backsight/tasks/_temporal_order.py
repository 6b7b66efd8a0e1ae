"""Temporal order: which two symbols came, and in which order, among distractors."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["TemporalOrder"]

DISTRACTORS = 4
RELEVANT = 2


@dataclass(frozen=True, slots=True)
class TemporalOrder:
    """Say at the end whether the two marked symbols were AA, AB, BA or BB.

    Features 0 to 3 are distractors, 4 is A, 5 is B; one is 1 at each step. The first relevant
    symbol comes at a step from T/10 to 2T/10, the second from 4T/10 to 5T/10 (both ends
    included, rounded down), every other step is a distractor. The class is 2·first + second,
    with A as 0 and B as 1.

    Source: task 6a of Hochreiter and Schmidhuber 1997, with the places and the 6 symbols of
    Pascanu, Mikolov and Bengio 2013, which needs no trigger at the end.

    Raises:
        SettingError: ``steps`` is below 10, where the places would coincide.
    """

    steps: int = 50
    """Length ``T`` of a sequence."""

    name: ClassVar[str] = "order"
    inputs: ClassVar[int] = DISTRACTORS + RELEVANT
    outputs: ClassVar[int] = RELEVANT**2
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = False
    baseline: ClassVar[float] = math.log(RELEVANT**2)
    near_baseline: ClassVar[float] = math.log(RELEVANT)
    """The second symbol is known, the first is not."""

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 10, "temporal order")

    @property
    def lag(self) -> int:
        """From the latest place of the first symbol to the last step."""
        return self.steps - 1 - 2 * self.steps // 10

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, 6)`` and classes ``(B,)``."""
        steps = self.steps
        symbols = rng.integers(0, DISTRACTORS, (size, steps))
        first = rng.integers(steps // 10, 2 * steps // 10, size, endpoint=True)
        second = rng.integers(4 * steps // 10, 5 * steps // 10, size, endpoint=True)
        relevant = rng.integers(0, RELEVANT, (size, 2))
        rows = np.arange(size)
        symbols[rows, first] = DISTRACTORS + relevant[:, 0]
        symbols[rows, second] = DISTRACTORS + relevant[:, 1]
        return one_hot(symbols, self.inputs), RELEVANT * relevant[:, 0] + relevant[:, 1]

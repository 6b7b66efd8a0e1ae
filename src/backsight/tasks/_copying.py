"""Copying: ten symbols, a long wait, a signal; then the ten again."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["Copying"]

LENGTH = 10
SYMBOLS = 8
BLANK = SYMBOLS
GO = SYMBOLS + 1


@dataclass(frozen=True, slots=True)
class Copying:
    """Repeat the ten symbols that were shown first, once a signal has been given.

    Features 0 to 7 are the symbols, 8 is the blank, 9 the signal; one is 1 at each step. The
    first ten steps show symbols, each drawn evenly; the signal comes at step T - 11; every other
    step is blank. The target is the blank until the signal, and at the ten steps after it the
    symbols in their order. ``steps`` is the whole length: the T of the sources is 20 less.

    Source: Hochreiter and Schmidhuber 1997; this form Arjovsky, Shah and Bengio 2016.

    Raises:
        SettingError: ``steps`` is below 21, ten to show, ten to repeat and the signal.
    """

    steps: int = 50
    """Length ``T`` of a sequence."""

    name: ClassVar[str] = "copying"
    inputs: ClassVar[int] = SYMBOLS + 2
    outputs: ClassVar[int] = SYMBOLS + 1
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 2 * LENGTH + 1, "copying")

    @property
    def lag(self) -> int:
        """From each symbol to its repetition: the same for all ten."""
        return self.steps - LENGTH

    @property
    def baseline(self) -> float:
        """Blanks are certain; each of ten symbols costs ln 8. A mean over all steps."""
        return LENGTH * math.log(SYMBOLS) / self.steps

    @property
    def near_baseline(self) -> float:
        """The same: every symbol lies the whole lag back."""
        return self.baseline

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, 10)`` and classes ``(B, T)``, 9 of them."""
        shown = rng.integers(0, SYMBOLS, (size, LENGTH))
        symbols = np.full((size, self.steps), BLANK)
        symbols[:, :LENGTH] = shown
        symbols[:, -LENGTH - 1] = GO
        targets = np.full((size, self.steps), BLANK)
        targets[:, -LENGTH:] = shown
        return one_hot(symbols, self.inputs), targets

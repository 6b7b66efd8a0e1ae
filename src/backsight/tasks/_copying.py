"""Copying: ten symbols, a long wait, a signal; then the ten again."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["Copying", "show_and_repeat"]

SHOWN = 10
SYMBOLS = 8


@dataclass(frozen=True, slots=True)
class Copying:
    """Repeat the ten symbols that were shown first, once a signal has been given.

    Features 0 to 7 are the symbols, 8 is the blank, 9 the signal; one is 1 at each step. The
    first ten steps show symbols, each drawn evenly; the signal comes at step T - 11; every other
    step is blank. The target is the blank until the signal, and at the ten steps after it the
    symbols in their order. ``length`` is the whole length: the T of the sources is 20 less.

    Source: Hochreiter and Schmidhuber 1997; this form Arjovsky, Shah and Bengio 2016.

    Raises:
        SettingError: ``length`` is below 21, ten to show, ten to repeat and the signal.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Copying
        >>> inputs, targets = Copying(length=30).batch(4, np.random.default_rng(0))
        >>> inputs.shape, targets.shape
        ((4, 30, 10), (4, 30))
        >>> np.array_equal(targets[:, -10:], inputs[:, :10].argmax(2))
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""

    name: ClassVar[str] = "copying"
    inputs: ClassVar[int] = SYMBOLS + 2
    outputs: ClassVar[int] = SYMBOLS + 1
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = True
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        at_least("length", self.length, 2 * SHOWN + 1, self.name)

    @property
    def lag(self) -> int:
        """From each symbol to its repetition: the same for all ten."""
        return self.length - SHOWN

    @property
    def baseline(self) -> float:
        """Blanks are certain; each of ten symbols costs ln 8. A mean over all steps."""
        return SHOWN * math.log(SYMBOLS) / self.length

    @property
    def near_baseline(self) -> float:
        """The same: every symbol lies the whole lag back."""
        return self.baseline

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, 10)`` and classes ``(B, T)``, 9 of them."""
        return show_and_repeat(rng.integers(0, SYMBOLS, (size, SHOWN)), SYMBOLS, self.length)


def show_and_repeat(
    shown: NDArray[np.int64], symbols: int, length: int
) -> tuple[Inputs, NDArray[np.int64]]:
    """Sequences that begin with symbols and ask for them at the end.

    Args:
        shown: ``(B, n)``: the symbols of each.
        symbols: how many different ones; the blank follows them, then the signal.
        length: steps ``T`` of a sequence, above 2n.

    Returns:
        inputs ``(B, T, symbols + 2)`` and classes ``(B, T)``, ``symbols + 1`` of them.
    """
    size, count = shown.shape
    blank, signal = symbols, symbols + 1
    read = np.full((size, length), blank)
    read[:, :count] = shown
    read[:, -count - 1] = signal
    targets = np.full((size, length), blank)
    targets[:, -count:] = shown
    return one_hot(read, symbols + 2), targets

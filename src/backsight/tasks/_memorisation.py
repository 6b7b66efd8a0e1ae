"""Noiseless memorisation: a pattern, a long wait, a signal; then the pattern again."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._copying import show_and_repeat
from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._memory import Inputs, Kind, at_least

__all__ = ["Memorisation"]


@dataclass(frozen=True, slots=True)
class Memorisation:
    """Repeat the ``pattern`` symbols that were shown first, once a signal has been given.

    As :class:`Copying`, whose ten symbols of eight kinds are one choice of many: by default the
    pattern is 5 bits; the other variant of the sources, over 20 bits, has 10 symbols of 5 kinds.
    One feature a kind of symbol, one for the blank, one for the signal, which is given at the
    step before the repetition. ``length`` is the whole length; the sources' T is less by twice
    the pattern.

    Source: Martens and Sutskever 2011, Jaeger 2012, Pascanu, Mikolov and Bengio 2013 (section
    4.1.2, signal and targets from their program).

    Raises:
        SettingError: ``length`` is below twice the pattern and one, ``pattern`` below 1 or
            ``symbols`` below 2.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Memorisation
        >>> inputs, classes = Memorisation(length=20, pattern=3).batch(4, np.random.default_rng(0))
        >>> np.array_equal(classes[:, -3:], inputs[:, :3].argmax(2))
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""
    pattern: int = 5
    """Symbols to remember."""
    symbols: int = 2
    """How many different ones."""

    name: ClassVar[str] = "noiseless-memorisation"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = True
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        at_least("pattern", self.pattern, 1, self.name)
        at_least("symbols", self.symbols, 2, self.name)
        at_least("length", self.length, 2 * self.pattern + 1, self.name)

    @property
    def inputs(self) -> int:
        """One a symbol, the blank, the signal."""
        return self.symbols + 2

    @property
    def outputs(self) -> int:
        """One a symbol, and the blank."""
        return self.symbols + 1

    @property
    def lag(self) -> int:
        """From each symbol to its repetition: the same for all."""
        return self.length - self.pattern

    @property
    def baseline(self) -> float:
        """Blanks are certain, each symbol is a guess. A mean over all steps."""
        return self.pattern * math.log(self.symbols) / self.length

    @property
    def near_baseline(self) -> float:
        """The same: every symbol lies the whole lag back."""
        return self.baseline

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, symbols + 2)`` and classes ``(B, T)``."""
        shown = rng.integers(0, self.symbols, (size, self.pattern))
        return show_and_repeat(shown, self.symbols, self.length)

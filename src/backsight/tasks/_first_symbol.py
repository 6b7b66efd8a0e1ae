"""First symbol: recall at the end what came first, among more of the same kind."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["FirstSymbol"]


@dataclass(frozen=True, slots=True)
class FirstSymbol:
    """Say at the end which symbol was read first.

    Each of ``symbols`` features is 1 where its symbol is read; all symbols are drawn evenly and
    independently, so that nothing but its place tells the first one from those that follow. It is
    the purest of these tasks: one thing to keep, for the whole length.

    Source: Backsight, after the latching of Bengio, Simard and Frasconi 1994 (task 3a of
    Hochreiter and Schmidhuber 1997 with N = 1), with symbols for numbers and noise.

    Raises:
        SettingError: ``length`` or ``symbols`` is below 2.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import FirstSymbol
        >>> task = FirstSymbol(length=10)
        >>> inputs, classes = task.batch(4, np.random.default_rng(0))
        >>> np.array_equal(classes, inputs[:, 0].argmax(1)), task.lag
        (True, 9)
    """

    length: int = 50
    """Length ``T`` of a sequence."""
    symbols: int = 8
    """How many different ones."""

    name: ClassVar[str] = "first-symbol"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = False
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        at_least("length", self.length, 2, self.name)
        at_least("symbols", self.symbols, 2, self.name)

    @property
    def inputs(self) -> int:
        """One a symbol."""
        return self.symbols

    @property
    def outputs(self) -> int:
        """One a symbol."""
        return self.symbols

    @property
    def lag(self) -> int:
        """From the first step to the last."""
        return self.length - 1

    @property
    def baseline(self) -> float:
        """Every symbol is as likely as any other."""
        return math.log(self.symbols)

    @property
    def near_baseline(self) -> float:
        """The same: what was read later tells nothing."""
        return self.baseline

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, symbols)`` and classes ``(B,)``."""
        symbols = rng.integers(0, self.symbols, (size, self.length))
        return one_hot(symbols, self.symbols), symbols[:, 0].copy()

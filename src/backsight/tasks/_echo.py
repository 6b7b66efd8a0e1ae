"""Echo: at every step, the symbol of some steps before."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._memory import NO_LOSS, Inputs, Kind, at_least, one_hot

__all__ = ["Echo", "check_echo"]


@dataclass(frozen=True, slots=True)
class Echo:
    """Say at every step which symbol was read ``lag`` steps before.

    Each of ``symbols`` features is 1 where its symbol is read; symbols are drawn evenly and
    independently. The first ``lag`` steps carry no loss. With a small lag it is a task of short
    memory, which gradients that vanish do not hurt.

    Source: the delayed recall of echo state networks (Jaeger 2001), with symbols for numbers.

    Raises:
        SettingError: ``lag`` is not from 1 up to below ``length``, or ``symbols`` is below 2.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Echo
        >>> inputs, classes = Echo(length=10, lag=3).batch(4, np.random.default_rng(0))
        >>> np.array_equal(classes[:, 3:], inputs[:, :-3].argmax(2))
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""
    lag: int = 5
    """Steps back."""
    symbols: int = 8
    """How many different ones."""

    name: ClassVar[str] = "echo"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = True
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        check_echo(self.length, self.lag, self.symbols, 1, self.name)

    @property
    def inputs(self) -> int:
        """One a symbol."""
        return self.symbols

    @property
    def outputs(self) -> int:
        """One a symbol."""
        return self.symbols

    @property
    def baseline(self) -> float:
        """Every symbol is as likely as any other."""
        return math.log(self.symbols)

    @property
    def near_baseline(self) -> float:
        """The same: what was read later tells nothing."""
        return self.baseline

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, symbols)`` and classes ``(B, T)``."""
        symbols = rng.integers(0, self.symbols, (size, self.length))
        targets = np.full((size, self.length), NO_LOSS)
        targets[:, self.lag :] = symbols[:, : -self.lag]
        return one_hot(symbols, self.symbols), targets


def check_echo(length: int, lag: int, symbols: int, shortest: int, of: str) -> None:
    """Raise a SettingError where no step could say what was read ``lag`` steps before it."""
    at_least("length", length, shortest + 1, of)
    at_least("lag", lag, shortest, of)
    at_least("symbols", symbols, 2, of)
    if lag >= length:
        raise SettingError(f"lag of {of} must be below its {length} steps, not {lag}")

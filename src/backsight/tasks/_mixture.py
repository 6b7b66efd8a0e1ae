"""Mixture: half of the answers lie one step back, the other half far back."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._echo import check_echo
from backsight.tasks._memory import NO_LOSS, Inputs, Kind, one_hot

__all__ = ["Mixture"]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Say at every step which symbol was read one step before, or ``lag`` steps before.

    Which of the two a step asks for is drawn evenly and told by a flag, the last feature: 1 asks
    for the far one. The features before it are the symbols, of which one is 1, drawn evenly and
    independently. The first ``lag`` steps carry no loss. The two halves share nothing: a model
    that has learned the near one alone stands at half the baseline, and looks as if it learned.

    Source: Backsight, after the short and long parts of a language model's loss.

    Raises:
        SettingError: ``lag`` is not from 2 up to below ``length``, or ``symbols`` is below 2.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Mixture
        >>> inputs, classes = Mixture(length=10, lag=4).batch(1, np.random.default_rng(0))
        >>> symbols, far = inputs[0, :, :-1].argmax(1), inputs[0, :, -1] == 1
        >>> wanted = [symbols[t - 4] if far[t] else symbols[t - 1] for t in range(4, 10)]
        >>> classes[0, 4:].tolist() == wanted
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""
    lag: int = 20
    """Steps back to the far symbol."""
    symbols: int = 8
    """How many different ones."""

    name: ClassVar[str] = "mixture"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = True
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        check_echo(self.length, self.lag, self.symbols, 2, self.name)

    @property
    def inputs(self) -> int:
        """One a symbol, and the flag."""
        return self.symbols + 1

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
        """The near half costs nothing, the far half is a guess."""
        return self.baseline / 2

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, symbols + 1)`` and classes ``(B, T)``."""
        symbols = rng.integers(0, self.symbols, (size, self.length))
        far = rng.integers(0, 2, (size, self.length))
        targets = np.full((size, self.length), NO_LOSS)
        near = symbols[:, self.lag - 1 : -1]
        targets[:, self.lag :] = np.where(far[:, self.lag :], symbols[:, : -self.lag], near)
        flag = far[:, :, None].astype(np.float32)
        return np.concatenate([one_hot(symbols, self.symbols), flag], axis=-1), targets

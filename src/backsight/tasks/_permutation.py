"""Random permutation: the symbol a sequence began with is also its last, after much else."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import Criterion
from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["RandomPermutation"]

MARKED = 2


@dataclass(frozen=True, slots=True)
class RandomPermutation:
    """Say after the last step which symbol comes next: the first one again.

    The first symbol is 0 or 1, every later one is drawn evenly from the others, 2 to
    ``symbols`` - 1, with replacement: the name, of the literature, promises more. One of the
    ``symbols`` features is 1 at each step. Only the last prediction is asked for, as in the
    program of Pascanu, Mikolov and Bengio; in the papers all are, of which only this one can be
    made.

    Source: task 2b of Hochreiter and Schmidhuber 1997 (section 5.2); 100 symbols as in Martens
    and Sutskever 2011 and Pascanu, Mikolov and Bengio 2013 (section 4.1.2).

    Raises:
        SettingError: ``length`` is below 2, or ``symbols`` below 3.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import RandomPermutation
        >>> task = RandomPermutation(length=10, symbols=5)
        >>> inputs, classes = task.batch(4, np.random.default_rng(0))
        >>> np.array_equal(classes, inputs[:, 0].argmax(1)), bool(classes.max() < 2)
        (True, True)
    """

    length: int = 50
    """Length ``T`` of a sequence, without the symbol that is to be predicted."""
    symbols: int = 100
    """How many different ones."""

    name: ClassVar[str] = "random-permutation"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = False
    baseline: ClassVar[float] = math.log(MARKED)
    near_baseline: ClassVar[float] = math.log(MARKED)
    """The same: what lies between tells nothing."""
    criterion: ClassVar[Criterion] = Criterion(
        0, 10_000, "no wrong answer in 10,000 consecutive sequences",
        "Hochreiter and Schmidhuber 1997, section 5.2",
        note="in the paper, every output unit is a sigmoid that must be within 0.25 of its target",
    )  # fmt: skip

    def __post_init__(self) -> None:
        at_least("length", self.length, 2, self.name)
        at_least("symbols", self.symbols, MARKED + 1, self.name)

    @property
    def inputs(self) -> int:
        """One a symbol."""
        return self.symbols

    @property
    def outputs(self) -> int:
        """One a symbol, though only two are ever right."""
        return self.symbols

    @property
    def lag(self) -> int:
        """From the first step to the last."""
        return self.length - 1

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, symbols)`` and classes ``(B,)``, 0 or 1."""
        drawn = rng.integers(MARKED, self.symbols, (size, self.length))
        drawn[:, 0] = rng.integers(0, MARKED, size)
        return one_hot(drawn, self.symbols), drawn[:, 0].copy()

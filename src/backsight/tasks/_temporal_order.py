"""Temporal order: which marked symbols came, and in which order, among distractors."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.tasks._criterion import PASCANU, STRICT, Criterion
from backsight.tasks._memory import Inputs, Kind, at_least, one_hot

__all__ = ["Form", "TemporalOrder", "ThreeBitOrder"]

Form = Literal["pascanu", "hochreiter"]

Places = tuple[tuple[int, int], ...]
"""For each relevant symbol the first and last place it may have, in hundredths of a length."""

DISTRACTORS = 4
RELEVANT = 2
START = DISTRACTORS + RELEVANT
TRIGGER = START + 1


@dataclass(frozen=True, slots=True)
class TemporalOrder:
    """Say at the end whether the two marked symbols were AA, AB, BA or BB.

    Features 0 to 3 are distractors, 4 is A, 5 is B; one is 1 at each step. The class is
    2·first + second, with A as 0 and B as 1. Places include both ends and are rounded down.

    As ``pascanu`` has it, the first relevant symbol comes at a step from T/10 to 2T/10, the
    second from 4T/10 to 5T/10, and every other step is a distractor. (The authors' program, in
    which the second comes from 5T/10 on, differs from their paper, which is followed.)

    As ``hochreiter`` has it, there are two more features: 6, a start symbol (E in the source) at
    the first step, and 7, a trigger (B) at the last. Each sequence has a length S of its own,
    drawn evenly from 10/11 of T, rounded up, to T: 100 to 110 for T = 110. With the shortest S
    as 100 %, the first symbol comes at 10 to 20 %, the second at 50 to 60 % of it, counted from
    the start symbol. The source takes one sequence at a time; in a batch a sequence shorter than T
    stands at the end, after steps at which all features are 0, so that all end together.

    Source: task 6a of Hochreiter and Schmidhuber 1997 (section 5.6); Pascanu, Mikolov and Bengio
    2013 (section 4.1.1), which needs no trigger.

    Raises:
        SettingError: ``length`` is below 10, where places would coincide, or there is no such
            form.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import TemporalOrder
        >>> inputs, classes = TemporalOrder(length=20).batch(1, np.random.default_rng(0))
        >>> symbols = inputs[0].argmax(1)
        >>> first, second = symbols[symbols >= 4] - 4  # 0 for A, 1 for B
        >>> bool(classes[0] == 2 * first + second)
        True
    """

    length: int = 50
    """Length ``T`` of a sequence; of the longest in Hochreiter's form."""
    form: Form = "pascanu"
    """Whose."""

    name: ClassVar[str] = "temporal-order"
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = False
    outputs: ClassVar[int] = RELEVANT**2
    baseline: ClassVar[float] = 2 * math.log(RELEVANT)
    near_baseline: ClassVar[float] = math.log(RELEVANT)
    """All symbols but the first are known."""
    places: ClassVar[dict[str, Places]] = {
        "pascanu": ((10, 20), (40, 50)),
        "hochreiter": ((10, 20), (50, 60)),
    }
    """By form."""
    least: ClassVar[dict[str, int]] = {"pascanu": 10, "hochreiter": 10}
    """The shortest length, by form."""

    def __post_init__(self) -> None:
        if self.form not in self.places:
            known = " or ".join(get_args(Form))
            raise SettingError(f"form of {self.name} must be {known}, not {self.form!r}")
        at_least("length", self.length, self.least[self.form], self.name)

    @property
    def inputs(self) -> int:
        """Distractors and relevant symbols, and in Hochreiter's form start and trigger."""
        return DISTRACTORS + RELEVANT + (2 if self.form == "hochreiter" else 0)

    @property
    def criterion(self) -> Criterion:
        """Each paper's own."""
        return PASCANU if self.form == "pascanu" else STRICT

    @property
    def shortest(self) -> int:
        """Of the sequences: ``length`` in Pascanu's form."""
        return self.length if self.form == "pascanu" else -(-10 * self.length // 11)

    @property
    def lag(self) -> int:
        """From the latest place of the first symbol to the last step of the shortest sequence."""
        return self.shortest - 1 - self._ends()[0][1]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, 6)`` or ``(B, T, 8)``, classes ``(B,)``."""
        symbols = rng.integers(0, DISTRACTORS, (size, self.length))
        places = [rng.integers(*ends, size, endpoint=True) for ends in self._ends()]
        relevant = rng.integers(0, RELEVANT, (size, len(places)))
        rows = np.arange(size)
        start = np.zeros(size, dtype=np.int64)
        if self.form == "hochreiter":
            start = self.length - rng.integers(self.shortest, self.length, size, endpoint=True)
            symbols[rows, start] = START
            symbols[:, -1] = TRIGGER
        for place, symbol in zip(places, relevant.T, strict=True):
            symbols[rows, start + place] = DISTRACTORS + symbol
        inputs = one_hot(symbols, self.inputs)
        inputs[np.arange(self.length) < start[:, None]] = 0
        powers = RELEVANT ** np.arange(len(places))[::-1]
        return inputs, relevant @ powers

    def _ends(self) -> list[tuple[int, int]]:
        """First and last step of each relevant symbol, from the start of its sequence."""
        return [
            (first * self.shortest // 100, last * self.shortest // 100)
            for first, last in self.places[self.form]
        ]


@dataclass(frozen=True, slots=True)
class ThreeBitOrder(TemporalOrder):
    """Say at the end which of the eight orders AAA, AAB, … BBB three marked symbols came in.

    As :class:`TemporalOrder`, with a third relevant symbol: the class is 4·first + 2·second +
    third. The places are 10 to 20, 30 to 40 and 60 to 70 % of T in Pascanu's form, and 10 to 20,
    33 to 43 and 66 to 76 % of the shortest sequence in Hochreiter's.

    Source: task 6b of Hochreiter and Schmidhuber 1997 (section 5.6); Pascanu, Mikolov and Bengio
    2013 (section 4.1.2, places from its supplement).

    Raises:
        SettingError: ``length`` is below 10, or in Hochreiter's form below 34, where in a longer
            sequence the second symbol may lie as far back as the first does in a shorter one; or
            there is no such form.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import ThreeBitOrder
        >>> inputs, classes = ThreeBitOrder(length=20).batch(1, np.random.default_rng(0))
        >>> symbols = inputs[0].argmax(1)
        >>> first, second, third = symbols[symbols >= 4] - 4  # 0 for A, 1 for B
        >>> bool(classes[0] == 4 * first + 2 * second + third)
        True
    """

    name: ClassVar[str] = "3-bit-temporal-order"
    outputs: ClassVar[int] = RELEVANT**3
    baseline: ClassVar[float] = 3 * math.log(RELEVANT)
    places: ClassVar[dict[str, Places]] = {
        "pascanu": ((10, 20), (30, 40), (60, 70)),
        "hochreiter": ((10, 20), (33, 43), (66, 76)),
    }
    least: ClassVar[dict[str, int]] = {"pascanu": 10, "hochreiter": 34}

"""Delayed XOR: whether the two bits that carry a mark differ."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import LENIENT, Criterion
from backsight.tasks._marked import SHORTEST, marked, marked_lag
from backsight.tasks._memory import Inputs, Kind, at_least

__all__ = ["DelayedXor"]


@dataclass(frozen=True, slots=True)
class DelayedXor:
    """Say at the end whether the two marked bits were the same (class 0) or not (class 1).

    Feature 0 is a bit, 0 or 1, drawn evenly; feature 1 is the mark: 1 at a step of the first
    T/10, and at one from there up to below T/2 (both rounded down), 0 elsewhere. Either bit alone
    says nothing of the answer: unlike temporal order it cannot be learned one symbol at a time.

    Source: the XOR problem of Martens and Sutskever 2011, with places as in
    :class:`Multiplication`, one length for all sequences, and nothing that marks the ends.

    Raises:
        SettingError: ``length`` is below 10.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import DelayedXor
        >>> inputs, classes = DelayedXor(length=20).batch(4, np.random.default_rng(0))
        >>> bits, marks = inputs[..., 0], inputs[..., 1]
        >>> np.array_equal((bits * marks).sum(1) % 2, classes)
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""

    name: ClassVar[str] = "delayed-xor"
    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = 2
    kind: ClassVar[Kind] = "classes"
    every_step: ClassVar[bool] = False
    baseline: ClassVar[float] = math.log(2)
    near_baseline: ClassVar[float] = math.log(2)
    """The same: the second bit alone tells nothing."""
    criterion: ClassVar[Criterion] = LENIENT

    def __post_init__(self) -> None:
        at_least("length", self.length, SHORTEST, self.name)

    @property
    def lag(self) -> int:
        """From the last step of the first tenth to the last step."""
        return marked_lag(self.length)

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.int64]]:
        """Draw ``size`` sequences: inputs ``(B, T, 2)`` and classes ``(B,)``."""
        bits = rng.integers(0, 2, (size, self.length)).astype(np.float32)
        inputs, pair = marked(bits, rng)
        return inputs, (pair[:, 0] != pair[:, 1]).astype(np.int64)

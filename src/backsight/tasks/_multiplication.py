"""Multiplication: the product of the two numbers that carry a mark."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.tasks._criterion import Criterion
from backsight.tasks._marked import SHORTEST, marked, marked_lag
from backsight.tasks._memory import Inputs, Kind, at_least

__all__ = ["Multiplication"]


@dataclass(frozen=True, slots=True)
class Multiplication:
    """Say at the end what the product of the two marked numbers is.

    Feature 0 is a number drawn evenly from 0 to 1; feature 1 is the mark: 1 at a step of the
    first T/10, and at one from there up to below T/2 (both rounded down), 0 elsewhere.

    Source: task 5 of Hochreiter and Schmidhuber 1997 (section 5.5), with the places of Pascanu,
    Mikolov and Bengio 2013 (section 4.1.2 and their program), and nothing that marks the ends.
    Both draw a length from T to 11T/10; here it is T.

    Raises:
        SettingError: ``length`` is below 10.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Multiplication
        >>> inputs, products = Multiplication(length=20).batch(1, np.random.default_rng(0))
        >>> marked = inputs[0, inputs[0, :, 1] == 1, 0]
        >>> np.isclose(marked.prod(), products[0, 0]).item()
        True
    """

    length: int = 50
    """Length ``T`` of a sequence."""

    name: ClassVar[str] = "multiplication"
    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = 1
    kind: ClassVar[Kind] = "value"
    every_step: ClassVar[bool] = False
    baseline: ClassVar[float] = 7 / 144
    """The variance of the product, which always answering 1/4 leaves: 1/3² - 1/4²."""
    near_baseline: ClassVar[float] = 1 / 36
    """The second number y is known, and y/2 answered: the mean of y²/12."""
    criterion: ClassVar[Criterion] = Criterion(
        12, 2000, "errors of 0.04 or more in fewer than 13 of 2,000 consecutive sequences",
        "Hochreiter and Schmidhuber 1997, section 5.5",
        tolerance=0.04,
        note="the stricter of two criteria in the paper; Pascanu, Mikolov and Bengio 2013 ask for "
        "a squared error below 0.04 in all but 1 % of sequences",
    )  # fmt: skip

    def __post_init__(self) -> None:
        at_least("length", self.length, SHORTEST, self.name)

    @property
    def lag(self) -> int:
        """From the last step of the first tenth to the last step."""
        return marked_lag(self.length)

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.float32]]:
        """Draw ``size`` sequences: inputs ``(B, T, 2)`` and products ``(B, 1)``."""
        inputs, pair = marked(rng.random((size, self.length), dtype=np.float32), rng)
        products: NDArray[np.float32] = pair.prod(axis=1, keepdims=True)
        return inputs, products

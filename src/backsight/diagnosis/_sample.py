"""What a rule sees of a run: everything recorded in one iteration, and what is known besides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis.stability import LossHistory
from backsight.signals import family, member

__all__ = ["Facts", "ProfileRow", "Sample", "Value"]

ProfileRow = NDArray[np.floating[Any]]
Value = float | ProfileRow


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run beside its signals; nothing of it has to be.

    Example:
        >>> from backsight.diagnosis import Facts, Judge
        >>> judge = Judge(Facts(lag=40, baseline=1.386))
        >>> judge.facts.lag, judge.facts.near
        (40, None)
    """

    lag: int | None = None
    """How many steps back lies what the loss asks for."""
    baseline: float | None = None
    """The loss of the best guess that needs no memory."""
    near: float | None = None
    """The best loss with a memory shorter than the lag, where that helps at all."""
    objective: bool = True
    """Whether the loss is what the training brings down: that of a GAN or a policy is not."""


class Sample:
    """Everything recorded in one iteration.

    Args:
        iteration: its number.
        values: numbers, and rows of profiles, by the signal's whole name.
        courses: how each loss has gone, this iteration included, by member.
        facts: what is known of the run.

    Example:
        >>> from backsight.diagnosis import Facts, Sample
        >>> sample = Sample(3, {"loss": 2.0, "horizon/rnn.l0": 12.0}, {}, Facts())
        >>> sample.families == {"loss", "horizon"}, sample.numbers("horizon")
        (True, {'rnn.l0': 12.0})
    """

    __slots__ = ("_numbers", "_rows", "courses", "facts", "iteration")

    def __init__(
        self,
        iteration: int,
        values: Mapping[str, Value],
        courses: Mapping[str, LossHistory],
        facts: Facts,
    ) -> None:
        self.iteration = iteration
        self.courses = courses
        self.facts = facts
        self._numbers: dict[str, dict[str, float]] = {}
        self._rows: dict[str, dict[str, ProfileRow]] = {}
        for name, value in sorted(values.items()):  # as the store has them
            if isinstance(value, float):
                self._numbers.setdefault(family(name), {})[member(name)] = value
            else:
                self._rows.setdefault(family(name), {})[member(name)] = value

    @classmethod
    def of(
        cls,
        iteration: int,
        numbers: dict[str, dict[str, float]],
        rows: dict[str, dict[str, ProfileRow]],
        courses: Mapping[str, LossHistory],
        facts: Facts,
    ) -> Self:
        """The same, of values by family and member, each family in the order of its members."""
        made = cls(iteration, {}, courses, facts)
        made._numbers, made._rows = numbers, rows
        return made

    @property
    def label(self) -> str:
        """The model's, where a run has several: every signal carries it."""
        return next(iter(self.courses), "")

    @property
    def families(self) -> frozenset[str]:
        """What there is."""
        return frozenset((*self._numbers, *self._rows))

    def holds(self, name: str) -> bool:
        """Whether anything of a family was recorded."""
        return name in self._numbers or name in self._rows

    def numbers(self, name: str) -> Mapping[str, float]:
        """Scalars of a family, by member."""
        return self._numbers.get(name, _NOTHING)

    def rows(self, name: str) -> Mapping[str, ProfileRow]:
        """Rows of a family, by member."""
        return self._rows.get(name, _NOTHING)


_NOTHING: Mapping[str, Any] = {}

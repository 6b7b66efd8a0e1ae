"""When a task is solved, as a paper has put it: so few wrong sequences among so many."""

from dataclasses import dataclass

__all__ = ["LENIENT", "PASCANU", "STRICT", "Criterion"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """At most ``wrong`` of ``sequences`` fresh sequences may be wrong.

    A sequence is wrong where any of its answers is: where another class is the likeliest, or a
    value is off by ``tolerance`` or more. An output that is not finite is wrong.

    Example:
        >>> from backsight.tasks import Adding
        >>> criterion = Adding().criterion
        >>> criterion.wrong, criterion.sequences, criterion.tolerance
        (0, 2000, 0.08)
        >>> criterion.met(0.0), criterion.met(0.01)
        (True, False)
    """

    wrong: int
    """Sequences that may be wrong."""
    sequences: int
    """Sequences that are looked at."""
    statement: str
    """The same, for a sentence: what holds once it is met."""
    source: str
    """The paper, or what was taken in its place where none says."""
    tolerance: float | None = None
    """How far off a value is wrong, in the task's units; None for classes."""
    note: str = ""
    """What the paper asks besides, or in other units."""

    def met(self, share: float) -> bool:
        """Whether a share of wrong sequences, from 0 to 1, is small enough.

        The share may be of fewer than ``sequences``, which then proves that much less. NaN meets
        nothing.
        """
        return share <= self.wrong / self.sequences


PASCANU = Criterion(
    99, 10_000, "wrong answers in under 1 % of 10,000 fresh sequences",
    "Pascanu, Mikolov and Bengio 2013, section 4.1.1",
)  # fmt: skip
"""Of their temporal order, by which they tell solved from unsolved."""

LENIENT = Criterion(
    PASCANU.wrong, PASCANU.sequences, PASCANU.statement,
    "none is published for this task; this is the criterion of Pascanu, Mikolov and Bengio 2013 "
    "for temporal order",
)  # fmt: skip

STRICT = Criterion(
    0, 2000, "no wrong answer in 2,000 consecutive sequences",
    "Hochreiter and Schmidhuber 1997, section 5.6",
    note="in the paper, every output unit is a sigmoid that must be within 0.3 of its target, and "
    "the average training error must be below 0.1",
)  # fmt: skip
"""Of their task 6."""

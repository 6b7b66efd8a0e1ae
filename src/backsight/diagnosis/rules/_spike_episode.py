"""A loss spike while it lasts, and what is kept of it."""

from dataclasses import dataclass, field

from backsight.diagnosis._finding import Evidence, Finding
from backsight.diagnosis._robust import Recent
from backsight.diagnosis.stability import RECENT, LossHistory

__all__ = ["Episode", "OneBatch", "Past", "lowest_harmless"]

CHANCE = 0.05
"""The lowest part of a run's losses, in which its first three lie by chance once in 8,000 runs."""

CONVERGED = 0.05
"""Of where the loss began: it cannot fall much lower."""

KEPT = 0.02
"""Of what was learned: to be back within that is to have lost nothing."""

AT_ONCE = 2
"""Losses that are back to usual within a few iterations, wherever the others are: the batch was
unlike these, and the model is what it was."""


LOOKS = 12
"""At the batch, of which half or more were at one that was there before."""


@dataclass
class OneBatch:
    """Whether one batch had been given for long when another came.

    Example:
        >>> from backsight.diagnosis.rules._spike_episode import OneBatch
        >>> batch = OneBatch()
        >>> for iteration in range(20):
        ...     batch.look(iteration, again=iteration != 15)
        >>> batch.left_within(10, 20), batch.left_within(18, 20)
        (True, False)
    """

    _newest: int = -1
    _looks: list[bool] = field(default_factory=list)
    _left: list[int] = field(default_factory=list)

    def look(self, iteration: int, *, again: bool) -> None:
        """Each look is kept once: a stretch may be fed sample by sample."""
        if iteration <= self._newest:
            return
        if not again and 2 * sum(self._looks) >= LOOKS:
            self._left.append(iteration)
        self._newest, self._looks = iteration, [*self._looks, again][-LOOKS:]

    def left_within(self, first: int, last: int) -> bool:
        """Whether another came in any of these iterations, of which the first may be the last of
        three losses that make a spike together."""
        return any(first - 2 <= at <= last for at in self._left)


def lowest_harmless(course: LossHistory, usual: float, gain: float, trace: float) -> float:
    """A level at or below which a spike has cost nothing, some iterations after it was over.

    Args:
        course: of the loss, up to the spike.
        usual: the level before it.
        gain: robust standard deviations.
        trace: of that level.

    Returns:
        a level below the one before; just above it where there was hardly anything left to learn.
    """
    if abs(usual) <= CONVERGED * course.began:
        return usual + KEPT * (course.began - usual)
    return usual - max(gain * course.usual.newest(RECENT)[1], trace * abs(usual))


@dataclass
class Episode:
    """What is known of it so far."""

    finding: Finding
    began: int
    usual: float
    height: float
    start: float
    """The level at which the run began."""
    back: float
    """A level at or below which it is over."""
    below: float
    """A level at or below which nothing was lost."""
    last: int
    """The newest iteration with a loss."""
    message: str
    evidence: Evidence
    soon: float
    """Iterations within which nothing that was learned is lost."""
    first: float | None = None
    """The highest loss before it, where these are too few to tell what is usual."""
    recent: Recent = field(default_factory=lambda: Recent(5))
    low: int = 0
    """Losses within these that are no higher than :attr:`back`."""
    since: list[float] = field(default_factory=list)
    """The losses from its beginning on, where :attr:`first` is known."""

    def follow(self, iteration: int, value: float) -> None:
        """One more loss."""
        self.recent.add(value)
        self.last = iteration
        if iteration - self.began < self.soon:
            self.low += value <= self.back
        if self.first is not None:
            self.since.append(value)

    @property
    def usual_here(self) -> bool:
        """Whether the few losses before it were low by chance: many since are no higher."""
        if self.first is None:
            return False
        low = sum(value <= self.first for value in self.since)
        return low > CHANCE * len(self.since)

    def past(self, *, recovered: bool, ruined: bool, told: str) -> "Past":
        """What is kept of it."""
        rise = self.height - self.usual
        return Past(
            self.finding.module, self.began, self.last, rise, recovered, ruined, told,
            self.message, self.evidence, self.below, self.usual_here, self.low >= AT_ONCE,
        )  # fmt: skip


@dataclass
class Past:
    """An episode that is over, or that has outlasted all patience."""

    member: str
    began: int
    ended: int
    height: float
    """Above the usual loss."""
    recovered: bool
    ruined: bool
    """Whether the loss stood above where it began."""
    told: str
    """Whether it recovered, in words."""
    message: str
    evidence: Evidence
    below: float
    usual_here: bool = False
    """Whether losses as high as that turned out to be usual."""
    one_batch: bool = False
    """Whether single losses were back to usual soon after it."""
    regained: bool = False
    """Whether the loss has been lower since than before it."""
    since: Recent = field(default_factory=lambda: Recent(RECENT))
    """The losses after it."""

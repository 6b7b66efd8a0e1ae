"""A loss spike while it lasts, and what is kept of it."""

from dataclasses import dataclass, field

from backsight.diagnosis._finding import Evidence, Finding
from backsight.diagnosis._robust import Recent
from backsight.diagnosis.stability import RECENT

__all__ = ["Episode", "Past"]


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
    recent: Recent = field(default_factory=lambda: Recent(5))

    def past(self, *, recovered: bool, ruined: bool, told: str) -> "Past":
        """What is kept of it."""
        rise = self.height - self.usual
        return Past(
            self.finding.module, self.began, self.last, rise, recovered, ruined, told,
            self.message, self.evidence, self.below,
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
    regained: bool = False
    """Whether the loss has been lower since than before it."""
    since: Recent = field(default_factory=lambda: Recent(RECENT))
    """The losses after it."""

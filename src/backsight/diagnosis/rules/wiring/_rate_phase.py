"""What is remembered of a learning rate while one phase of a training lasts."""

from dataclasses import dataclass

__all__ = ["RatePhase"]


@dataclass
class RatePhase:
    """How the learning rate of one group has gone.

    Example:
        >>> from backsight.diagnosis.rules.wiring._rate_phase import RatePhase
        >>> RatePhase(began=0, start=0.1, highest=0.1, last=0.1).rising
        0
    """

    began: int
    start: float
    highest: float
    last: float
    low_since: int | None = None
    """Since when it has been next to nothing."""
    rising: int = 0
    """Samples in which it was higher than in the one before, since it fell or stood for long."""
    stood: int = 0
    """The most iterations between two of them."""
    held: int = 0
    """Iterations that it was constant for, the longest time before it was low."""
    changed: int = 0
    """When it changed last."""
    before: "RatePhase | None" = None
    """That of the phase before, until it is known that this is another phase."""
    later: bool = False
    """Whether it is another phase than the first."""

    @property
    def may_end(self) -> bool:
        """Whether a drop begins another phase: a rate that has dropped, and drops once more before
        it has risen, is still falling."""
        return self.low_since is None and not (self.later and self.highest <= self.start)

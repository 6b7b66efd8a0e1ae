"""Rates that rise by equal steps: a warm-up in epochs, or in steps, and how much of it is left."""

from dataclasses import dataclass

__all__ = ["Climb", "WarmUp"]

EVEN = 0.05
"""Steps that differ by less than this share are equal: those of a linear warm-up."""


@dataclass
class Climb:
    """Follows the share of its aim that a learning rate has reached.

    Example:
        >>> from backsight.diagnosis.rules.wiring._rate_climb import Climb
        >>> climb = Climb()
        >>> for iteration in range(0, 300, 10):
        ...     climb.add(iteration, (iteration // 60) / 6000)
        >>> climb.rises, round(climb.left)
        (4, 5996)
    """

    rises: int = 0
    """By the same amount, each after the same rate has stood for at least ``least`` iterations."""
    step: float = 0.0
    share: float = 0.0
    least: int = 20
    _since: int | None = None
    _newest: int = 0

    def add(self, iteration: int, share: float) -> None:
        """The share in one more sample."""
        if self._since is None:
            self._since, self.share = iteration, share
        elif share != self.share:
            # The rate before has stood up to the newest sample, at least.
            step, held = share - self.share, self._newest - self._since >= self.least
            even = self.rises == 0 or abs(step - self.step) <= EVEN * self.step
            self.rises = self.rises + 1 if step > 0 and held and even else 0
            self.step = step
            self._since, self.share = iteration, share
        self._newest = iteration

    @property
    def left(self) -> float:
        """As many such steps are still to go."""
        return (1 - self.share) / self.step if self.step > 0 else 0.0


@dataclass
class WarmUp:
    """Follows a share that rises in each sample, by the same amount an iteration.

    Example:
        >>> from backsight.diagnosis.rules.wiring._rate_climb import WarmUp
        >>> rate = WarmUp()
        >>> for iteration in range(0, 310, 10):
        ...     rate.add(iteration, iteration / 6000)
        >>> rate.lasted, round(rate.left), rate.far_from_over
        (300, 5700, True)
    """

    share: float = 0.0
    enough: int = 300
    """Iterations after which it is told."""
    times: float = 3.0
    """As long as so far, and it is far from over."""
    lasted: int = 0
    """Iterations."""
    _slope: float = 0.0
    _newest: int | None = None

    def add(self, iteration: int, share: float) -> None:
        """The share in one more sample."""
        if self._newest is not None:
            passed = iteration - self._newest
            slope = (share - self.share) / passed
            even = self.lasted == 0 or abs(slope - self._slope) <= EVEN * self._slope
            self.lasted = self.lasted + passed if slope > 0 and even else 0
            self._slope = slope
        self._newest, self.share = iteration, share

    @property
    def left(self) -> float:
        """As many iterations are still to go, at this pace."""
        return (1 - self.share) / self._slope if self.lasted else 0.0

    @property
    def far_from_over(self) -> bool:
        """Whether most of it is still to come."""
        return self.lasted >= self.enough and self.left >= self.times * self.lasted

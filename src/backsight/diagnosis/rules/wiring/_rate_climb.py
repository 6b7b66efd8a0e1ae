"""Rates that rise by equal steps, each held for an epoch: a warm-up in epochs, or in steps?"""

from dataclasses import dataclass

__all__ = ["Climb"]

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
    only: bool = True
    """Whether nothing else has become of it."""
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
            rises = step > 0 and held and even
            self.rises = self.rises + 1 if rises else 0
            self.only = self.only and rises
            self.step = step
            self._since, self.share = iteration, share
        self._newest = iteration

    @property
    def left(self) -> float:
        """As many such steps are still to go."""
        return (1 - self.share) / self.step if self.step > 0 else 0.0

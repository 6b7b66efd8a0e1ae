"""Rates far beyond what the optimizer was given, and what stays of them in the loss."""

import math
from dataclasses import dataclass

from backsight.diagnosis.stability import LossHistory

__all__ = ["FAR", "Overshoot", "is_worse"]

FAR = 30
"""Times what the optimizer was given: OneCycleLR begins at a 25th of the rate it rises to."""

LOST = 0.05
"""Of the best constant answer's loss: as much as counts as learned elsewhere."""

BACK = 0.25
"""Above its lowest level, the loss is back there."""


@dataclass
class Overshoot:
    """Follows one optimizer.

    Example:
        >>> from backsight.diagnosis.rules.wiring._rate_overshoot import Overshoot
        >>> from backsight.diagnosis.stability import LossHistory
        >>> rate, loss = Overshoot(), LossHistory()
        >>> for number, value in enumerate([1.0] * 20 + [0.1] * 20 + [0.5] * 20):
        ...     loss.add(number, value)
        >>> rate.reach(200.0)
        >>> rate.rises_with(loss)
        >>> rate.harms(loss)
        True
    """

    highest: float = 0.0
    """Times what the optimizer was given."""
    _lowest: float = math.nan
    """Level of the loss, when it rose with the rate."""

    def reach(self, share: float) -> None:
        """The rate is ``share`` times what the optimizer was given."""
        self.highest = max(self.highest, share)

    def rises_with(self, history: LossHistory) -> None:
        """The loss rises, and the rate does."""
        if self.highest >= FAR and math.isnan(self._lowest):
            self._lowest = min(history.best, history.first)

    def forgets(self, history: LossHistory, guess: float) -> bool:
        """Whether the model had learned something and is no better than a constant again.

        Normalised layers keep the loss from rising any further.
        """
        error = 1.25 * history.noise / math.sqrt(LossHistory.LEVEL)  # of a median
        better = guess - history.best > 3 * error
        lost = history.level >= guess and history.level - history.best > LOST * guess
        return self.highest >= FAR and better and lost

    def harms(self, history: LossHistory | None) -> bool:
        """Whether the loss has risen with the rate and has not been back since."""
        if history is None or math.isnan(self._lowest):
            return False
        if history.level <= self._lowest + BACK * abs(self._lowest):
            self._lowest = math.nan
            return False
        return True


def is_worse(history: LossHistory) -> bool:
    """Whether the loss is far above the lowest level that it had."""
    if not math.isfinite(history.value):
        return True
    best = min(history.best, history.first)
    return math.isfinite(best) and history.level - best > 2 * abs(best)

"""Rules that look at every loss: a stretch at a time, where its arrays are whole."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._rule import Rule
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.stability import HistoryStretch

__all__ = ["Flags", "LossRule", "in_a_row"]

Flags = NDArray[np.bool_]


class LossRule(Rule):
    """Reads ``loss`` alone; once it is ready, a stretch of losses at a time."""

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; singly until every window is full."""
        histories = stretch.histories
        if not any(history.at_finite.size for history in histories.values()):
            if not self.ready:
                self._tally_many(stretch)
            self._off.update(histories)
        elif not self.ready or not all(history.whole for history in histories.values()):
            super().update_many(stretch)
        else:
            for member, history in histories.items():
                self.note_finite(member, bool(history.finite[-1]))
                if history.at_finite.size:
                    self._update_history(member, history, stretch)

    @abstractmethod
    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        """Look at all finite losses of one member; there are some, and the rule is ready."""


def in_a_row(states: Flags, before: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often something is so in a row, at each place, and since which place.

    Args:
        states: shape ``(n,)``, whether it is so.
        before: how often it was so at the end of what came before.

    Returns:
        0 where it is not so; and -1 where it has been so since then.
    """
    places = np.arange(len(states))
    ended = np.maximum.accumulate(np.where(states, -1, places))
    counts = np.where(states, places - ended + np.where(ended < 0, before, 0), 0)
    since = np.where((ended < 0) & (before > 0), -1, ended + 1)
    return counts, since

"""Passes whose gradients were thrown away before a step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["ThrownPasses"]

NOT_ALONE = -1_000_000
"""In place of a number of passes: several added up before."""


class ThrownPasses(NamedTuple):
    """Iterations of one pass each that come before the one that steps.

    Example:
        >>> from backsight.monitor._thrown_passes import ThrownPasses
        >>> thrown = ThrownPasses().another(passes=1).another(passes=1)
        >>> thrown.since, thrown.stepped(True, [(7, 0)], lambda: [(7, 1)])
        (2, ThrownPasses(since=0, group=3))
    """

    since: int = 0
    """Since the last step; below 0 where one had several passes."""
    group: int = 0
    """Before the newest step, with the one that it read; 0 where there were no others, or where
    their gradients may have been kept."""

    def another(self, passes: int) -> "ThrownPasses":
        """Gradients of so many passes were thrown away."""
        return self._replace(since=self.since + 1 if passes == 1 else NOT_ALONE)

    def stepped(
        self, alone: bool, before: Sequence[tuple[int, int]],
        now: Callable[[], Sequence[tuple[int, int]]],
    ) -> "ThrownPasses":  # fmt: skip
        """A step reads gradients.

        Args:
            alone: whether of one pass of a loop, and not of several or of a closure's.
            before: which gradients there were when that pass had ended, each with its version.
            now: the same as the step begins: where others stand in their place, the user's own
                code has kept those that were thrown away.
        """
        alone = alone and self.since > 0 and [one for one, _ in before] == [one for one, _ in now()]
        return ThrownPasses(group=self.since + 1 if alone else 0)

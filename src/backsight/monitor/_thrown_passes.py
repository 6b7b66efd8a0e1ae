"""Passes whose gradients were thrown away before a step."""

from typing import NamedTuple

__all__ = ["ThrownPasses"]

NOT_ALONE = -1_000_000
"""In place of a number of passes: several added up before."""


class ThrownPasses(NamedTuple):
    """Iterations of one pass each that come before the one that steps.

    Example:
        >>> from backsight.monitor._thrown_passes import ThrownPasses
        >>> thrown = ThrownPasses().another(passes=1).another(passes=1)
        >>> thrown.since, thrown.stepped(alone=True)
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

    def stepped(self, *, alone: bool) -> "ThrownPasses":
        """A step has read what one pass alone has brought, or something else."""
        return ThrownPasses(group=self.since + 1 if alone and self.since > 0 else 0)

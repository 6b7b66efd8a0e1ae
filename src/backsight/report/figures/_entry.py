"""What a figure of the page is, beside the function that draws it."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from backsight.signals import Run

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure on the page.

    Example:
        >>> from backsight.report.figures import FIGURES
        >>> reach = next(entry for entry in FIGURES if "reach" in entry.signals)
        >>> reach.key, callable(reach.draw)
        ('reach', True)
    """

    key: str
    title: str
    reading: str | Callable[[Run], str]
    """How to read it, in a sentence or two; of a run, where it speaks only of what that has."""
    draw: Callable[[Run], go.Figure]
    signals: tuple[str, ...]
    """Families of signals that it shows: a finding about one of them points to it."""
    only_if: Callable[[Run], bool] = lambda run: True
    """Where it is left out rather than shown empty, or without news."""
    of_moment: bool = False
    """Whether it shows single iterations, such as the last sample, and has no axis of them."""
    how: str = ""
    """How to get it, where a run has none of its signals; empty where that needs no word."""

    def reading_of(self, run: Run) -> str:
        """How to read the figure of this run."""
        return self.reading if isinstance(self.reading, str) else self.reading(run)

    def is_drawn(self, run: Run) -> bool:
        """Whether there is anything to see."""
        return any(run.members(family) for family in self.signals) and self.only_if(run)

    def is_missed(self, run: Run) -> bool:
        """Whether there is nothing to see, and something can be done about it."""
        return bool(self.how) and not any(run.members(family) for family in self.signals)

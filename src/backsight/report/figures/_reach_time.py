"""How the reach of the gradient changes during training."""

import plotly.graph_objects as go

from backsight.report.figures._heat_map import heat_map
from backsight.report.figures._style import empty
from backsight.signals import Run

__all__ = ["reach_time"]

FLOOR = 1e-4
"""A hundredth of what still counts as reached: below it all is equally dark."""


def reach_time(run: Run) -> go.Figure:
    """``R(k)`` by lag (up) and iteration (right), a panel a layer."""
    names = run.members("reach", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    return heat_map(run, names, axis="lag", what="R", floor=FLOOR)

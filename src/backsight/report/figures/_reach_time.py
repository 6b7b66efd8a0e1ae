"""How the reach of the gradient changes during training."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._heat_map import heat_map
from backsight.report.figures._style import empty
from backsight.signals import Run

__all__ = ["FIGURE", "reach_time"]

FLOOR = 1e-4
"""Of lag 0: below it all is equally dark."""


def reach_time(run: Run) -> go.Figure:
    """``R(k)`` by lag (up) and iteration (right), a panel a layer."""
    names = run.members("reach", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    return heat_map(run, names, axis="lag", what="R", floor=FLOOR)


FIGURE = Entry(
    "reach-time",
    "Reach during training",
    "Each column is one sampled iteration. Lags that the gradient reaches are bright, and those "
    "that it does not reach are dark. R is relative to lag 0, so beside a residual connection or "
    "attention all lags are darker. A bright region that climbs shows a network that learns to "
    "look further back.",
    reach_time,
    signals=("reach",),
)

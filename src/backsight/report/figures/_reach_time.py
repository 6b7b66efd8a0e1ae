"""How the reach of the gradient changes during training."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._heat_map import COLUMNS, heat_map
from backsight.report.figures._style import empty
from backsight.signals import Run, reach_shares

__all__ = ["FIGURE", "reach_time"]

FLOOR = 1e-4
"""Of P, a hundredth of what still counts as reached: below it all is equally dark."""


def reach_time(run: Run) -> go.Figure:
    """``R(k)`` by lag (up) and iteration (right), a panel a layer."""
    names = run.members("reach", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    return heat_map(run, names, axis="lag", what="R", floor=FLOOR, scale=reach_shares, scaled="R/P")


def _reading(run: Run) -> str:
    samples = (run.stream(name).samples for name in run.members("reach", profile=True))
    several = max(samples, default=0) > COLUMNS
    column = "the largest of several sampled iterations" if several else "one sampled iteration"
    return (
        f"Each column is {column}. Lags that the gradient reaches are bright, and those that it "
        "does not reach are dark. Colours show R/P, at most 1: P is the strongest earlier step of "
        "that sample, so that lag 0, which a residual connection or attention makes large, does "
        "not darken the others. A bright region that climbs shows a network that learns to look "
        "further back."
    )


FIGURE = Entry(
    "reach-time",
    "Reach during training",
    _reading,
    reach_time,
    signals=("reach",),
)

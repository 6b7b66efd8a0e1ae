"""Hidden-state norm over the steps of a window, and how that changes during training."""

import plotly.graph_objects as go

from backsight.report.figures._heat_map import heat_map
from backsight.report.figures._style import empty
from backsight.signals import Run

__all__ = ["hidden_norm_time"]


def hidden_norm_time(run: Run) -> go.Figure:
    """``‖h_t‖`` by time step (up) and iteration (right), a panel a layer."""
    names = run.members("hidden_norm", profile=True)
    if not names:
        return empty("no hidden-state profile was recorded in this run")
    return heat_map(run, names, axis="time step", what="‖h‖")

"""The gradient that arrives at each time step."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._samples import sample_lines
from backsight.report.figures._style import empty, figure
from backsight.signals import Run

__all__ = ["FIGURE", "grad_time"]


def grad_time(run: Run) -> go.Figure:
    """``‖∂L/∂h_t‖`` over time steps on a log axis, a colour a layer."""
    names = run.members("grad_time", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    fig = figure("‖∂L/∂h‖", x_title="time step")
    sample_lines(fig, run, names)
    return fig


FIGURE = Entry(
    "grad-time",
    "Gradient over the steps of a window",
    "The gradient of the whole loss with respect to the hidden state at each step: it comes from "
    "the output of that step and from all later outputs. With a loss at every step the curve is "
    "level even if no gradient reaches far back; the reach shows that.",
    grad_time,
    signals=("grad_time",),
    of_moment=True,
    how="Train a recurrent layer under backsight run or in backsight.watch.",
)

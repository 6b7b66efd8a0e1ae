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
    "All of the loss that arrives at each step, from its own output and from later ones. With "
    "a loss at every step it is level even where nothing reaches far: judge that by the reach.",
    grad_time,
    signals=("grad_time",),
)

"""How far ahead the gradient reaches, where a model is not causal."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._samples import sample_lines
from backsight.report.figures._style import empty, figure
from backsight.signals import Run

__all__ = ["FIGURE", "reach_ahead"]

FLOOR = 1e-6
"""What is further down than this leaves the picture: it would flatten the part that matters."""


def reach_ahead(run: Run) -> go.Figure:
    """``R(k)`` towards later inputs against the lag ``k`` on a log axis, a colour an input."""
    names = run.members("reach_ahead", profile=True)
    if not names:
        return empty("no gradient at later inputs was recorded in this run")
    fig = figure("R, relative to lag 0", x_title="lag: steps ahead of the loss")
    sample_lines(fig, run, names, floor=FLOOR)
    return fig


FIGURE = Entry(
    "reach-ahead",
    "Reach towards later inputs",
    "The model is not causal: the loss of the first step that has one also depends on later "
    "inputs. The gradient of that loss with respect to the input k steps later, relative to lag 0.",
    reach_ahead,
    signals=("reach_ahead",),
    of_moment=True,
    only_if=lambda run: bool(run.members("reach_ahead", profile=True)),
)

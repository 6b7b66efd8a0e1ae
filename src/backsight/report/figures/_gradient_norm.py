"""The gradient's norm before clipping, and as the optimizer used it."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, log_axis
from backsight.signals import Run

__all__ = ["FIGURE", "gradient_norm"]


def gradient_norm(run: Run) -> go.Figure:
    """``grad_norm`` and ``grad_norm_applied`` on a log axis; where they part, clipping acted."""
    if run.members("grad_norm", profile=False) != ("grad_norm",):
        return empty("no gradient norm was recorded in this run")
    fig = figure("gradient norm")
    drawn = [add_series(fig, run, "grad_norm", "before clipping", COLOURS[0], log=True)]
    if run.members("grad_norm_applied", profile=False) == ("grad_norm_applied",):
        drawn.append(add_series(fig, run, "grad_norm_applied", "as applied", COLOURS[1], log=True))
    log_axis(fig, drawn)
    return fig


def _reading(run: Run) -> str:
    two = "Clipping acted where the two curves differ. " if run.members("grad_norm_applied") else ""
    return (
        f"{two}A gradient norm that climbs for many iterations, or jumps by orders of magnitude, "
        "precedes a loss that does."
    )


FIGURE = Entry(
    "gradient-norm",
    "Gradient norm",
    _reading,
    gradient_norm,
    signals=("grad_norm", "grad_norm_applied"),
    how="Let an optimizer step under backsight run or in backsight.watch.",
)

"""How far each step moves each parameter, relative to its size."""

import plotly.graph_objects as go

from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import (
    COLOURS,
    add_series,
    empty,
    figure,
    log_axis,
    member_label,
)
from backsight.signals import Run

__all__ = ["FIGURE", "update_ratio"]

USUAL = 1e-3
DASHES = (None, "dot", "dash", "dashdot")


def update_ratio(run: Run) -> go.Figure:
    """``update_ratio`` of every parameter on a log axis."""
    names = run.members("update_ratio", profile=False)
    if not names:
        return empty("no update ratio was recorded in this run")
    fig = figure("‖Δθ‖ / ‖θ‖", height=300 + 18 * min(len(names), MOST))
    drawn = []
    if len(names) > MOST:
        drawn = add_crowd(fig, run, names, "parameters", log=True)
        names = ()
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        dash = DASHES[index // len(COLOURS) % len(DASHES)]
        drawn.append(add_series(fig, run, name, member_label(name), colour, log=True, dash=dash))
    log_axis(fig, drawn, also=[USUAL])
    fig.add_hline(y=USUAL, line={"color": COLOURS[5], "width": 1, "dash": "dot"})
    return fig


def _reading(run: Run) -> str:
    many = len(run.members("update_ratio", profile=False)) > MOST
    spread = " The picture shows how the parameters spread, and by name those that stand out."
    return (
        "The size of an update relative to the parameter that it changes. About 0.001 (dotted) is "
        "usual. Near 1 the update is far too large, and a parameter far below the others hardly "
        f"learns.{spread * many}"
    )


FIGURE = Entry(
    "update-ratio",
    "Update ratio of every parameter",
    _reading,
    update_ratio,
    signals=("update_ratio",),
    how="Let an optimizer step; it is measured in sampled iterations (--every of backsight "
    "run, every= of watch).",
)

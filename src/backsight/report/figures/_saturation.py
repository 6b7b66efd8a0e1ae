"""How many units and gates are at their bounds, over training."""

import plotly.graph_objects as go

from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, member_label
from backsight.signals import Run

__all__ = ["FIGURE", "saturation"]

DASHES = (None, "dot", "dash", "dashdot")


def saturation(run: Run) -> go.Figure:
    """``saturation`` of every layer and gate, as a share."""
    names = run.members("saturation", profile=False)
    if not names:
        return empty("no saturation was recorded in this run")
    fig = figure("share at the bounds")
    if len(names) > MOST:
        add_crowd(fig, run, names, "layers and gates")
        names = ()
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        dash = DASHES[index // len(COLOURS) % len(DASHES)]
        add_series(fig, run, name, member_label(name) or "all units", colour, dash=dash)
    fig.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    return fig


FIGURE = Entry(
    "saturation",
    "Saturated units and gates",
    "The share of units, or of activations of a gate, within 0.01 of their bounds. Almost no "
    "gradient passes a saturated unit; a forget gate near its upper bound keeps its memory.",
    saturation,
    signals=("saturation",),
    only_if=lambda run: bool(run.members("saturation", profile=False)),
    how="Train a layer with bounded units or gates (tanh, LSTM, GRU) under backsight run or in "
    "backsight.watch; it is measured in sampled iterations.",
)

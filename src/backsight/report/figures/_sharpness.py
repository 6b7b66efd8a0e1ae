"""How sharp the loss is along the optimizer's step, beside its limit."""

import plotly.graph_objects as go

from backsight.report._sharpness_sentences import sharpness_sentences
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, log_axis
from backsight.signals import Run

__all__ = ["FIGURE", "sharpness"]


def sharpness(run: Run) -> go.Figure:
    """``sharpness`` and ``sharpness_limit`` of each model."""
    names = run.members("sharpness", profile=False)
    if not names:
        return empty("no sharpness was recorded in this run")
    fig = figure("ρ = η dᵀHd / gᵀd")
    drawn = []
    for index, name in enumerate(names):
        colour, model = COLOURS[index % len(COLOURS)], name.partition("/")[2]
        label = f"sharpness {model}".rstrip()
        drawn.append(add_series(fig, run, name, label, colour, log=True, mode="lines+markers"))
        limit = name.replace("sharpness", "sharpness_limit", 1)
        if limit in run.names:
            label = f"limit {model}".rstrip()
            drawn.append(add_series(fig, run, limit, label, colour, log=True, dash="dot"))
    log_axis(fig, drawn)
    return fig


def _reading(run: Run) -> str:
    words = (
        "How much too long a step is for the curvature of the loss along it: at 1 it ends at the "
        "lowest point of the line, and above the limit (dotted) steps grow on a quadratic. Healthy "
        "training may stand at the limit for long. Values below 0, where the loss is curved "
        "downwards, are not drawn."
    )
    return " ".join([words, *sharpness_sentences(run)])


FIGURE = Entry(
    "sharpness",
    "Sharpness along the step",
    _reading,
    sharpness,
    signals=("sharpness",),
)

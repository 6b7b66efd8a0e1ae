"""How large the hidden states are, over training."""

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
    wide_range,
)
from backsight.signals import Run

__all__ = ["FIGURE", "hidden_norm"]


def hidden_norm(run: Run) -> go.Figure:
    """Mean and maximum of ``‖h_t‖`` an iteration, a colour a layer."""
    names = run.members("hidden_norm_mean", profile=False)
    if not names:
        return empty("no hidden-state norm was recorded in this run")
    fig = figure("‖h‖")
    drawn = []
    maxima = run.members("hidden_norm_max", profile=False)
    if len(names) + len(maxima) > MOST:
        drawn += add_crowd(fig, run, names, "layers", quantity="mean", colour=0)
        if maxima:
            drawn += add_crowd(fig, run, maxima, "layers", quantity="maximum", colour=1)
        names = ()
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        largest = name.replace("hidden_norm_mean", "hidden_norm_max", 1)
        if largest in maxima:
            label = f"{member_label(name)} maximum".lstrip()
            drawn.append(add_series(fig, run, largest, label, colour, dash="dot"))
        drawn.append(add_series(fig, run, name, f"{member_label(name)} mean".lstrip(), colour))
    if wide_range(drawn):
        log_axis(fig, drawn)
    return fig


FIGURE = Entry(
    "hidden-norm",
    "Hidden-state norm",
    "The norm of a tanh state of H units cannot exceed √H; near that bound the units are saturated "
    "and pass hardly any gradient. If the norm of an unbounded cell (ReLU) climbs here, the cell "
    "is about to explode.",
    hidden_norm,
    signals=("hidden_norm_max", "hidden_norm_mean"),
    how="Train a recurrent layer under backsight run or in backsight.watch.",
)

"""The memory capacity of recurrent layers over the training."""

import plotly.graph_objects as go

from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, member_label
from backsight.signals import Run

__all__ = ["FIGURE", "memory_capacity"]


def memory_capacity(run: Run) -> go.Figure:
    """``memory_capacity`` of every layer, in inputs, each time that it was measured."""
    names = run.members("memory_capacity", profile=False)
    if not names:
        return empty("no memory capacity was recorded in this run")
    fig = figure("past inputs that a readout recovers")
    if len(names) > MOST:
        add_crowd(fig, run, names, "layers", quantity="memory capacity")
        names = ()
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        add_series(fig, run, name, member_label(name) or "the layer", colour)
    fig.update_traces(mode="lines+markers")
    fig.update_yaxes(rangemode="tozero")
    return fig


FIGURE = Entry(
    "memory-capacity",
    "Memory capacity",
    "How many past inputs a linear readout recovers from the state of a layer that noise drives. "
    "At most the number of its units; the less a state forgets and distorts, the more.",
    memory_capacity,
    signals=("memory_capacity",),
    only_if=lambda run: bool(run.members("memory_capacity", profile=False)),
)

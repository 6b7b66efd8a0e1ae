"""The learning rate as applied, and where the guard acted."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._thin import Thinned
from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import (
    ALARM,
    COLOURS,
    add_series,
    empty,
    figure,
    log_axis,
    member_label,
    wide_range,
)
from backsight.signals import Run, SignalStream

__all__ = ["FIGURE", "pace"]

LINES = 40
"""Vertical lines at the most: more would hide the curve."""

DOTS = 500
"""Dots of each policy at the most."""


def pace(run: Run) -> go.Figure:
    """Every optimizer's rate; a line at each rollback, a dot where any policy acted."""
    names = run.members("lr", profile=False)
    acts = run.members("act_before", profile=False)
    if not names and not acts:
        return empty("no learning rate was recorded in this run")
    fig = figure("learning rate as applied")
    drawn: list[Thinned] = []
    if len(names) > MOST:
        drawn = add_crowd(fig, run, names, "learning rates", log=True)
        names = ()
    for number, name in enumerate(names):
        label = f"learning rate {member_label(name)}".rstrip()
        drawn.append(add_series(fig, run, name, label, COLOURS[number % len(COLOURS)], log=True))
    if wide_range(drawn, ratio=10) and _is_mostly_low(drawn):
        log_axis(fig, drawn)
    else:
        fig.update_yaxes(rangemode="tozero")
    for number, name in enumerate(acts):
        stream = run.stream(name)
        label = member_label(name).rpartition(".")[2]
        if label == "rollback":
            for iteration in _chosen(stream, np.arange(min(LINES, stream.samples))).tolist():
                fig.add_vline(x=iteration, line={"color": ALARM, "width": 1, "dash": "dot"})
        # A strip of its own below the curve.
        fig.update_layout(yaxis4={"overlaying": "y", "range": [0, 1], "visible": False})
        count = stream.samples
        shown = _chosen(stream, np.linspace(0, count - 1, min(DOTS, count)).astype(int))
        fig.add_scatter(
            x=shown,
            y=np.full(len(shown), 0.04 + 0.05 * number),
            yaxis="y4",
            mode="markers",
            name=f"{label} ({count:,}×)",
            marker={"size": 5, "color": COLOURS[(number + 1) % len(COLOURS)]},
            hovertemplate=f"{label}<extra></extra>",
        )
    return fig


def _is_mostly_low(drawn: Sequence[Thinned]) -> bool:
    """Not where it only ends near 0, as a cosine does: decades of that would be all one sees."""
    values = np.concatenate([one.values for one in drawn])
    return float(np.median(values)) < 0.1 * float(values.max())


def _chosen(stream: SignalStream, wanted: NDArray[np.intp]) -> NDArray[np.int64]:
    """The iterations of the samples with those numbers, which increase."""
    found = [np.empty(0, np.int64)]
    start = 0
    for block in stream:
        end = start + len(block.iterations)
        here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
        found.append(block.iterations[here - start])
        start = end
    return np.concatenate(found)


def _reading(run: Run) -> str:
    told = "The learning rate that the optimizer used."
    policies = {member_label(name).rpartition(".")[2] for name in run.members("act_before")}
    if "rollback" in policies:
        told += " A dotted line marks a rollback to a good snapshot."
    if policies:
        told += " Dots mark the iterations in which each policy of the guard acted."
    return told


FIGURE = Entry(
    "pace",
    "Learning rate",
    _reading,
    pace,
    signals=("lr", "act_before"),
    how="Let an optimizer step under backsight run or in backsight.watch.",
)

"""How much of the states depends on what lies further back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._rows import ends
from backsight.report._some_of import some_of
from backsight.report._unmoved import unmoved_layers
from backsight.report.figures._entry import Entry
from backsight.report.figures._samples import LAYERS
from backsight.report.figures._style import COLOURS, empty, figure, member_label, note
from backsight.signals import Run, measure_memory, member, unmoved_words

__all__ = ["FIGURE", "memory"]

_Row = NDArray[np.floating[Any]]

_Sample = tuple[str, int, _Row, _Row, str | None, float]
"""Name, iteration, values, lags, dash and width of a line."""


def memory(run: Run) -> go.Figure:
    """``M(k)`` against the lag ``k`` on a log axis of lags: the first and the last sample."""
    names = _names(run)
    unmoved = unmoved_layers(run)
    if not names and unmoved:
        return empty("another past moves no state by more than rounding")
    if not names:
        return empty("no memory of a state was recorded in this run")
    fig = figure("M, relative to another past", x_title="lag: steps back from the loss")
    shown, left_out = some_of(names, LAYERS)
    told = [left_out] if left_out else []
    told += [f"{one} moved by no more than rounding by now".lstrip() for one in unmoved]
    for index, name in enumerate(shown):
        label, colour = member_label(name), COLOURS[index % len(COLOURS)]
        stream = run.stream(name)
        rows, lags = ends(stream), ends(run.stream(_lags(name)))
        each: list[_Sample] = [("last", stream.last, rows.last, lags.last, None, 2.0)]
        if stream.samples > 1:
            each.insert(0, ("first", stream.first, rows.first, lags.first, "dot", 1.2))
        for which, at, row, lag, dash, width in each:
            if row.shape != lag.shape:
                continue  # the lags of the newest are still to come
            values = row.astype(np.float64)
            broken = int(np.count_nonzero(~np.isfinite(values)))
            if broken:
                told.append(f"{label} {which}: {broken} not finite".lstrip())
            fig.add_scatter(
                x=lag,
                y=np.where(np.isfinite(values), values, np.nan),
                name=f"{label} {which} ({at:,})".lstrip(),
                mode="lines+markers",
                marker={"size": 5},
                line={"color": colour, "width": width, "dash": dash},
                hovertemplate="%{y:.3g}",
            )
        _add_mark(fig, label, colour, lags.last, rows.last)
    fig.update_xaxes(type="log", dtick=np.log10(2), tickformat=",d")
    fig.update_yaxes(rangemode="tozero")
    if told:
        note(fig, "; ".join(told[:4]))
    return fig


def _add_mark(
    fig: go.Figure,
    label: str,
    colour: str,
    lags: _Row,
    row: _Row,
) -> None:
    """The memory length, on the last sample; open where the window ends first."""
    length = measure_memory(lags, row).length if lags.shape == row.shape else None
    if length is None or not length.steps:
        return
    fig.add_scatter(
        x=[length.steps],
        y=[float(row[lags == length.steps][0])],
        name=f"{label} memory length {length}".lstrip(),
        mode="markers",
        marker={
            "symbol": f"circle{'-open' * length.censored}",
            "size": 10,
            "color": colour,
            "line": {"width": 2},
        },
        hovertemplate="%{y:.3g}",
    )


def _names(run: Run) -> tuple[str, ...]:
    """Those whose lags are known."""
    lags = run.members("memory_lag", profile=True)
    return tuple(name for name in run.members("memory", profile=True) if _lags(name) in lags)


def _lags(name: str) -> str:
    return f"memory_lag/{member(name)}" if member(name) else "memory_lag"


def _reading(run: Run) -> str:
    last = [(ends(run.stream(_lags(n))).last, ends(run.stream(n)).last) for n in _names(run)]
    found = [measure_memory(lags, row) for lags, row in last if lags.shape == row.shape]
    told = [
        "What the state holds: how far it moves if everything at least k steps back is replaced by "
        "another sequence's, relative to how far it moves if all of its past is."
    ]
    for layer, alike in [*unmoved_layers(run).items()][:2]:
        words = unmoved_words(float(alike.newest().values[-1]))
        told.append(f"{layer or 'The layer'}: {words}.")
    if any(one.length is not None for one in found):
        told.append(
            "The mark is the memory length: where it lies, and beyond, another past moves the "
            "state by a tenth or less."
        )
    if any(one.length is not None and one.length.censored for one in found):
        told.append("An open mark means that the window ends first.")
    told.append(
        "The reach is what the loss teaches, and this is what there is: a state that holds more "
        "than the gradient reaches was never taught to use it, and a line that stays near 1 or "
        "above belongs to a state that is sensitive, or that latches."
    )
    return " ".join(told)


FIGURE = Entry(
    "memory",
    "Memory of the state",
    _reading,
    memory,
    signals=("memory", "memory_lag", "memory_alike"),
    of_moment=True,
    only_if=lambda run: bool(_names(run) or unmoved_layers(run)),
)

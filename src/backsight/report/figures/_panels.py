"""Small multiples: the same picture once a panel, on shared axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.report.figures._reach_marks import Mark
from backsight.report.figures._style import ALARM, COLOURS, figure, place_log_axis

__all__ = ["Line", "Panel", "panels"]

Numbers = NDArray[np.floating[Any]] | Sequence[float]

ROW = 210
"""Pixels of a row of panels."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel.

    Example:
        >>> from backsight.report.figures import Line, Panel, panels
        >>> line = Line("seed 0", x=[0, 1, 2], y=[2.0, 1.5, 1.0])
        >>> figure = panels([[Panel("length 10", [line])]], x="iteration", y="loss")
        >>> figure.data[0].name, len(figure.data[0].y)
        ('seed 0', 3)
    """

    label: str
    """Lines of one label share an entry of the legend, which hides them together."""
    x: Numbers
    y: Numbers
    """``(n,)``; a value that is not finite is a red cross at the upper edge."""
    colour: int = 0
    dash: str | None = None
    width: float = 1.2
    marks: Sequence[Mark] = ()
    """Points on it."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of many.

    Example:
        >>> from backsight.report.figures import Line, Panel, panels
        >>> lines = [Line("seed 0", x=[0, 1, 2], y=[2.0, 1.5, 1.0])]
        >>> row = [Panel("length 10", lines, levels=[1.2]), Panel("length 20", [])]
        >>> figure = panels([row], x="iteration", y="loss")
        >>> [note.text for note in figure.layout.annotations]
        ['length 10', 'length 20', 'nothing recorded']
    """

    title: str
    lines: Sequence[Line]
    levels: Sequence[float] = ()
    """Dotted horizontal lines."""
    bars: Sequence[tuple[float, str]] = ()
    """Dotted vertical lines, with their label."""
    empty: str = field(default="nothing recorded")
    """What stands where there is no line."""


def panels(
    rows: Sequence[Sequence[Panel]],
    *,
    x: str,
    y: str,
    log: bool = False,
    floor: float | None = None,
    share_x: bool = False,
) -> go.Figure:
    """A grid of panels with one y axis for all, so that they can be compared.

    Args:
        rows: panels, as many in each row.
        x: title of the x axes.
        y: title of the y axes.
        log: whether the y axis is logarithmic.
        floor: on a log axis, what lies lower is drawn at it.
        share_x: whether all panels have the same range of x as well.

    Example:
        >>> from backsight.report.figures import Line, Panel, panels
        >>> line = Line("seed 0", x=[0, 1, 2], y=[2.0, 0.2, 0.02])
        >>> row = [Panel("length 10", [line]), Panel("length 20", [line])]
        >>> figure = panels([row], x="iteration", y="loss", log=True)
        >>> len(figure.data), figure.layout.yaxis.type
        (2, 'log')
    """
    columns = len(rows[0])
    fig = make_subplots(
        rows=len(rows),
        cols=columns,
        shared_yaxes="all",
        shared_xaxes="all" if share_x else False,
        horizontal_spacing=0.1 / max(columns, 4),
        vertical_spacing=min(0.34, 66 / (ROW * len(rows))) if len(rows) > 1 else 0,
        subplot_titles=[panel.title for row in rows for panel in row],
        figure=figure("", height=90 + ROW * len(rows)),
    )
    fig.update_annotations(font={"size": 12})
    values = _shown(rows, log, floor)
    top = float(values.max()) if values.size else 1.0
    named: set[str] = set()
    for r, row in enumerate(rows, start=1):
        for c, panel in enumerate(row, start=1):
            for line in panel.lines:
                _draw(fig, line, r, c, named, log=log, floor=floor, top=top)
            _guides(fig, panel, r, c)
            if not any(len(line.x) for line in panel.lines):
                fig.add_annotation(
                    text=panel.empty, showarrow=False, xref="x domain", yref="y domain",
                    x=0.5, y=0.5, font={"size": 11, "color": COLOURS[5]}, row=r, col=c,
                )  # fmt: skip
    axis = fig.layout.yaxis
    if log and values.size:
        place_log_axis(fig, values)
        every = max(1, len(axis.tickvals or ()) // 5)  # a small panel has room for a few
        ticks = {"tickvals": axis.tickvals[::every], "ticktext": axis.ticktext[::every]}
        fig.update_yaxes(type="log", **ticks)
    fig.update_xaxes(showline=True, linecolor="#8c959f", gridcolor="#eaeef2", zeroline=False)
    fig.update_yaxes(
        showline=True, linecolor="#8c959f", gridcolor="#eaeef2", zeroline=False, title=None
    )
    fig.update_xaxes(title=None)
    for c in range(1, columns + 1):
        fig.update_xaxes(title={"text": x, "standoff": 4}, row=len(rows), col=c)
    for r in range(1, len(rows) + 1):
        fig.update_yaxes(title={"text": y, "standoff": 8}, automargin=True, row=r, col=1)
    fig.update_layout(
        hovermode="closest",
        margin={"t": 64},
        legend={"y": 1, "yref": "container", "yanchor": "top"},
    )
    return fig


def _draw(
    fig: go.Figure,
    line: Line,
    row: int,
    col: int,
    named: set[str],
    *,
    log: bool,
    floor: float | None,
    top: float,
) -> None:
    at, value = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    finite = np.isfinite(value)
    drawn = np.where(finite, value, np.nan)
    if log:
        positive = drawn > 0
        drawn = np.where(positive, drawn, np.nan if floor is None else floor)
        drawn = np.where(finite, drawn if floor is None else np.maximum(drawn, floor), np.nan)
    colour = COLOURS[line.colour % len(COLOURS)]
    fig.add_scatter(
        x=at, y=drawn, name=line.label, legendgroup=line.label,
        showlegend=bool(line.label) and line.label not in named,
        mode="lines" if len(at) > 1 else "markers",
        line={"color": colour, "width": line.width, "dash": line.dash},
        marker={"size": 5, "color": colour}, hovertemplate="%{x}: %{y:.4g}",
        row=row, col=col,
    )  # fmt: skip
    named.add(line.label)
    if line.marks:
        marked = np.array([mark.y for mark in line.marks])
        fig.add_scatter(
            x=[mark.x for mark in line.marks],
            y=marked if floor is None else np.maximum(marked, floor),
            text=[mark.text for mark in line.marks],
            marker={"symbol": [mark.symbol for mark in line.marks], "size": 8, "color": colour},
            mode="markers", name=line.label, legendgroup=line.label, showlegend=False,
            hovertemplate="%{text}: %{y:.4g}<extra></extra>", row=row, col=col,
        )  # fmt: skip
    if not finite.all():
        fig.add_scatter(
            x=at[~finite], y=np.full(int((~finite).sum()), top), mode="markers",
            name="not finite", legendgroup="not finite", showlegend="not finite" not in named,
            marker={"symbol": "x", "size": 7, "color": ALARM},
            hovertemplate="%{x}: not finite<extra></extra>", row=row, col=col,
        )  # fmt: skip
        named.add("not finite")


def _guides(fig: go.Figure, panel: Panel, row: int, col: int) -> None:
    line = {"color": COLOURS[5], "width": 1, "dash": "dot"}
    for value in panel.levels:
        fig.add_hline(y=value, line=line, row=row, col=col)
    for value, text in panel.bars:
        note = {"text": text, "font": {"size": 10, "color": COLOURS[5]}}
        fig.add_vline(x=value, line=line, annotation=note, row=row, col=col)


def _shown(
    rows: Sequence[Sequence[Panel]], log: bool, floor: float | None
) -> NDArray[np.floating[Any]]:
    found = [
        np.asarray(line.y, np.float64) for row in rows for panel in row for line in panel.lines
    ]
    values = np.concatenate(found) if found else np.empty(0)
    values = values[np.isfinite(values)]
    if not log:
        return values
    values = values[values > 0]
    if floor is None or not values.size:
        return values
    return np.append(np.maximum(values, floor), math.nextafter(floor, math.inf))

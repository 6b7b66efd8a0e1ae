"""A row of dots for each of several ways: what each trial came to, and their median."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from backsight.report.figures._style import ALARM, COLOURS, figure, log_ticks, note

__all__ = ["Strip", "strips"]

ROW = 30
"""Pixels of a row."""

WIDE = 50.0
"""Ratio of largest to smallest from which only a log axis shows all of it."""


@dataclass(frozen=True, slots=True)
class Strip:
    """One row.

    Example:
        >>> from backsight.report.figures import Strip, strips
        >>> figure = strips([Strip("clip", [0.1, 0.3]), Strip("gru", [0.8])], x="loss saved")
        >>> len(figure.data) >= 2
        True
    """

    label: str
    values: Sequence[float]
    """One a trial; what is not finite is a red cross at the right edge."""
    colour: int = 0


def strips(rows: Sequence[Strip], *, x: str, reference: float | None = None) -> go.Figure:
    """Rows from top to bottom.

    Args:
        rows: what to draw.
        x: title of the x axis.
        reference: a value to compare with, as a dotted line.

    Example:
        >>> from backsight.report.figures import Strip, strips
        >>> rows = [Strip("clip", [0.1, 0.3]), Strip("gru", [0.8])]
        >>> strips(rows, x="loss saved", reference=0.0).layout.xaxis.title.text
        'loss saved'
    """
    fig = figure("", x_title=x, height=110 + ROW * len(rows))
    finite = [value for row in rows for value in row.values if math.isfinite(value)]
    wide = bool(finite) and min(finite) > 0 and max(finite) / min(finite) > WIDE
    edge = max(finite, default=1.0) * (1.15 if wide else 1.0)
    for row in rows:
        drawn = [value for value in row.values if math.isfinite(value)]
        broken = len(row.values) - len(drawn)
        colour = COLOURS[row.colour % len(COLOURS)]
        fig.add_scatter(
            x=drawn, y=[row.label] * len(drawn), mode="markers", showlegend=False,
            marker={"size": 8, "color": colour, "opacity": 0.55}, hovertemplate="%{x:.4g}",
            name=row.label,
        )  # fmt: skip
        ordered = sorted(value if math.isfinite(value) else math.inf for value in row.values)
        middle = ordered[(len(ordered) - 1) // 2] if ordered else math.inf
        if math.isfinite(middle):
            fig.add_scatter(
                x=[middle], y=[row.label], mode="markers", showlegend=False, name=row.label,
                marker={"symbol": "line-ns-open", "size": 16, "color": colour,
                        "line": {"width": 2.5}},
                hovertemplate="median %{x:.4g}",
            )  # fmt: skip
        if broken:
            fig.add_scatter(
                x=[edge], y=[row.label], mode="markers+text", showlegend=False, name=row.label,
                marker={"symbol": "x", "size": 9, "color": ALARM}, text=[f"{broken}×"],
                textposition="middle right", textfont={"color": ALARM, "size": 11},
                hovertemplate=f"{broken} not finite", cliponaxis=False,
            )  # fmt: skip
    if reference is not None and math.isfinite(reference):
        fig.add_vline(x=reference, line={"color": COLOURS[5], "width": 1, "dash": "dot"})
    if wide:
        fig.update_xaxes(type="log", **log_ticks(np.array(finite)))
    labels = [row.label for row in rows]
    fig.update_yaxes(
        type="category", categoryorder="array", categoryarray=labels[::-1], automargin=True,
        range=[-0.7, len(rows) - 0.3],
    )  # fmt: skip
    fig.update_layout(hovermode="closest")
    if not finite:
        note(fig, "no finite value was recorded")
    return fig

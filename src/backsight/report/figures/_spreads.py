"""Medians with their spread, a curve each: what a number does as a setting changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report.figures._style import (
    ALARM,
    COLOURS,
    figure,
    make_room_above,
    note,
    place_log_axis,
)

__all__ = ["Curve", "spreads"]

WIDE = 50.0
"""Ratio of largest to smallest from which only a log axis shows all of it."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve; NaN where there is no finite value.

    Example:
        >>> from backsight.report.figures import Curve, spreads
        >>> lengths, losses = [10, 20, 40], [0.1, 0.2, 0.9]
        >>> curve = Curve("lstm", lengths, losses, low=[0, 0, 0], high=[1, 1, 1])
        >>> figure = spreads([curve], x="length", y="loss", ticks=[10, 20, 40])
        >>> "lstm" in {trace.name for trace in figure.data}
        True
    """

    label: str
    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: int = 0
    dash: str | None = None
    broken: Sequence[float] = ()
    """Where (x) some of what the curve is of was not finite."""


def spreads(
    curves: Sequence[Curve],
    *,
    x: str,
    y: str,
    ticks: Sequence[float],
    references: Sequence[tuple[str, Sequence[float]]] = (),
) -> go.Figure:
    """Curves over a setting on a log axis.

    Args:
        curves: what to draw.
        x: title of the x axis.
        y: title of the y axis.
        ticks: the values of the setting.
        references: grey lines to compare with: name, and a value for each tick.

    Example:
        >>> from backsight.report.figures import Curve, spreads
        >>> lengths, losses = [10, 20, 40], [0.1, 0.2, 0.9]
        >>> curve = Curve("lstm", lengths, losses, low=[0, 0, 0], high=[1, 1, 1])
        >>> figure = spreads([curve], x="length", y="loss", ticks=[10, 20, 40])
        >>> figure.layout.xaxis.title.text, figure.layout.xaxis.type
        ('length', 'log')
    """
    fig = figure(y, x_title=x, height=320)
    for curve in curves:
        colour = COLOURS[curve.colour % len(COLOURS)]
        band = np.concatenate([curve.high, list(curve.low)[::-1]])
        around = np.concatenate([curve.x, list(curve.x)[::-1]])
        seen = np.isfinite(band)
        if seen.any() and not curve.dash:
            fig.add_scatter(
                x=around[seen], y=band[seen], fill="toself", mode="lines",
                line={"width": 0}, fillcolor=colour, opacity=0.14, hoverinfo="skip",
                showlegend=False, legendgroup=curve.label,
            )  # fmt: skip
        fig.add_scatter(
            x=list(curve.x), y=list(curve.middle), name=curve.label, mode="lines+markers",
            line={"color": colour, "width": 1.8, "dash": curve.dash},
            marker={"size": 6}, hovertemplate="%{y:.4g}", legendgroup=curve.label,
        )  # fmt: skip
    for (name, values), dash in zip(references, cycle(("dot", "longdashdot")), strict=False):
        fig.add_scatter(
            x=list(ticks), y=list(values), name=name, mode="lines",
            line={"color": COLOURS[5], "width": 1, "dash": dash}, hovertemplate="%{y:.4g}",
        )  # fmt: skip
    fig.update_xaxes(type="log", tickvals=list(ticks), ticktext=[f"{tick:g}" for tick in ticks])
    shown = _finite([v for c in curves for part in (c.middle, c.low, c.high) for v in part])
    if shown.size and shown.min() > 0 and shown.max() / shown.min() > WIDE:
        beside = _finite([v for _, line in references for v in line])
        place_log_axis(fig, np.concatenate([shown, beside[beside > 0]]))
    broken = [(at, curve.label) for curve in curves for at in curve.broken]
    if broken:
        make_room_above(fig)
        fig.add_scatter(
            x=[at for at, _ in broken], y=[0.5] * len(broken), yaxis="y2", mode="markers",
            name="not finite in some trial", text=[label for _, label in broken],
            marker={"symbol": "x", "size": 9, "color": ALARM},
            hovertemplate="%{text}: not finite in some trial<extra></extra>",
        )  # fmt: skip
    if not shown.size:
        note(fig, "no finite value was recorded")
    return fig


def _finite(shown: Sequence[float]) -> NDArray[np.floating[Any]]:
    found = np.asarray(shown, np.float64)
    return found[np.isfinite(found)]

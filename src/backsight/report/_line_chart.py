"""A small chart as SVG, for where no script runs: in the output of a notebook."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from backsight.report._html import fill
from backsight.report.figures import log_ticks

__all__ = ["ChartLine", "ChartMark", "line_chart"]

WIDTH, HEIGHT = 440, 210
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 36
"""Beside the plot, for the labels of its axes."""

TICKS = 5
"""On a linear axis, about."""

MOST_CROSSES = 60


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A point on a line."""

    x: float
    y: float
    text: str
    symbol: str = "circle"
    """As Plotly calls it: ``circle``, ``diamond``, and either with ``-open``."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line of a chart."""

    label: str
    x: NDArray[Any]
    y: NDArray[np.floating[Any]]
    """Finite, and positive on a log axis."""
    breaks: Sequence[int] = ()
    """Indices before which the line is interrupted."""
    marks: Sequence[ChartMark] = field(default=())


def line_chart(
    lines: Sequence[ChartLine],
    *,
    title: str,
    x_title: str,
    log: bool = False,
    crosses: Sequence[float] = (),
    level: tuple[float, str] | None = None,
) -> Markup:
    """The chart as one element ``svg``; empty where there is nothing to draw.

    Args:
        lines: what to draw, at most six.
        title: what it shows, for whoever cannot see it.
        x_title: of the axis.
        log: whether the y axis is logarithmic.
        crosses: places on the x axis with something that is not finite.
        level: a value that is drawn as a dashed line, and what it is.
    """
    drawn = [line for line in lines if len(line.x)]
    at = np.concatenate([np.asarray(crosses, np.float64), *(line.x for line in drawn)])
    if not at.size:
        return Markup()
    values = np.concatenate([np.empty(0), *(line.y.astype(np.float64) for line in drawn)])
    if level is not None and (not math.isfinite(level[0]) or (log and level[0] <= 0)):
        level = None
    if level is not None:
        values = np.append(values, level[0])
    across = _Scale(float(at.min()), float(at.max()), LEFT, WIDTH - RIGHT)
    up = _y_scale(values, log)
    step = math.ceil(len(crosses) / MOST_CROSSES) or 1
    content = fill(
        "_line_chart.svg.jinja",
        title=title,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        x_title=x_title,
        x_ticks=[(across(v), t) for v, t in _linear_ticks(across.low, across.high, whole=True)],
        y_ticks=[(up(v), t) for v, t in _y_ticks(up, values, log)],
        level=None if level is None else (up(level[0]), level[1]),
        paths=[(n, line.label, _path(line, across, up)) for n, line in enumerate(drawn)],
        marks=[
            (n, across(m.x), up(m.y), f"{line.label} {m.text}".strip(), m.symbol)
            for n, line in enumerate(drawn)
            for m in line.marks
        ],
        crosses=[across(float(x)) for x in crosses[::step]],
    )
    return Markup(content)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places in the picture."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        # Halves first: the difference of two large numbers may overflow.
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return round(self.begin + share * (self.end - self.begin), 1)


def _y_scale(values: NDArray[np.float64], log: bool) -> _Scale:
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if not log and low == high:
        low, high = low - abs(low) / 10 - 1e-9, high + abs(high) / 10 + 1e-9
    if log and low == high:
        low, high = low / 2, high * 2
    return _Scale(low, high, HEIGHT - BOTTOM, TOP, log)


def _y_ticks(up: _Scale, values: NDArray[np.float64], log: bool) -> list[tuple[float, str]]:
    if not log or not values.size:
        return _linear_ticks(up.low, up.high)
    told = log_ticks(values)
    pairs = zip(told["tickvals"], told["ticktext"], strict=True)
    inside = [(v, t) for v, t in pairs if up.low <= v <= up.high]
    return inside if len(inside) > 1 else [(v, f"{v:.2g}") for v in (up.low, up.high)]


def _linear_ticks(low: float, high: float, *, whole: bool = False) -> list[tuple[float, str]]:
    """Round numbers between both ends, a little fewer than six."""
    if not high > low or not math.isfinite(high - low):
        return [(low, f"{low:,.4g}")]
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    places = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(v, f"{v:,.0f}" if whole else f"{v:.6g}") for v in places]


def _path(line: ChartLine, across: _Scale, up: _Scale) -> str:
    """The commands of a ``path``; a part of a single point is a dot."""
    starts = {0, *line.breaks}
    points = [
        f"{'M' if n in starts else 'L'}{across(float(x))} {up(float(y))}"
        for n, (x, y) in enumerate(zip(line.x, line.y, strict=True))
    ]
    for n in starts:
        if n < len(points) and (n + 1 in starts or n + 1 == len(points)):
            points[n] += "h0.01"
    return "".join(points)

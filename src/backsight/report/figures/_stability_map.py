"""A map of settings: what became of each, its final loss, how its gradient grows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._numbers import number
from backsight.report.figures._style import figure

__all__ = ["OUTCOME_COLOURS", "MapAxis", "MapView", "map_growth", "map_loss", "map_outcomes"]

OUTCOME_COLOURS = {
    "learned": "#009e73",
    "stuck": "#f0e442",
    "vanished": "#56b4e9",
    "exploded": "#d55e00",
    "not finite": "#1b1f24",
}
"""Of the palette of Okabe and Ito (2008), which is told apart with any colour vision; they also
differ in lightness."""

MISSING = "#d8dee4"
WORST = 2.0
"""Times chance: losses beyond look alike."""
STEEP = 1.0
"""Growth rates beyond one nat per step look alike: at 1/e per step, 5e-5 is left after ten."""


@dataclass(frozen=True)
class MapAxis:
    """One setting, increasing.

    Example:
        >>> from backsight.report.figures import MapAxis
        >>> axis = MapAxis("lr", (0.01, 0.1, 1.0), "log")
        >>> axis.name, len(axis.values)
        ('lr', 3)
    """

    name: str
    values: tuple[float, ...]
    spacing: Literal["linear", "log", "list"]


@dataclass(frozen=True)
class MapView:
    """What there is to draw; arrays are ``(len(y), len(x))``.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import MapAxis, MapView, map_loss
        >>> x, y = MapAxis("lr", (0.01, 0.1), "log"), MapAxis("gain", (0.5, 1.0), "linear")
        >>> numbers, kinds = np.array([[0.1, 0.2], [0.3, 0.4]]), np.zeros((2, 2), int)
        >>> view = MapView(x, y, ("learned",), kinds, loss=numbers, growth=-numbers, chance=1.0)
        >>> view.outcomes.shape == (len(view.y.values), len(view.x.values))
        True
        >>> map_loss(view).layout.xaxis.type
        'log'
    """

    x: MapAxis
    y: MapAxis
    kinds: tuple[str, ...]
    """Names of the outcomes."""
    outcomes: NDArray[np.integer]
    """Indices of ``kinds``; -1 where a setting is not trained."""
    loss: NDArray[np.floating]
    growth: NDArray[np.floating]
    chance: float
    """The best loss of a guess."""
    path: tuple[int | None, ...] = ()
    """Row of the best setting of each column; None where there is none."""
    marks: Mapping[str, tuple[int, int]] | None = None
    """Settings to point out: row and column by what they are."""
    box: tuple[float, float, float, float] | None = None
    """A neighbourhood: lowest and highest x, lowest and highest y."""


def map_outcomes(view: MapView) -> go.Figure:
    """What became of each setting, the best of each column, and the settings pointed out.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import MapAxis, MapView, map_outcomes
        >>> x, y = MapAxis("lr", (0.01, 0.1), "log"), MapAxis("gain", (0.5, 1.0), "linear")
        >>> numbers, kinds = np.array([[0.1, 0.2], [0.3, 0.4]]), np.zeros((2, 2), int)
        >>> view = MapView(x, y, ("learned",), kinds, loss=numbers, growth=-numbers, chance=1.0)
        >>> figure = map_outcomes(view)
        >>> figure.data[0].type, np.shape(figure.data[0].z)
        ('heatmap', (2, 2))
    """
    colours = [OUTCOME_COLOURS[kind] for kind in view.kinds]
    # Steps of colour: each number has its own stretch of the scale.
    share = np.repeat(np.arange(len(colours) + 1) / len(colours), 2)[1:-1]
    scale = [[float(at), colours[i // 2]] for i, at in enumerate(share)]
    fig = _grid(
        view,
        np.where(view.outcomes < 0, np.nan, view.outcomes.astype(float)),
        height=560,
        colorscale=scale,
        zmin=-0.5,
        zmax=len(colours) - 0.5,
        showscale=False,
    )
    for index, (kind, colour) in enumerate(zip(view.kinds, colours, strict=True)):
        count = int((view.outcomes == index).sum())
        _legend(fig, f"{kind} ({count:,})", colour)
    missing = int((view.outcomes < 0).sum())
    if missing:
        _legend(fig, f"not trained ({missing:,})", MISSING)
    x, y = _Scale(view.x), _Scale(view.y)
    if any(row is not None for row in view.path):
        fig.add_scatter(
            x=x.centres,
            y=[None if row is None else y.centres[row] for row in view.path],
            mode="lines+markers",
            name="best of each column",
            line={"color": "#ffffff", "width": 2.5},
            marker={"size": 4, "color": "#ffffff", "line": {"color": "#1b1f24", "width": 1}},
            hoverinfo="skip",
        )
    if view.box is not None and x.true and y.true:
        (x0, x1), (y0, y1) = x.clip(*view.box[:2]), y.clip(*view.box[2:])
        fig.add_shape(
            type="rect", x0=x0, x1=x1, y0=y0, y1=y1,
            line={"color": "#1b1f24", "width": 2, "dash": "dot"},
        )  # fmt: skip
    symbols = ("star", "diamond", "x")
    for symbol, (name, (row, column)) in zip(symbols, (view.marks or {}).items(), strict=False):
        fig.add_scatter(
            x=[x.centres[column]],
            y=[y.centres[row]],
            mode="markers",
            name=name,
            marker={
                "symbol": symbol, "size": 15, "color": "#ffffff",
                "line": {"color": "#1b1f24", "width": 1.5},
            },
            hoverinfo="skip",
        )  # fmt: skip
    fig.update_layout(legend={"y": 1.03, "itemclick": False, "itemdoubleclick": False})
    return fig


def map_loss(view: MapView) -> go.Figure:
    """The final loss, on a logarithmic scale, twice chance at most; not finite is black.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import MapAxis, MapView, map_loss
        >>> x, y = MapAxis("lr", (0.01, 0.1), "log"), MapAxis("gain", (0.5, 1.0), "linear")
        >>> numbers, kinds = np.array([[0.1, 0.2], [0.3, 0.4]]), np.zeros((2, 2), int)
        >>> view = MapView(x, y, ("learned",), kinds, loss=numbers, growth=-numbers, chance=1.0)
        >>> figure = map_loss(view)
        >>> figure.data[0].type, np.shape(figure.data[0].z)
        ('heatmap', (2, 2))
    """
    positive = view.loss > 0
    shown = np.log10(np.where(positive, view.loss, np.nan))
    # What exploded would take all the colours from what learned.
    top = math.log10(WORST * view.chance)
    bottom = min(float(np.nanmin(shown)), top - 1) if positive.any() else top - 1
    ticks = [t for t in _ticks(10**bottom, 10**top) if t < 0.8 * 10**top]
    return _grid(
        view,
        shown,
        colorscale="Viridis",
        zmin=bottom,
        zmax=top,
        colorbar={
            "title": {"text": "loss"},
            "thickness": 14,
            "tickvals": [*(math.log10(t) for t in ticks), top],
            "ticktext": [*map(_spelled, ticks), f"≥ {10**top:.3g}"],
        },
    )


def map_growth(view: MapView) -> go.Figure:
    """Growth rate of the gradient: blue vanishes, red explodes, white is carried unchanged.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import MapAxis, MapView, map_growth
        >>> x, y = MapAxis("lr", (0.01, 0.1), "log"), MapAxis("gain", (0.5, 1.0), "linear")
        >>> numbers, kinds = np.array([[0.1, 0.2], [0.3, 0.4]]), np.zeros((2, 2), int)
        >>> view = MapView(x, y, ("learned",), kinds, loss=numbers, growth=-numbers, chance=1.0)
        >>> figure = map_growth(view)
        >>> figure.data[0].type, np.shape(figure.data[0].z)
        ('heatmap', (2, 2))
    """
    return _grid(
        view,
        view.growth,
        colorscale="RdBu",
        reversescale=True,
        zmin=-STEEP,
        zmax=STEEP,
        colorbar={
            "title": {"text": "nats per step"},
            "thickness": 14,
            "tickvals": [-1, -0.5, 0, 0.5, 1],
            "ticktext": ["≤ −1", "−0.5", "0", "0.5", "≥ 1"],
        },
    )


def _grid(view: MapView, z: NDArray[np.floating], *, height: int = 380, **how: Any) -> go.Figure:
    """A cell a setting, and black ones where its loss is not finite."""
    fig = figure(view.y.name, height=height, x_title=view.x.name)
    x, y = _Scale(view.x), _Scale(view.y)
    edges: dict[str, Any] = {"x": x.edges, "y": y.edges, "hoverinfo": "text", "text": _hover(view)}
    fig.add_heatmap(z=z, **edges, **how)
    broken = "not finite" in view.kinds and view.outcomes == view.kinds.index("not finite")
    if how.get("showscale", True) and np.any(broken):
        ink = OUTCOME_COLOURS["not finite"]
        fig.add_heatmap(
            z=np.where(broken, 1.0, np.nan),
            colorscale=[[0, ink], [1, ink]],
            showscale=False,
            **edges,
        )
    fig.update_layout(plot_bgcolor=MISSING, hovermode="closest", xaxis=x.layout, yaxis=y.layout)
    return fig


def _legend(fig: go.Figure, name: str, colour: str) -> None:
    fig.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=name,
        marker={"symbol": "square", "size": 12, "color": colour},
    )


def _hover(view: MapView) -> list[list[str]]:
    texts: list[list[str]] = []
    for row, y in enumerate(view.y.values):
        texts.append([])
        for column, x in enumerate(view.x.values):
            kind, at = int(view.outcomes[row, column]), (row, column)
            told = [f"{view.x.name} = {x:.4g}", f"{view.y.name} = {y:.4g}"]
            if kind < 0:
                told.append("not trained")
            else:
                told.append(f"<b>{view.kinds[kind]}</b>")
                told.append(f"loss {number(float(view.loss[at]))} (chance {number(view.chance)})")
                told.append(f"gradient growth {number(float(view.growth[at]))} nats per step back")
            texts[-1].append("<br>".join(told))
    return texts


class _Scale:
    """Where the cells of an axis lie."""

    def __init__(self, axis: MapAxis) -> None:
        values = np.array(axis.values, np.float64)
        self.true = axis.spacing != "list"
        """Whether the axis counts in its own values; a list has its places, 0, 1, …."""
        self.layout: dict[str, Any] = {"showgrid": False}
        self.centres = values if self.true else np.arange(len(values), dtype=np.float64)
        spread = np.log(values) if axis.spacing == "log" else self.centres
        half = np.diff(spread) / 2 if len(spread) > 1 else np.array([0.5])
        edges = np.concatenate(
            [[spread[0] - half[0]], spread[1:] - half[: len(spread) - 1], [spread[-1] + half[-1]]]
        )
        self.edges = np.exp(edges) if axis.spacing == "log" else edges
        if axis.spacing == "log":
            ticks = _ticks(self.edges[0], self.edges[-1])
            ends = [math.log10(self.edges[0]), math.log10(self.edges[-1])]
            self.layout |= {
                "type": "log", "range": ends, "tickvals": ticks,
                "ticktext": [_spelled(t) for t in ticks],
            }  # fmt: skip
        else:
            self.layout["range"] = [self.edges[0], self.edges[-1]]
        if not self.true:
            self.layout |= {
                "tickvals": self.centres,
                "ticktext": [f"{value:g}" for value in values],
            }

    def clip(self, low: float, high: float) -> tuple[float, float]:
        """What of a stretch lies on the map."""
        return max(low, float(self.edges[0])), min(high, float(self.edges[-1]))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis, each to be labelled in full."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, (last - first) // 8)
    digits = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [d * 10.0**power for power in range(first, last + 1, every) for d in digits]
    return [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)] or [low]


def _spelled(tick: float) -> str:
    return f"{tick:g}" if 1e-3 <= tick < 1e5 else f"{tick:.0e}"

"""One look for every figure, and the marks for what a line cannot show."""

import html
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._thin import Thinned, thin_stream
from backsight.signals import Run, member

__all__ = [
    "ALARM",
    "BEHIND",
    "COLOURS",
    "add_series",
    "empty",
    "figure",
    "log_axis",
    "log_ticks",
    "make_room_above",
    "mark",
    "member_label",
    "note",
    "place_log_axis",
    "wide_range",
]

COLOURS = ("#2f6fde", "#e07b39", "#0f8b8d", "#8250df", "#bf3989", "#57606a")
ALARM = "#d1242f"
BEHIND = "rgba(255,255,255,0.8)"
"""Behind words within a picture, through which lines shine."""
INK = "#1b1f24"
BELOW = "≤ 0"
"""The kind of a value that a log axis cannot show, unlike one that is not finite."""
CURVES = 0.93
"""Of the height of a picture, where marks stand above."""
SEEN = 3
"""Ticks that a log axis has among the values, where they differ."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def figure(y_title: str, *, height: int = 340, x_title: str = "iteration") -> go.Figure:
    """An empty figure, over iterations unless told otherwise."""
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 68, "r": 44, "t": 34, "b": 48},
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "#ffffff",
            # Plotly chooses these to stand out from the paper, and takes a clear one for black.
            # It stands beside the plot, because the legend is above it.
            "modebar": {
                "orientation": "v",
                "bgcolor": "rgba(255,255,255,0.85)",
                "color": "#8c959f",
                "activecolor": INK,
            },
            "hovermode": "x unified",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {"title": {"text": x_title}, **_axis()},
            "yaxis": {
                "title": {"text": y_title, "standoff": 8},
                "automargin": True,
                **_axis(),
            },
        }
    )


def _axis() -> dict[str, object]:
    return {
        "gridcolor": "#eaeef2", "linecolor": "#8c959f", "showline": True, "zeroline": False,
        "ticks": "outside", "tickcolor": "#8c959f",
    }  # fmt: skip


def member_label(name: str) -> str:
    """The member of a signal as a figure shows it: Plotly takes ``<b>`` and ``<a>`` for markup."""
    return html.escape(member(name), quote=False)


def add_series(
    fig: go.Figure,
    run: Run,
    name: str,
    label: str,
    colour: str,
    *,
    log: bool = False,
    mode: str = "lines",
    dash: str | None = None,
    marked: bool = True,
) -> Thinned:
    """Draw a scalar signal, thinned, with its non-finite values marked; returns what was drawn."""
    thinned = thin_stream(run.stream(name), log=log)
    fig.add_scatter(
        # A line must not bridge what it cannot show.
        x=np.insert(thinned.iterations, thinned.breaks, thinned.iterations[thinned.breaks]),
        y=np.insert(thinned.values, thinned.breaks, np.nan),
        name=label,
        mode=mode,
        line={"color": colour, "width": 1.4, "dash": dash},
        marker={"size": 6},
        hovertemplate="%{y:.4g}",
        connectgaps=False,
        meta={"signal": name},
    )
    ends = np.concatenate([[0], thinned.breaks, [len(thinned.iterations)]])
    alone = ends[:-1][np.diff(ends) == 1]
    if thinned.breaks.size and alone.size:  # a line of one sample would not be seen
        fig.add_scatter(
            x=thinned.iterations[alone],
            y=thinned.values[alone],
            mode="markers",
            marker={"size": 3, "color": colour},
            hoverinfo="skip",
            showlegend=False,
        )
    if marked:
        mark(fig, thinned, label)
    return thinned


def mark(fig: go.Figure, thinned: Thinned, label: str) -> None:
    """Put a cross over every iteration whose value cannot be drawn, by kind."""
    if any(kind != BELOW for kind in thinned.marks):
        make_room_above(fig)
    if BELOW in thinned.marks:  # across the picture, whatever the scale of the values is
        across = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
        fig.update_layout(yaxis3=across)
    for kind, marks in thinned.marks.items():
        below = kind == BELOW
        fig.add_scatter(
            x=marks.iterations,
            y=np.full(len(marks.iterations), 0.02 if below else 0.5),
            yaxis="y3" if below else "y2",
            mode="markers",
            name=f"{label}: {kind} ({marks.count:,}×)",
            marker={"symbol": "triangle-down" if below else "x", "size": 9, "color": ALARM},
            hovertemplate=f"{kind}<extra>{label}</extra>",
            meta={"kind": kind},
        )
        if not below:
            fig.add_vline(x=int(marks.iterations[0]), line={"color": ALARM, "width": 1})


def make_room_above(fig: go.Figure) -> None:
    """The axis ``y2``, above the curves: marks on it cover no line, nor what is written at one."""
    strip = {"domain": [CURVES, 1], "anchor": "x", "range": [0, 1], "visible": False}
    fig.update_layout(yaxis={"domain": [0, CURVES]}, yaxis2={**strip, "fixedrange": True})


def wide_range(parts: Iterable[Thinned], ratio: float = 50.0) -> bool:
    """True where values are positive and span so much that only a log axis shows them all."""
    values = _together(parts)
    return bool(values.size and values.min() > 0 and values.max() / values.min() > ratio)


def log_axis(fig: go.Figure, parts: Iterable[Thinned], also: Iterable[float] = ()) -> None:
    """Make the y axis logarithmic, with every tick labelled in full.

    Plotly's own labels between decades are bare digits: 0.5 reads as "5".

    Args:
        fig: the figure.
        parts: what is drawn in it.
        also: positive values that are drawn in it, too, such as that of a line across.
    """
    place_log_axis(fig, np.concatenate([_together(parts), [value for value in also if value > 0]]))


def place_log_axis(fig: go.Figure, values: NDArray[np.floating[Any]]) -> None:
    """The same from positive values, which then fill the picture."""
    fig.update_layout(yaxis={"type": "log"})
    if values.size:
        fig.update_layout(yaxis=log_ticks(values))


def log_ticks(values: NDArray[np.floating[Any]]) -> dict[str, list[Any]]:
    """Ticks for positive values on a log axis, labelled in full; at least one value.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import log_ticks
        >>> log_ticks(np.array([0.01, 100.0]))["ticktext"]
        ['0.01', '0.1', '1', '10', '100']
    """
    least, most = float(values.min()), float(values.max())
    low = math.floor(math.log10(least))
    high = min(math.ceil(math.log10(most)), 308)  # the last power that is finite
    every = max(1, (high - low) // 8)
    at: list[float] = []
    for digits in ((1,), (1, 2, 5), range(1, 10)):
        at = [d * 10.0**power for power in range(low, high + 1, every) for d in digits]
        at = [t for t in at if 0 < t < math.inf]
        enough = len(digits) > 1 or high - low > 3
        if enough and (most == least or sum(least <= t <= most for t in at) >= SEEN):
            break
    else:
        spread = (most - least) / SEEN
        if spread > max(1e-5 * most, 1e-300):  # less than one digit tells apart, and more than six
            step = 10.0 ** math.floor(math.log10(spread))
            step *= next(d for d in (1, 2, 5, 10) if spread <= 2 * d * step)
            first = math.floor(least / step)
            at = [step * n for n in range(max(first, 1), first + 2 * SEEN + 3)]
    return {"tickvals": at, "ticktext": [_tick(t) for t in at]}


def _tick(value: float) -> str:
    """As the page writes numbers: ``0.002``, ``2e-4``."""
    if 1e-3 <= value < 1e5:
        return f"{value:.6g}"
    digits, _, power = f"{value:.3e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def note(fig: go.Figure, text: str) -> None:
    """Say in the picture what it cannot show."""
    fig.add_annotation(
        text=text,
        showarrow=False,
        x=0.01,
        y=0.02,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        font={"size": 12, "color": ALARM},
        bgcolor=BEHIND,
    )


def _together(parts: Iterable[Thinned]) -> NDArray[np.floating[Any]]:
    return np.concatenate([part.values for part in parts])


def empty(text: str) -> go.Figure:
    """A figure that says why there is nothing to see."""
    fig = figure("", height=140)
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    fig.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return fig

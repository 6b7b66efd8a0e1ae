"""A heat map of a profile signal: time steps or lags upwards, iterations to the right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.report._rows import groups
from backsight.report._some_of import some_of
from backsight.report._thin import columns_of
from backsight.report.figures._style import ALARM, figure, member_label, note
from backsight.signals import Run

__all__ = ["COLUMNS", "heat_map"]

COLUMNS = 400
"""Samples that have a column each; of more, several share one."""

PANELS = 12
"""At the most: each takes as much of the page as any other figure."""

LOG_FROM = 100.0
"""Ratio of largest to median from which colours follow the logarithm: else one explosion leaves
the rest of the picture in a single colour."""


def heat_map(
    run: Run,
    names: tuple[str, ...],
    *,
    axis: str,
    what: str,
    floor: float | None = None,
    scale: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
    scaled: str = "",
) -> go.Figure:
    """A panel a signal, on one scale of colours.

    A long run has several samples a column: the largest is shown, so that no spike is lost.
    Non-finite cells are red; places that a shorter row did not have are left grey.

    Args:
        run: the run.
        names: profile signals, at least one.
        axis: what counts upwards.
        what: the value's symbol.
        floor: colours follow the logarithm from here on, and anything below looks like it; by
            default they do where the values span too much for anything else.
        scale: what the colours show of the rows ``(samples, width)``; the values themselves by
            default. Their text when pointed at shows the values in any case.
        scaled: the symbol of that, if it is another than ``what``.
    """
    names, left_out = some_of(names, PANELS)
    fig = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.12 / len(names),
        subplot_titles=[member_label(name) for name in names] if len(names) > 1 else None,
        figure=figure(axis, height=120 + 240 * len(names)),
    )
    panels = [groups(run.stream(name), columns_of(COLUMNS)) for name in names]
    tables = [scale(panel.largest) for panel in panels]
    shown = np.concatenate([table[table > 0] for table in tables])
    wide = bool(shown.size and shown.max() > LOG_FROM * np.median(shown))
    logarithmic = bool(shown.size) and (floor is not None or wide)
    low = floor if floor is not None else shown.min() if wide else 0.0
    for row, (name, panel, table) in enumerate(zip(names, panels, tables, strict=True), start=1):
        iterations, largest, broken = panel.iterations, panel.largest, panel.broken
        fig.add_heatmap(
            x=iterations,
            z=_short((np.log10(np.maximum(table, low)) if logarithmic else table).T),
            customdata=_short(largest.T),
            coloraxis="coloraxis",
            meta={"signal": name},
            hovertemplate=f"iteration %{{x}}<br>{axis} %{{y}}<br>{what} = "
            "%{customdata:.4g}<extra></extra>",
            row=row,
            col=1,
        )
        if broken.any():
            fig.add_heatmap(
                x=iterations,
                z=np.where(broken, np.float32(1.0), np.float32(np.nan)).T,
                colorscale=[[0, ALARM], [1, ALARM]],
                showscale=False,
                meta={"signal": name, "kind": "not finite"},
                hovertemplate=f"iteration %{{x}}<br>{axis} %{{y}}<br>not finite<extra></extra>",
                row=row,
                col=1,
            )
        fig.update_yaxes(title={"text": axis}, row=row, col=1)
        fig.update_xaxes(title={"text": "iteration" if row == len(names) else ""}, row=row, col=1)
    bar: dict[str, Any] = {"title": {"text": scaled or what}, "thickness": 14}
    colours: dict[str, Any] = {"colorscale": "Viridis"}
    if logarithmic:
        bottom, top = np.floor(np.log10(low)), np.ceil(np.log10(max(shown.max(), low)))
        powers = np.arange(bottom, top + 1, max(1, (top - bottom) // 6))
        bar |= {"tickvals": powers, "ticktext": [f"{10.0**power:g}" for power in powers]}
        if floor is not None:
            bar["ticktext"][0] = f"≤ {bar['ticktext'][0]}"
            colours |= {"cmin": bottom, "cmax": max(top, bottom + 1)}
    fig.update_layout(
        plot_bgcolor="#d0d7de",
        hovermode="closest",
        coloraxis={**colours, "colorbar": bar},
    )
    if left_out:
        note(fig, left_out)
    if any(panel.broken.any() for panel in panels):
        fig.add_annotation(
            text="■ not finite", showarrow=False, font={"size": 11, "color": ALARM},
            x=1, y=0, xref="paper", yref="paper", xanchor="right", yanchor="top", yshift=-27,
        )  # fmt: skip
    return fig


def _short(table: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
    """In half the bytes, unless a number would become infinite."""
    with np.errstate(over="ignore"):
        short = table.astype(np.float32)
    return table if np.isinf(short).any() else short

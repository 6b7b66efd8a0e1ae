"""Hidden-state norm over the steps of a window, and how that changes during training."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.report._thin import thin_columns
from backsight.report.figures._style import ALARM, empty, figure
from backsight.signals import Profile, Run, member

__all__ = ["hidden_norm_time"]

COLUMNS = 400

LOG_FROM = 100.0
"""Ratio of largest to median from which colours follow the logarithm: else one explosion leaves
the rest of the picture in a single colour."""


def hidden_norm_time(run: Run) -> go.Figure:
    """``‖h_t‖`` by time step (up) and iteration (right), a panel a layer.

    A long run has several samples a column: the largest is shown, so that no spike is lost.
    Non-finite cells are red; steps that a shorter window did not have are left grey.
    """
    names = run.members("hidden_norm", profile=True)
    if not names:
        return empty("no hidden-state profile was recorded in this run")
    fig = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.12 / len(names),
        subplot_titles=[member(name) for name in names] if len(names) > 1 else None,
        figure=figure("time step", height=120 + 240 * len(names)),
    )
    panels = [_columns(run.profile(name)) for name in names]
    shown = np.concatenate([largest[largest > 0] for _, largest, _ in panels])
    logarithmic = bool(shown.size and shown.max() > LOG_FROM * np.median(shown))
    floor = shown.min() if logarithmic else 0.0
    for row, (iterations, largest, broken) in enumerate(panels, start=1):
        fig.add_heatmap(
            x=iterations,
            z=(np.log10(np.maximum(largest, floor)) if logarithmic else largest).T,
            customdata=largest.T,
            coloraxis="coloraxis",
            hovertemplate="iteration %{x}<br>step %{y}<br>‖h‖ = %{customdata:.4g}<extra></extra>",
            row=row,
            col=1,
        )
        if broken.any():
            fig.add_heatmap(
                x=iterations,
                z=np.where(broken, 1.0, np.nan).T,
                colorscale=[[0, ALARM], [1, ALARM]],
                showscale=False,
                hovertemplate="iteration %{x}<br>step %{y}<br>not finite<extra></extra>",
                row=row,
                col=1,
            )
        fig.update_yaxes(title={"text": "time step"}, row=row, col=1)
        fig.update_xaxes(title={"text": "iteration" if row == len(names) else ""}, row=row, col=1)
    bar: dict[str, Any] = {"title": {"text": "‖h‖"}, "thickness": 14}
    if logarithmic:
        low, high = np.floor(np.log10(floor)), np.ceil(np.log10(shown.max()))
        powers = np.arange(low, high + 1, max(1, (high - low) // 6))
        bar |= {"tickvals": powers, "ticktext": [f"{10.0**power:g}" for power in powers]}
    fig.update_layout(
        plot_bgcolor="#d0d7de",
        hovermode="closest",
        coloraxis={"colorscale": "Viridis", "colorbar": bar},
    )
    return fig


def _columns(
    profile: Profile,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """What to draw of a profile: at most ``COLUMNS`` groups of neighbouring samples.

    Returns:
        first iteration of each group ``(n,)``; largest finite norm ``(n, width)``, NaN where
        there is none; whether any norm is recorded and not finite ``(n, width)``.
    """
    table = profile.table()
    starts = thin_columns(len(table), COLUMNS)
    recorded = ~np.ma.getmaskarray(table)
    finite = recorded & np.isfinite(table.data)
    broken = np.logical_or.reduceat(recorded & ~finite, starts, axis=0)
    largest = np.maximum.reduceat(np.where(finite, table.data, -np.inf), starts, axis=0)
    largest[np.isneginf(largest)] = np.nan
    return profile.iterations[starts], largest, broken

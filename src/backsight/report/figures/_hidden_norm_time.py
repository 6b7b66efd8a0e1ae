"""Hidden-state norm over the steps of a window, and how that changes during training."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backsight.report._thin import thin_columns
from backsight.report.figures._style import ALARM, empty, figure
from backsight.signals import Run, member

__all__ = ["hidden_norm_time"]

COLUMNS = 400


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
    fig.update_layout(plot_bgcolor="#d0d7de", hovermode="closest")
    for row, name in enumerate(names, start=1):
        profile = run.profile(name)
        table = profile.table()
        starts = thin_columns(len(table), COLUMNS)
        recorded = ~np.ma.getmaskarray(table)
        values = table.filled(np.nan)
        broken = np.logical_or.reduceat(recorded & ~np.isfinite(values), starts, axis=0)
        shown = np.where(np.isfinite(values), values, -np.inf)
        largest = np.maximum.reduceat(shown, starts, axis=0)
        largest[~np.isfinite(largest)] = np.nan
        iterations = profile.iterations[starts]
        fig.add_heatmap(
            x=iterations,
            z=largest.T,
            coloraxis="coloraxis",
            hovertemplate="iteration %{x}<br>step %{y}<br>‖h‖ = %{z:.4g}<extra></extra>",
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
    fig.update_xaxes(title={"text": "iteration"}, row=len(names), col=1)
    fig.update_layout(
        coloraxis={"colorscale": "Viridis", "colorbar": {"title": {"text": "‖h‖"}, "thickness": 14}}
    )
    return fig

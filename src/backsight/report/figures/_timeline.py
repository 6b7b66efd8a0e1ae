"""A run that failed: its signals, aligned on the failure."""

from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.diagnosis import Timeline
from backsight.report._thin import thin
from backsight.report.figures._style import ALARM, COLOURS, figure, log_axis, mark, member_label
from backsight.signals import Run, SignalStream, describe, family

__all__ = ["timeline"]

SHOWN = 400
"""Iterations before the end."""

AFTER = 20
"""Iterations after it."""


def timeline(run: Run, chain: Timeline) -> go.Figure:
    """Each signal that moved, relative to what was usual, with a dot where it left that.

    Example:
        >>> from backsight.diagnosis import timeline as moved
        >>> from backsight.report.figures import timeline
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     for i in range(200):
        ...         loss, norm = 2.0 if i < 199 else float("nan"), 0.5 * 1.5 ** max(0, i - 180)
        ...         recorder.scalars(i, {"loss": loss, "grad_norm": norm})
        >>> run = Run("runs/mine")
        >>> figure = timeline(run, moved(run))
        >>> len(figure.data) > 0
        True
    """
    fig = figure("times the usual value", x_title="iterations relative to the failure", height=380)
    drawn = []
    for number, move in enumerate(chain.moves):
        at, values = _around(run.stream(move.name), chain.end)
        values /= abs(move.usual) or 1.0
        thinned = thin(at, values, log=True)
        drawn.append(thinned)
        colour = COLOURS[number % len(COLOURS)]
        signal = describe(move.name)
        label = " ".join(
            filter(
                None,
                (signal.title if signal else escape(family(move.name)), member_label(move.name)),
            )
        )
        fig.add_scatter(
            x=np.insert(thinned.iterations, thinned.breaks, thinned.iterations[thinned.breaks]),
            y=np.insert(thinned.values, thinned.breaks, np.nan),
            name=label,
            mode="lines",
            line={"color": colour, "width": 1.6},
            hovertemplate="×%{y:.4g}",
        )
        onset = np.flatnonzero(at == -move.lead)
        if onset.size and np.isfinite(values[onset[0]]):
            fig.add_scatter(
                x=[-move.lead],
                y=[values[onset[0]]],
                mode="markers",
                marker={"size": 10, "color": colour, "line": {"color": "#fff", "width": 1.5}},
                hovertemplate=f"{label} leaves its usual range<extra></extra>",
                showlegend=False,
            )
        mark(fig, thinned, label)
    first = max((move.lead for move in chain.moves), default=0)
    fig.update_xaxes(range=[-min(SHOWN, max(60, 3 * first)), AFTER])
    fig.add_vline(x=0, line={"color": ALARM, "width": 1, "dash": "dot"})
    log_axis(fig, drawn)
    return fig


def _around(stream: SignalStream, end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Iterations relative to the failure, and magnitudes, of the samples that are shown."""
    found = [(np.empty(0, np.int64), np.empty(0))]
    for block in stream:
        at = block.iterations - end
        inside = (at >= -SHOWN) & (at <= AFTER)
        if inside.any():
            found.append((at[inside], np.abs(block.values[inside].astype(np.float64))))
    at, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return at, values

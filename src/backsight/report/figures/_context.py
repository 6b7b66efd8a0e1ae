"""The loss by the length of context that the model is given."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._rows import ends
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, empty, figure, member_label, note
from backsight.signals import Run

__all__ = ["FIGURE", "context"]


_Asked = tuple[str, int, NDArray[np.floating[Any]], NDArray[np.floating[Any]], str | None, float]
"""Name, iteration, losses, lengths, dash and width of a line."""


def context(run: Run) -> go.Figure:
    """``context_loss`` over context lengths on a log axis: the first and the last asked."""
    names = run.members("context_loss", profile=True)
    if not names or not run.members("context_length", profile=True):
        return empty("no loss by context was recorded in this run")
    fig = figure("loss", x_title="steps of context")
    missing = 0
    for index, name in enumerate(names):
        label = member_label(name)
        stream = run.stream(name)
        losses = ends(stream)
        lengths = ends(run.stream(f"context_length/{label}" if label else "context_length"))
        asked: list[_Asked] = [("last", stream.last, losses.last, lengths.last, None, 2.0)]
        if stream.samples > 1:
            asked.insert(0, ("first", stream.first, losses.first, lengths.first, "dot", 1.2))
        for which, at, loss, steps, dash, width in asked:
            row = loss.astype(np.float64)
            missing += int(np.count_nonzero(~np.isfinite(row)))
            fig.add_scatter(
                x=steps,
                y=np.where(np.isfinite(row), row, np.nan),
                name=f"{label} {which} ({at:,})".lstrip(),
                mode="lines+markers",
                line={"color": COLOURS[index % len(COLOURS)], "width": width, "dash": dash},
                hovertemplate="%{y:.4g}",
            )
    fig.update_xaxes(type="log", dtick=np.log10(2), tickformat=",d")
    if missing:
        note(fig, f"{missing} losses are not finite")
    return fig


FIGURE = Entry(
    "context",
    "Loss by context",
    "The loss by the number of steps of context that the model sees. Where the line levels off, "
    "the model does not use what lies further back.",
    context,
    signals=("context_loss", "context_length"),
    of_moment=True,
    how="Call monitor.context, or backsight.context_probe, with a batch.",
)

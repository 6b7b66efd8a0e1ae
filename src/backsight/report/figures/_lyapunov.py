"""The Lyapunov exponents of recurrent layers."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._rows import ends
from backsight.report._some_of import some_of
from backsight.report.figures._entry import Entry
from backsight.report.figures._samples import LAYERS
from backsight.report.figures._style import COLOURS, empty, figure, member_label, note
from backsight.signals import Run

__all__ = ["FIGURE", "lyapunov"]

_Asked = tuple[str, int, NDArray[np.floating[Any]], str | None, float]
"""Name, iteration, exponents, dash and width of a line."""


def lyapunov(run: Run) -> go.Figure:
    """The exponents in descending order: when they were measured first, and last."""
    names = run.members("lyapunov", profile=True)
    if not names:
        return empty("no Lyapunov exponent was recorded in this run")
    fig = figure("Lyapunov exponent, nats per step", x_title="exponent, from the largest on")
    shown, left_out = some_of(names, LAYERS)
    told = [left_out] if left_out else []
    for index, name in enumerate(shown):
        label, stream = member_label(name), run.stream(name)
        rows = ends(stream)
        each: list[_Asked] = [("last", stream.last, rows.last, None, 2.0)]
        if stream.samples > 1:
            each.insert(0, ("first", stream.first, rows.first, "dot", 1.2))
        for which, at, row, dash, width in each:
            values = row.astype(np.float64)
            lost, broken = int((values == -np.inf).sum()), int((~(values < np.inf)).sum())
            if lost:
                told.append(f"{label} {which}: {lost} are −∞".lstrip())
            if broken:
                told.append(f"{label} {which}: {broken} not finite".lstrip())
            fig.add_scatter(
                x=np.arange(1, len(values) + 1),
                y=np.where(np.isfinite(values), values, np.nan),
                name=f"{label} {which} ({at:,})".lstrip(),
                mode="lines+markers",
                marker={"size": 4},
                line={"color": COLOURS[index % len(COLOURS)], "width": width, "dash": dash},
                hovertemplate="%{y:.3g}",
            )
    fig.add_hline(y=0, line={"color": "gray", "width": 1, "dash": "dash"})
    if told:
        note(fig, "; ".join(told[:4]))
    return fig


FIGURE = Entry(
    "lyapunov",
    "Lyapunov exponents",
    "How fast small differences of a state grow or fade, in each direction. The gradient fades or "
    "grows as the largest one says: below 0 it halves every 0.69 / |exponent| steps, and above 0 "
    "it explodes.",
    lyapunov,
    signals=("lyapunov",),
    of_moment=True,
)

"""How far back the gradient reaches."""

import numpy as np
import plotly.graph_objects as go

from backsight.report._some_of import some_of
from backsight.report.figures._entry import Entry
from backsight.report.figures._reach_marks import reach_marks
from backsight.report.figures._samples import LAYERS, sample_lines
from backsight.report.figures._style import COLOURS, empty, figure, member_label
from backsight.signals import Run, measure_reach

__all__ = ["FIGURE", "reach"]

FLOOR = 1e-6
"""Of the strongest earlier step: what is further down leaves the picture, because it would flatten
the part that matters."""


def reach(run: Run) -> go.Figure:
    """``R(k)`` against the lag ``k`` on a log axis, a colour a layer."""
    names = run.members("reach", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    fig = figure("R, relative to lag 0", x_title="lag: steps back from the loss")
    shown, _ = some_of(names, LAYERS)
    last = {name: run.stream(name).newest().values[-1] for name in shown}
    strengths = [measure_reach(row).strength for row in last.values()]
    weakest = min((s for s in strengths if s > FLOOR), default=1.0)
    sample_lines(fig, run, names, floor=FLOOR * min(1.0, weakest))
    for index, (name, row) in enumerate(last.items()):
        for mark in reach_marks(np.asarray(row, np.float64)):
            fig.add_scatter(
                x=[mark.x],
                y=[mark.y],
                name=f"{member_label(name)} {mark.text}".lstrip(),
                mode="markers",
                marker={
                    "symbol": mark.symbol,
                    "size": 10,
                    "color": COLOURS[index % len(COLOURS)],
                    "line": {"width": 2},
                },
                hovertemplate="%{y:.3g}",
            )
    return fig


def _reading(run: Run) -> str:
    names, _ = some_of(run.members("reach", profile=True), LAYERS)
    found = [measure_reach(run.stream(name).newest().values[-1]) for name in names]
    told = [
        "The gradient of the last loss with respect to the state k steps earlier, relative to lag "
        "0."
    ]
    if any(one.goes_back for one in found):
        told.append(
            "The marks are on the last sample: from the half-life (circle) on, the gradient stays "
            "below half of what the strongest earlier step gets, and beyond the horizon (diamond) "
            "it is below 1 % of that and hardly affects what the network learns."
        )
    if any(one.horizon is not None and one.horizon.censored for one in found):
        told.append("An open mark means that the window ends first.")
    told.append("A straight line is exponential decay (down) or explosion (up).")
    if any(one.cut is not None for one in found):
        told.append("Where a line stops before the window does, the gradient is exactly zero.")
    return " ".join(told)


FIGURE = Entry(
    "reach",
    "Reach of the gradient",
    _reading,
    reach,
    signals=("reach",),
    of_moment=True,
    how="Train a recurrent layer, or name the module that embeds the input (--inputs of "
    "backsight run, inputs= of watch).",
)

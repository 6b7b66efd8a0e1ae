"""How far back the gradient reaches."""

import math

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._samples import sample_lines
from backsight.report.figures._style import COLOURS, empty, figure
from backsight.signals import Run

__all__ = ["FIGURE", "reach"]

FLOOR = 1e-6
"""What is further down than this leaves the picture: it would flatten the part that matters."""


def reach(run: Run) -> go.Figure:
    """``R(k)`` against the lag ``k`` on a log axis, a colour a layer."""
    names = run.members("reach", profile=True)
    if not names:
        return empty("no gradient through time was recorded in this run")
    fig = figure("R, relative to lag 0", x_title="lag: steps back from the loss")
    for value, text in ((0.5, "half"), (0.01, "1 %")):
        fig.add_hline(y=value, line={"color": COLOURS[5], "width": 1, "dash": "dot"})
        fig.add_annotation(
            text=text,
            showarrow=False,
            x=1,
            xref="paper",
            xanchor="right",
            y=math.log10(value),
            yanchor="bottom",
            font={"size": 11, "color": COLOURS[5]},
        )
    sample_lines(fig, run, names, floor=FLOOR)
    return fig


FIGURE = Entry(
    "reach",
    "Reach of the gradient",
    "The gradient of the last loss with respect to the state k steps earlier, relative to lag 0. A "
    "state below 1 % hardly affects what the network learns. A straight line is exponential decay "
    "(down) or explosion (up). A line that stops before the window does was cut, for example by a "
    "detached state.",
    reach,
    signals=("reach",),
)

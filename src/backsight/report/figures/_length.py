"""The sequence length during training, beside the reach of the gradient."""

import plotly.graph_objects as go

from backsight.report.figures._style import COLOURS, add_series, empty, figure
from backsight.signals import Run, member

__all__ = ["length"]


def length(run: Run) -> go.Figure:
    """``seq_len`` and every layer's horizon, in steps."""
    names = run.members("seq_len", profile=False)
    if not names:
        return empty("no sequence length was recorded in this run")
    fig = figure("steps")
    for name in names:
        add_series(fig, run, name, f"sequence length {member(name)}".rstrip(), COLOURS[0])
    for number, name in enumerate(run.members("horizon", profile=False)):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        add_series(fig, run, name, f"horizon of {member(name)}", colour, dash="dot")
    return fig

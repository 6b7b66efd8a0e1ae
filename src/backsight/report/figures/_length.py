"""The sequence length during training, beside the reach of the gradient."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, member_label
from backsight.signals import Run

__all__ = ["FIGURE", "length"]


def length(run: Run) -> go.Figure:
    """``seq_len`` and every layer's horizon, in steps."""
    names = run.members("seq_len", profile=False)
    if not names:
        return empty("no sequence length was recorded in this run")
    fig = figure("steps")
    for name in names:
        add_series(fig, run, name, f"sequence length {member_label(name)}".rstrip(), COLOURS[0])
    for number, name in enumerate(run.members("horizon", profile=False)):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        add_series(fig, run, name, f"horizon of {member_label(name)}", colour, dash="dot")
    return fig


def _varies(run: Run) -> bool:
    """Whether sequences have become longer or shorter."""
    names = run.members("seq_len", profile=False)
    return any(run[name].min() < run[name].max() for name in names if len(run[name]))


FIGURE = Entry(
    "length",
    "Sequence length",
    "The length of the sequences, and how far back the gradient reached in them. A curriculum that "
    "waits for the reach keeps the two together.",
    length,
    signals=("seq_len", "horizon"),
    only_if=_varies,
)

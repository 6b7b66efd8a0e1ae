"""Hidden-state norm over the steps of a window, and how that changes during training."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._heat_map import COLUMNS, heat_map
from backsight.report.figures._style import empty
from backsight.signals import Run

__all__ = ["FIGURE", "hidden_norm_time"]


def hidden_norm_time(run: Run) -> go.Figure:
    """``‖h_t‖`` by time step (up) and iteration (right), a panel a layer."""
    names = run.members("hidden_norm", profile=True)
    if not names:
        return empty("no hidden-state profile was recorded in this run")
    return heat_map(run, names, axis="time step", what="‖h‖")


def _reading(run: Run) -> str:
    samples = (run.stream(name).samples for name in run.members("hidden_norm", profile=True))
    several = max(samples, default=0) > COLUMNS
    column = "the largest of several sampled iterations" if several else "one sampled iteration"
    return (
        f"Each column is {column}, from the first step (bottom) to the last (top). A colour that "
        "changes upwards shows drift along the sequence; red would be not finite."
    )


FIGURE = Entry(
    "hidden-norm-time",
    "Hidden-state norm over the steps of a window",
    _reading,
    hidden_norm_time,
    signals=("hidden_norm",),
    how="Train a recurrent layer; it is measured in sampled iterations (--every of backsight "
    "run, every= of watch).",
)

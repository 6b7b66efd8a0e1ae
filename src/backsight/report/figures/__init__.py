"""Figures: each a function from a run to a Plotly figure, one a file."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from backsight.report.figures._gradient_norm import gradient_norm
from backsight.report.figures._hidden_norm import hidden_norm
from backsight.report.figures._hidden_norm_time import hidden_norm_time
from backsight.report.figures._loss import loss
from backsight.signals import Run

__all__ = ["FIGURES", "Entry", "gradient_norm", "hidden_norm", "hidden_norm_time", "loss"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure on the page."""

    key: str
    title: str
    reading: str
    """How to read it, in a sentence or two."""
    draw: Callable[[Run], go.Figure]


FIGURES = (
    Entry(
        "loss",
        "Loss",
        "Below the bigram line the network uses more than the previous character; at the unigram "
        "line it has only learned which characters are frequent.",
        loss,
    ),
    Entry(
        "gradient-norm",
        "Gradient norm",
        "Where the two curves part, clipping acted. A norm that climbs for many iterations, or "
        "jumps by orders of magnitude, comes before a loss that does.",
        gradient_norm,
    ),
    Entry(
        "hidden-norm",
        "Hidden-state norm",
        "A tanh state of H units cannot exceed √H; near that bound the units are saturated and "
        "pass hardly any gradient. An unbounded cell (relu) that climbs here is about to explode.",
        hidden_norm,
    ),
    Entry(
        "hidden-norm-time",
        "Hidden-state norm over the steps of a window",
        "Each column is one sampled iteration, from the first step (bottom) to the last (top). "
        "Colour that changes upwards is drift along the sequence. Long runs show the largest of "
        "the samples in a column; red is not finite.",
        hidden_norm_time,
    ),
)

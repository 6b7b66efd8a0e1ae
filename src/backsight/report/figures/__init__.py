"""Figures: each a function to a Plotly figure, one a file: from a run, or from plain numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from backsight.report.figures._context import context
from backsight.report.figures._grad_time import grad_time
from backsight.report.figures._gradient_norm import gradient_norm
from backsight.report.figures._hidden_norm import hidden_norm
from backsight.report.figures._hidden_norm_time import hidden_norm_time
from backsight.report.figures._length import length
from backsight.report.figures._loss import loss
from backsight.report.figures._pace import pace
from backsight.report.figures._panels import Line, Panel, panels
from backsight.report.figures._reach import reach
from backsight.report.figures._reach_time import reach_time
from backsight.report.figures._spreads import Curve, spreads
from backsight.report.figures._stability_map import (
    OUTCOME_COLOURS,
    MapAxis,
    MapView,
    map_growth,
    map_loss,
    map_outcomes,
)
from backsight.report.figures._strips import Strip, strips
from backsight.report.figures._timeline import timeline
from backsight.report.figures._update_ratio import update_ratio
from backsight.signals import Run

__all__ = [
    "FIGURES",
    "OUTCOME_COLOURS",
    "Curve",
    "Entry",
    "Line",
    "MapAxis",
    "MapView",
    "Panel",
    "Strip",
    "context",
    "grad_time",
    "gradient_norm",
    "hidden_norm",
    "hidden_norm_time",
    "length",
    "loss",
    "map_growth",
    "map_loss",
    "map_outcomes",
    "pace",
    "panels",
    "reach",
    "reach_time",
    "spreads",
    "strips",
    "timeline",
    "update_ratio",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure on the page."""

    key: str
    title: str
    reading: str
    """How to read it, in a sentence or two."""
    draw: Callable[[Run], go.Figure]
    only_if: Callable[[Run], bool] = lambda run: True
    """Where it is left out rather than shown empty, or without news."""


def _varies(run: Run) -> bool:
    """Whether sequences have become longer or shorter."""
    names = run.members("seq_len", profile=False)
    return any(run[name].min() < run[name].max() for name in names if len(run[name]))


FIGURES = (
    Entry(
        "loss",
        "Loss",
        "What the training minimises. In a run on text, below the bigram line the network uses "
        "more than the previous character; at the unigram line it has only learned which are "
        "frequent. In a memory task, at the memoryless line it guesses; only below the lowest line "
        "does it use the oldest input that it needs.",
        loss,
    ),
    Entry(
        "reach",
        "Reach of the gradient",
        "The gradient of the last loss on the state k steps before it, relative to lag 0. What is "
        "below 1 % teaches next to nothing; a straight line is exponential decay (down) or "
        "explosion (up). A line that stops before the window does was cut, as by a detached state.",
        reach,
    ),
    Entry(
        "reach-time",
        "Reach during training",
        "Each column is one sampled iteration: bright is reached, dark is forgotten. A bright "
        "region that climbs is a network that learns to look further back.",
        reach_time,
    ),
    Entry(
        "context",
        "Loss by context",
        "What the model makes of more of the past. Where the line levels off, what lies further "
        "back is not used.",
        context,
        only_if=lambda run: bool(run.members("context_loss")),
    ),
    Entry(
        "grad-time",
        "Gradient over the steps of a window",
        "All of the loss that arrives at each step, from its own output and from later ones. With "
        "a loss at every step it is level even where nothing reaches far: judge that by the reach.",
        grad_time,
    ),
    Entry(
        "gradient-norm",
        "Gradient norm",
        "Where the two curves part, clipping acted. A norm that climbs for many iterations, or "
        "jumps by orders of magnitude, comes before a loss that does.",
        gradient_norm,
    ),
    Entry(
        "pace",
        "Learning rate and acts of the guard",
        "The rate as the optimizer used it. A dotted line is a rollback: the weights went back to "
        "a good snapshot. Dots tell when each policy acted.",
        pace,
        only_if=lambda run: bool(run.members("act_before")),
    ),
    Entry(
        "length",
        "Sequence length",
        "How long the sequences were, and how far back the gradient reached in them. A curriculum "
        "that waits for the reach keeps the two together.",
        length,
        only_if=_varies,
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
    Entry(
        "update-ratio",
        "Update ratio of every parameter",
        "How far a step moves a parameter, relative to its size. Around 0.001 (dotted) is usual; "
        "near 1 the step is far too large, and a parameter far below the others hardly learns.",
        update_ratio,
    ),
)

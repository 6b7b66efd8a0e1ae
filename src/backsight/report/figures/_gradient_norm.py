"""The gradient's norm before clipping, and as the optimizer used it."""

import plotly.graph_objects as go

from backsight.report.figures._entry import Entry
from backsight.report.figures._style import (
    COLOURS,
    add_series,
    empty,
    figure,
    log_axis,
    member_label,
    note,
)
from backsight.signals import Run, member

__all__ = ["FIGURE", "gradient_norm"]

MODELS = 6
"""At the most, with two lines each."""


def gradient_norm(run: Run) -> go.Figure:
    """``grad_norm`` and ``grad_norm_applied`` on a log axis; where they part, clipping acted.

    One pair per model; a member of ``grad_norm`` may also be a parameter, and is then left out.
    """
    applied = run.members("grad_norm_applied", profile=False)
    models = {"", *map(member, applied)}
    names = [n for n in run.members("grad_norm", profile=False) if member(n) in models]
    if not names:
        return empty("no gradient norm was recorded in this run")
    fig = figure("gradient norm")
    drawn = []
    for number, name in enumerate(names[:MODELS]):
        of = f"{member_label(name)} " if member(name) else ""
        colours = (COLOURS[(2 * number + i) % len(COLOURS)] for i in range(2))
        drawn.append(add_series(fig, run, name, f"{of}before clipping", next(colours), log=True))
        used = name.replace("grad_norm", "grad_norm_applied", 1)
        if used in applied:
            drawn.append(add_series(fig, run, used, f"{of}as applied", next(colours), log=True))
    log_axis(fig, drawn)
    if len(names) > MODELS:
        note(fig, f"{MODELS} of {len(names):,} models are drawn")
    return fig


def _reading(run: Run) -> str:
    two = "Clipping acted where the two curves differ. " if run.members("grad_norm_applied") else ""
    return (
        f"{two}A gradient norm that climbs for many iterations, or jumps by orders of magnitude, "
        "precedes a loss that does."
    )


FIGURE = Entry(
    "gradient-norm",
    "Gradient norm",
    _reading,
    gradient_norm,
    signals=("grad_norm", "grad_norm_applied"),
    how="Let an optimizer step under backsight run or in backsight.watch.",
)

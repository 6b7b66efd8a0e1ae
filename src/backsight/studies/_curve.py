"""The training losses of runs in small pictures, and what their captions say."""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from backsight.report.figures import Line, Panel
from backsight.signals import Run

__all__ = ["BROKEN", "is_broken", "loss_lines", "sentences", "spans_decades"]

POINTS = 60
"""Of a loss curve in a small picture: each is the median of a stretch of iterations."""


WIDE = 50.0
"""Ratio of largest to smallest loss from which only a log axis shows all of them."""

BROKEN = "A cross marks a span with a loss that is not finite."
"""Of a caption, where there is one."""


def loss_lines(run: Run, seed: int) -> list[Line]:
    """The training loss of a run, few enough points for a small picture."""
    names = run.members("loss", profile=False)
    if not names:
        return []
    series = run.series(names[0])
    starts = np.unique(np.linspace(0, len(series.values), POINTS, endpoint=False).astype(np.int64))
    # The median of a stretch with a NaN in it is one, and is drawn as a cross.
    middles = [float(np.median(part)) for part in np.split(series.values, starts[1:])]
    return [Line(f"seed {seed}", series.iterations[starts].astype(np.float64), middles, seed)]


def spans_decades(drawn: Iterable[Panel]) -> bool:
    """Whether pictures on the same axes need a logarithmic one; a value of 0 or below has none."""
    values = [v for panel in drawn for line in panel.lines for v in line.y if math.isfinite(v)]
    return bool(values) and min(values) > 0 and max(values) > WIDE * min(values)


def is_broken(drawn: Iterable[Panel]) -> bool:
    """Whether a picture has a cross for what is not finite."""
    return any(
        not math.isfinite(value) for panel in drawn for line in panel.lines for value in line.y
    )


def sentences(*parts: str | Literal[False]) -> str:
    """A caption of those sentences that speak of something that is there."""
    return " ".join(part for part in parts if part)

"""The training loss of a run for a small picture."""

import numpy as np

from backsight.report.figures import Line
from backsight.signals import Run

__all__ = ["loss_lines"]

POINTS = 60
"""Of a loss curve in a small picture: each is the median of a stretch of iterations."""


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

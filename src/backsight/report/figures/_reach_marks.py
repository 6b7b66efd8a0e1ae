"""Half-life and horizon as points on the curve of a reach."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backsight.signals import Lag, measure_reach

__all__ = ["Mark", "reach_marks"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point on a curve.

    Example:
        >>> from backsight.report.figures import Line, Mark, Panel, panels
        >>> line = Line("seed 0", x=[0, 1, 2], y=[1.0, 0.4, 0.1], marks=[Mark(2, 0.1, "horizon 2")])
        >>> figure = panels([[Panel("length 10", [line])]], x="lag", y="R")
        >>> figure.data[1].text
        ('horizon 2',)
    """

    x: float
    y: float
    text: str
    symbol: str = "circle"


def reach_marks(reach: NDArray[np.floating]) -> list[Mark]:
    """Where a reach has its half-life and its horizon; empty where it has none.

    A mark is open where the window ends first.

    Example:
        >>> import numpy as np
        >>> from backsight.report.figures import reach_marks
        >>> [(mark.x, mark.text) for mark in reach_marks(0.5 ** np.arange(20))]
        [(2, 'half-life 2'), (7, 'horizon 7')]
    """
    found = measure_reach(reach)
    if not found.goes_back:
        return []
    named = (("half-life", "circle", found.half_life), ("horizon", "diamond", found.horizon))
    return [_mark(reach, name, symbol, lag) for name, symbol, lag in named if lag is not None]


def _mark(reach: NDArray[np.floating], name: str, symbol: str, lag: Lag) -> Mark:
    symbol += "-open" if lag.censored else ""
    return Mark(lag.steps, float(reach[lag.steps]), f"{name} {lag}", symbol)

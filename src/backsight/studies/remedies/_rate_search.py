"""How many times too high a learning rate is: trials at lower ones tell.

A sharpness beyond its limit says that a step is too long where it was measured, and not by how much
the whole training would gain: a rate at which training breaks out carries the weights to where the
loss is flat. So the sharpness only says where to begin, and trials decide.
"""

import math
from collections.abc import Mapping

from backsight.studies.remedies._row import RemedyTrial

__all__ = ["RUNGS", "first_rung", "fitting_rung", "next_rung"]

RUNGS = tuple(float(f"{10 ** (place / 4):.2g}") for place in range(25))
"""What the learning rate is divided by: 1, 1.8, 3.2, 5.6, 10, … Place 0 is the run as it is."""

COARSE = 2
"""Rungs from one trial to the next on the way down; then those beside the best are tried."""

WORSE = 2
"""Trials in a row that end higher than the best one, after which the search ends: where training
has broken out, the loss goes up and down from rate to rate."""


def first_rung(times: float | None) -> int:
    """Where to begin, given the sharpness of the run's first step in limits, where it is known.

    Of a quadratic, all rates above that one diverge from the first step on.

    Example:
        >>> from backsight.studies.remedies._rate_search import RUNGS, first_rung
        >>> RUNGS[first_rung(None)], RUNGS[first_rung(0.4)], RUNGS[first_rung(48.0)]
        (3.2, 3.2, 32.0)
    """
    if times is None or not math.isfinite(times):
        return COARSE
    fits = [n for n in range(COARSE, len(RUNGS), COARSE) if RUNGS[n] <= times]
    return max(fits, default=COARSE)


def next_rung(tried: Mapping[int, RemedyTrial], first: int = COARSE) -> int | None:
    """The place of the next rate to try; None where the search is over.

    It goes down until a trial has learned something and the next two end higher, and then tries
    what lies beside the best.

    Args:
        tried: by place, the unchanged run at 0 among them.
        first: where to begin.
    """
    best = _best(tried)
    for place in range(first, len(RUNGS), COARSE):
        if place not in tried:
            behind = [p for p in tried if p > best and p % COARSE == 0]
            if tried[best].outcome == "learned" and len(behind) >= WORSE:
                break
            return place
    if not best:
        return None
    beside = (best - COARSE, best - 1, best + 1)
    return next((p for p in beside if 0 < p < len(RUNGS) and p not in tried), None)


def fitting_rung(tried: Mapping[int, RemedyTrial]) -> int | None:
    """Where the loss ends lowest; None where that is the run as it is, or nothing has learned."""
    best = _best(tried)
    return best if best and tried[best].outcome == "learned" else None


def _best(tried: Mapping[int, RemedyTrial]) -> int:
    """The lowest loss; of equal ones, that at the highest rate."""
    return min(tried, key=lambda p: (math.inf if (s := tried[p].score) is None else s, p))

"""One thing that is wrong with a training at a step."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Anomaly", "AnomalyKind"]

AnomalyKind = Literal[
    "not finite",
    "out of line",
    "spike",
    "diverged",
    "collapsed",
    "steps too large",
    "dead",
    "overshot",
    "state lost",
]
"""The last one is what a guard finds where it takes a snapshot; a tracker tells the others."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something is wrong with the training, as a :class:`StabilityTracker` tells at once.

    Example:
        >>> from backsight.diagnosis import StabilityTracker
        >>> (anomaly,) = StabilityTracker().update(7, float("nan"), norm=1.0)
        >>> anomaly.kind, anomaly.since
        ('not finite', 7)
    """

    kind: AnomalyKind
    since: int
    """The iteration at which it began."""
    message: str
    """With its numbers."""

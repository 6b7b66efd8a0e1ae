"""What of a gradient arrives at a lag that is known to be needed."""

import math

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._rule import Sample
from backsight.signals import reach_share

__all__ = ["arriving"]


def arriving(now: Sample, layer: str, reach: NDArray[np.floating], lag: int) -> float:
    """``R(lag)/P``, over those sequences alone that have the lag where not all have it."""
    ragged = now.rows("reach_share").get(layer)
    if ragged is not None and lag < len(ragged):
        return float(ragged[lag]) if np.isfinite(ragged[lag]) else math.nan
    return reach_share(reach, lag)

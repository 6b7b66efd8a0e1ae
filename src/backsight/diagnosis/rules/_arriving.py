"""What of a gradient arrives at a lag that is known to be needed."""

import math

import numpy as np
from numpy.typing import NDArray

from backsight.signals import reach_share

__all__ = ["arriving"]


def arriving(reach: NDArray[np.floating], ragged: NDArray[np.floating] | None, lag: int) -> float:
    """``R(lag)/P``, over those sequences alone that have the lag where not all have it.

    Args:
        reach: ``R(k)``.
        ragged: ``reach_share``; None where all sequences have as many lags.
        lag: at least 1.
    """
    if ragged is not None and lag < len(ragged):
        return float(ragged[lag]) if np.isfinite(ragged[lag]) else math.nan
    return reach_share(reach, lag)

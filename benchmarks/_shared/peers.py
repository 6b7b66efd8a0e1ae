"""Rules of other tools that more than one benchmark applies."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_lightning_spike"]


def is_lightning_spike(loss: float, earlier: Sequence[float] | NDArray[Any]) -> bool:
    """Lightning's SpikeDetection: worse than the last loss, and far from the mean of the last ten.

    Far is twice that mean. A loss that is not finite is a spike as well; the first one never is.
    """
    if not len(earlier):
        return False
    usual = float(np.mean(earlier[-10:]))
    worse = loss > earlier[-1] and abs(loss - usual) >= abs(2 * usual)
    return bool(worse) or not math.isfinite(loss)

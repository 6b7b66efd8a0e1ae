"""Ones and zeros, or one-hot vectors, under dropout: the same at each step, or others?

Dropout leaves no trace in the graph where data has no gradient, and what it leaves of ones are
equal numbers. It keeps a share q of the ones and turns them into 1/q. So of what is left at one
step, the share q is left at another one, if both were given the same, and less, if they were not.
"""

import math

import torch
from torch import Tensor

__all__ = ["DroppedOut", "dropped_out"]

CERTAIN = 5.0
"""Standard deviations between a share and the expected one, from which on they differ: each sample
of a training is looked at."""

LEAST_DROPPED = 5.0
"""Ones that are expected to be dropped, for a share to be told from another one."""

CONFLICTS = 8
"""Rows with an element at each of two steps, and at different places, that tell one-hot vectors of
different classes where no row of a step has several. With two ones a row, more rows have several
than are in conflict."""


def dropped_out(a: Tensor, b: Tensor) -> bool:
    """Whether all elements of both are 0 or one number above 1, as of ones under dropout."""
    some = torch.cat([a[a != 0], b[b != 0]])
    return bool(some.numel()) and bool((some == some[0]).all()) and bool(some[0] > 1)


class DroppedOut:
    """What pairs of steps were given, counted."""

    def __init__(self) -> None:
        self._share = 1.0
        self._ones = self._both = self._conflicts = self._several = 0

    def add(self, a: Tensor, b: Tensor) -> None:
        """A pair that :func:`dropped_out` holds of, ``(…, features)``."""
        there, after = (one.reshape(-1, one.shape[-1]) != 0 for one in (a, b))
        self._share = 1 / float(torch.maximum(a, b).max())
        self._ones += int(there.sum()) + int(after.sum())
        self._both += 2 * int((there & after).sum())
        self._several += int((there.sum(-1) > 1).sum()) + int((after.sum(-1) > 1).sum())
        other = ~(there & after).any(-1) & there.any(-1) & after.any(-1)
        self._conflicts += int(other.sum())

    @property
    def differ(self) -> bool:
        """Whether they are certainly not the same under different masks."""
        if not self._several and self._conflicts >= CONFLICTS:
            return True
        q = self._share
        if self._ones * (1 - q) < LEAST_DROPPED:
            return False
        deviation = math.sqrt(q * (1 - q) * (2 - q) / self._ones)
        return abs(self._both / self._ones - q) > CERTAIN * deviation

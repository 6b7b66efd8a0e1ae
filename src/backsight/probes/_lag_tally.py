"""Means by lag, also of those sequences alone that have a lag."""

import numpy as np
from numpy.typing import NDArray

from backsight.probes._profile import Tally
from backsight.signals import measure_reach

__all__ = ["LagTally"]

HELD = 1_000_000
"""Numbers that are held before they are added up."""


class LagTally(Tally):
    """Means over sequences by lag, where sequences have different numbers of lags.

    A lag that only some sequences have is averaged over those: beside a shorter one, their curve
    begins elsewhere than the mean does. So what a lag gets is also compared with the strongest
    earlier step of the sequences that have it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
        self._count_held = 0

    def add_sized(
        self, at: NDArray[np.int64], values: NDArray[np.float64], size: NDArray[np.int64]
    ) -> None:
        """Add ``values`` at lags ``at``, both of one shape; a negative lag is left out.

        Args:
            at: lags.
            values: norms.
            size: how many lags each sequence has, broadcast to that shape.
        """
        self.add(at, values)
        there = (at >= 0) & (at < size)
        if there.any():
            # Sequences with as many lags go together: a number for both.
            key = (np.broadcast_to(size, at.shape)[there] << 32) | at[there]
            self._held.append((key, values[there], np.ones(len(key))))
            self._count_held += len(key)
            if self._count_held > HELD:
                self._add_up()

    def join(self, other: Tally) -> None:
        """Add what ``other`` has counted."""
        super().join(other)
        if isinstance(other, LagTally):
            self._held += other._held
            self._count_held += other._count_held

    def shares(self) -> NDArray[np.float64] | None:
        """``(lags,)``: ``R(k)/P`` over the sequences that have lag k; None where all have all.

        At lag 0 it is the gradient there, likewise; 0 where no gradient goes back.
        """
        ends = [int(end) >> 32 for key, *_ in self._held for end in (key.min(), key.max())]
        if len(set(ends)) < 2:
            return None
        self._add_up()
        key, total, count = self._held[0]
        size, lag = key >> 32, key & 0xFFFFFFFF
        sizes = np.unique(size)
        sums = np.zeros((2, len(sizes), int(sizes[-1])))
        row = np.searchsorted(sizes, size)
        sums[0, row, lag], sums[1, row, lag] = total, count
        sums = sums[:, ::-1].cumsum(1)[:, ::-1]  # of the sequences with at least so many lags
        means = sums[0] / np.maximum(sums[1], 1)
        found = np.full(int(sizes[-1]), np.nan)
        for index, longest in enumerate(sizes):
            first = sizes[index - 1] if index else 0
            own = means[index]
            if not np.isfinite(own).all():
                continue  # stays NaN
            part = slice(int(first), int(longest))
            reached = measure_reach(own / (own[0] or 1.0)).goes_back
            found[part] = own[part] / own[1:].max() if reached else 0.0
        return found

    def _add_up(self) -> None:
        """One number for each key: several sequences of one call may have as many lags."""
        key, total, count = (np.concatenate(parts) for parts in zip(*self._held, strict=True))
        keys, place = np.unique(key, return_inverse=True)
        sums = [np.bincount(place, part).astype(np.float64) for part in (total, count)]
        self._held = [(keys, sums[0], sums[1])]
        self._count_held = len(keys)

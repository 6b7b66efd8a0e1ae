"""The rows of a profile signal, without all of them in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.report._thin import thin_columns
from backsight.signals import SignalStream

__all__ = ["Ends", "Groups", "ends", "groups", "medians"]

MEDIAN_BYTES = 1 << 26
"""Of the columns whose medians are looked for at once. Each time the signal is read again."""

Row = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Ends:
    """The oldest and the newest row."""

    first: Row
    last: Row
    """Shape ``(width,)``."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Neighbouring samples put together, for a picture of so many columns."""

    iterations: NDArray[np.int64]
    """Shape ``(n,)``: the first of each group."""
    largest: NDArray[np.float64]
    """Shape ``(n, width)``: the largest finite number, NaN where there is none."""
    broken: NDArray[np.bool_]
    """Shape ``(n, width)``: whether any number was recorded and not finite."""


def ends(stream: SignalStream) -> Ends:
    """The first and last row; reads two chunks."""
    return Ends(next(iter(stream)).values[0], stream.newest().values[-1])


def groups(stream: SignalStream, columns: int) -> Groups:
    """At most ``columns`` groups of neighbouring samples.

    Raises:
        RunError: the store is damaged.
    """
    starts = thin_columns(stream.samples, columns)
    iterations = np.zeros(len(starts), np.int64)
    largest = np.full((len(starts), 0), -np.inf)
    broken = np.zeros((len(starts), 0), np.bool_)
    end = 0
    for block in stream:
        begin, end = end, end + len(block.iterations)
        width = block.values.shape[1]
        if width > largest.shape[1]:
            more = ((0, 0), (0, width - largest.shape[1]))
            largest = np.pad(largest, more, constant_values=-np.inf)
            broken = np.pad(broken, more)
        # The groups that this block has samples of; the first of them may have begun before.
        low = int(np.searchsorted(starts, begin, side="right")) - 1
        high = int(np.searchsorted(starts, end))
        inside = np.maximum(starts[low:high] - begin, 0)
        finite = np.isfinite(block.values)
        shown = np.maximum.reduceat(np.where(finite, block.values, -np.inf), inside, axis=0)
        largest[low:high, :width] = np.maximum(largest[low:high, :width], shown)
        broken[low:high, :width] |= np.logical_or.reduceat(~finite, inside, axis=0)
        begun = starts[low:high] >= begin
        iterations[low:high][begun] = block.iterations[inside[begun]]
    largest[np.isneginf(largest)] = np.nan
    return Groups(iterations, largest, broken)


def medians(stream: SignalStream) -> NDArray[np.float64]:
    """Exact median of the finite numbers at each place of a row, shape ``(widest,)``.

    NaN where there is none; the mean of the two middle ones where their count is even.
    """
    counts = np.zeros(0, np.int64)
    size = 4
    for block in stream:
        here = np.isfinite(block.values).sum(axis=0)
        wide = max(len(counts), len(here))
        counts = np.pad(counts, (0, wide - len(counts))) + np.pad(here, (0, wide - len(here)))
        size = max(size, block.values.itemsize)
    found = np.full(len(counts), np.nan)
    for start, end in _slabs(counts * size):
        kept = [np.empty(count, f"f{size}") for count in counts[start:end]]
        filled = [0] * len(kept)
        for block in stream:
            for place, column in enumerate(block.values[:, start:end].T):
                column = column[np.isfinite(column)]
                filled[place] += len(column)
                kept[place][filled[place] - len(column) : filled[place]] = column
        for place, column in enumerate(kept):
            if len(column):
                low, high = (len(column) - 1) // 2, len(column) // 2
                column.partition((low, high))
                with np.errstate(over="ignore"):
                    found[start + place] = (np.float64(column[low]) + np.float64(column[high])) / 2
    return found


def _slabs(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Neighbouring places that together fit in ``MEDIAN_BYTES``, or one place."""
    start, total = 0, 0
    for place, size in enumerate(sizes.tolist()):
        if place > start and total + size > MEDIAN_BYTES:
            yield start, place
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)

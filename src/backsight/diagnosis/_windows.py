"""Medians of all windows of a series at once: the fast twin of :class:`Recent`, to the bit."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from backsight.diagnosis._robust import SIGMA

__all__ = ["Floats", "medians", "middles", "sorted_windows", "spreads"]

Floats = NDArray[np.float64]

ROWS = 1024
"""Windows that are sorted at a time: they stay in the processor's cache."""


def sorted_windows(values: Floats, size: int, ends: NDArray[np.intp]) -> Floats:
    """``(n,)`` to ``(k, size)``: some windows, each in order of size.

    Args:
        values: ``(n,)``.
        size: of a window.
        ends: ``(k,)``, the index after the last value of each window.
    """
    ordered: Floats = sliding_window_view(values, size)[ends - size]
    ordered.sort(axis=1)
    return ordered


def middles(ordered: Floats) -> Floats:
    """The median of each row that is in order."""
    half = ordered.shape[1] // 2
    if ordered.shape[1] % 2:
        return ordered[:, half]
    low, high = ordered[:, half - 1], ordered[:, half]
    return low + (high - low) / 2  # as Recent has it


def medians(values: Floats, size: int) -> Floats:
    """``(n,)`` to ``(n - size + 1,)``: the median of each window."""
    views = sliding_window_view(values, size)
    found = np.empty(len(views))
    for start in range(0, len(views), ROWS):
        found[start : start + ROWS] = middles(np.sort(views[start : start + ROWS], axis=1))
    return found


def spreads(values: Floats, size: int, ends: NDArray[np.intp], middle: Floats) -> Floats:
    """1.4826 times the median absolute deviation of some windows.

    Args:
        values: ``(n,)``.
        size: of a window.
        ends: ``(k,)``, the index after the last value of each window.
        middle: ``(k,)``, their medians.
    """
    views = sliding_window_view(values, size)
    found: Floats = np.empty(len(ends))
    for start in range(0, len(ends), ROWS):
        part = slice(start, start + ROWS)
        off = np.abs(views[ends[part] - size] - middle[part, np.newaxis])
        off.sort(axis=1)
        found[part] = SIGMA * middles(off)
    return found

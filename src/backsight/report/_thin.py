"""Fewer points, the same picture: min–max thinning, in which no spike can disappear.

A picture a thousand pixels wide cannot show a million samples, and taking every thousandth
loses the one that matters. Per pixel column this keeps the first, smallest, largest and last
finite sample; what a line cannot show (NaN, ±Inf, on a log axis zero and below) is never
dropped but returned by kind, to be marked.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marks", "Thinned", "thin", "thin_columns"]


@dataclass(frozen=True, slots=True)
class Marks:
    """Samples of one kind that a line cannot show."""

    iterations: NDArray[np.int64]
    """At most one a pixel column: the first in it."""
    count: int
    """How many there are in all."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """What to draw."""

    iterations: NDArray[np.int64]
    values: NDArray[np.floating[Any]]
    """Finite; the same shape as ``iterations``."""
    marks: dict[str, Marks]
    """By kind, ``NaN``, ``+Inf``, ``−Inf`` and ``≤ 0``; only the kinds that occur."""
    breaks: NDArray[np.intp]
    """Indices into ``iterations`` before which something that cannot be drawn was left out."""


def thin(
    iterations: NDArray[np.int64],
    values: NDArray[np.floating[Any]],
    *,
    pixels: int = 1200,
    log: bool = False,
) -> Thinned:
    """Thin a series to at most four samples a pixel column.

    Args:
        iterations: shape ``(n,)``, increasing.
        values: shape ``(n,)``.
        pixels: width of the picture.
        log: the axis is logarithmic, so that values of zero and below need marks.
    """
    column = _columns(iterations, pixels)
    finite = np.isfinite(values)  # and, on a log axis, positive: what a line can show
    kinds = {"NaN": np.isnan(values), "+Inf": values == np.inf, "−Inf": values == -np.inf}
    if log:
        kinds["≤ 0"] = finite & (values <= 0)
        finite &= values > 0
    marks = {
        kind: Marks(iterations[where][_first(column[where])], int(where.sum()))
        for kind, where in kinds.items()
        if where.any()
    }
    at, drawn, column = iterations[finite], values[finite], column[finite]
    if len(at) > 4 * pixels:
        starts = _first(column)
        ends = np.append(starts[1:], len(at)) - 1
        size = ends - starts + 1
        kept = [starts, ends]
        for extreme in (np.minimum, np.maximum):
            each = np.repeat(extreme.reduceat(drawn, starts), size)
            hits = np.flatnonzero(drawn == each)
            kept.append(hits[_first(column[hits])])
        chosen = np.unique(np.concatenate(kept))
        at, drawn = at[chosen], drawn[chosen]
    left_out = np.searchsorted(iterations[~finite], at)
    return Thinned(at, drawn, marks, np.flatnonzero(np.diff(left_out) > 0) + 1)


def thin_columns(count: int, columns: int) -> NDArray[np.int64]:
    """Where each of at most ``columns`` groups of ``count`` neighbours starts."""
    return np.unique(np.linspace(0, count, min(count, columns), endpoint=False).astype(np.int64))


def _columns(iterations: NDArray[np.int64], pixels: int) -> NDArray[np.int64]:
    """The pixel column of each sample."""
    if not len(iterations):
        return np.empty(0, np.int64)
    span = max(int(iterations[-1] - iterations[0]), 1)
    column: NDArray[np.int64] = (iterations - iterations[0]) * (pixels - 1) // span
    return column


def _first(column: NDArray[np.int64]) -> NDArray[np.intp]:
    """Index of the first sample of each column; ``column`` is sorted."""
    return np.flatnonzero(np.diff(column, prepend=-1))

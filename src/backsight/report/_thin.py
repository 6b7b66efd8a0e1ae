"""Fewer points, the same picture: min–max thinning, in which no spike can disappear.

A picture a thousand pixels wide cannot show a million samples, and taking every thousandth
loses the one that matters. Per pixel column this keeps the first, smallest, largest and last
finite sample; what a line cannot show (NaN, ±Inf, on a log axis zero and below) is never
dropped but returned by kind, to be marked. To thin what was thinned already changes nothing, so
a series may come in pieces, and only what is kept of them stays in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.report._kept import kept_now
from backsight.signals import SampleBlock, SignalStream

__all__ = [
    "LEAST", "NEWEST", "Marks", "Thinned", "Thinning", "blocks_to_draw", "coarse", "columns_of",
    "thin", "thin_columns", "thin_stream", "thinner",
]  # fmt: skip

PIXELS = 1200
"""Width of a picture."""

FINE = 8
"""Parts of a pixel column that are kept of a long signal: no spike is drawn further off."""

NEWEST = 100
"""Samples that are kept as they are at the end of a chunk."""

LEAST = 0.05
"""Of that width: less would show nothing."""

_share: ContextVar[float] = ContextVar("share", default=1.0)


@contextmanager
def thinner(share: float) -> Iterator[None]:
    """Within it, pictures are thinned to a share of their usual columns."""
    token = _share.set(min(1.0, max(share, LEAST)))
    try:
        yield
    finally:
        _share.reset(token)


def columns_of(width: int) -> int:
    """Of a picture that is usually so many columns wide: see :func:`thinner`."""
    return max(1, round(width * _share.get()))


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


@dataclass(slots=True)
class _MarksSoFar:
    """Marks of one kind, and the pixel column of the newest."""

    kept: list[NDArray[np.int64]] = field(default_factory=list)
    column: int = -1
    count: int = 0


class Thinning:
    """Thins a series to at most four samples a pixel column, piece by piece.

    Args:
        first: iteration of the first sample, at the left edge of the picture.
        last: iteration of the last one, at the right edge.
        pixels: width of the picture.
        log: the axis is logarithmic, so that values of zero and below need marks.
    """

    def __init__(self, first: int, last: int, *, pixels: int = PIXELS, log: bool = False) -> None:
        self._first, self._span = first, max(last - first, 1)
        self._pixels, self._log = pixels, log
        self._marks: dict[str, _MarksSoFar] = {}
        # Iterations, values, and the number of samples before each that cannot be drawn.
        self._kept: list[tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]] = []
        self._waiting = 0
        """Samples kept since they were last thinned."""
        self._drawable = self._left_out = 0

    def add(self, iterations: NDArray[np.int64], values: NDArray[np.floating[Any]]) -> None:
        """Take the next piece.

        Args:
            iterations: shape ``(n,)``, increasing, all later than those of the piece before.
            values: shape ``(n,)``.
        """
        finite = np.isfinite(values)  # and, on a log axis, positive: what a line can show
        low = finite & (values <= 0) if self._log else None
        if low is not None:
            finite &= ~low
        hidden = len(values) - int(np.count_nonzero(finite))
        before = np.full(len(values), self._left_out)
        if hidden:
            before += np.cumsum(~finite)
            column = self._columns(iterations)
            self._mark("NaN", np.isnan(values), iterations, column)
            self._mark("+Inf", values == np.inf, iterations, column)
            self._mark("−Inf", values == -np.inf, iterations, column)
            if low is not None:
                self._mark("≤ 0", low, iterations, column)
            iterations, values, before = iterations[finite], values[finite], before[finite]
        self._left_out += hidden
        self._drawable += len(values)
        self._waiting += len(values)
        self._kept.append((iterations, values, before))
        if self._waiting > 8 * self._pixels:
            self._thin()

    def result(self) -> Thinned:
        """What to draw of all pieces together."""
        if self._drawable > 4 * self._pixels:
            self._thin()
        at, values, before = self._together()
        marks: dict[str, Marks] = {
            kind: Marks(np.concatenate(self._marks[kind].kept), self._marks[kind].count)
            for kind in ("NaN", "+Inf", "−Inf", "≤ 0")
            if kind in self._marks
        }
        return Thinned(at, values, marks, np.flatnonzero(np.diff(before) > 0) + 1)

    def _mark(
        self,
        kind: str,
        where: NDArray[np.bool_],
        iterations: NDArray[np.int64],
        column: NDArray[np.int64],
    ) -> None:
        count = int(np.count_nonzero(where))
        if not count:
            return
        marks = self._marks.setdefault(kind, _MarksSoFar())
        at, column = iterations[where], column[where]
        marks.kept.append(at[_first(column, marks.column)])
        marks.column, marks.count = int(column[-1]), marks.count + count

    def _thin(self) -> None:
        at, values, before = self._together()
        chosen = _corners(self._columns(at), values)
        self._kept = [(at[chosen], values[chosen], before[chosen])]
        self._waiting = 0

    def _together(self) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
        if not self._kept:
            return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
        at, values, before = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        self._kept = [(at, values, before)]
        return at, values, before

    def _columns(self, iterations: NDArray[np.int64]) -> NDArray[np.int64]:
        """The pixel column of each sample."""
        column: NDArray[np.int64] = (iterations - self._first) * (self._pixels - 1) // self._span
        return column


def thin(
    iterations: NDArray[np.int64],
    values: NDArray[np.floating[Any]],
    *,
    pixels: int = PIXELS,
    log: bool = False,
) -> Thinned:
    """Thin a series that is in memory; as for :class:`Thinning`.

    Example:
        >>> import numpy as np
        >>> from backsight.report import thin
        >>> values = np.ones(100_000)
        >>> values[777] = 9.0
        >>> few = thin(np.arange(100_000), values, pixels=10)
        >>> len(few.values) <= 40, few.values.max(), few.iterations[few.values.argmax()]
        (True, np.float64(9.0), np.int64(777))
    """
    first, last = (int(iterations[0]), int(iterations[-1])) if len(iterations) else (0, 0)
    thinning = Thinning(first, last, pixels=pixels, log=log)
    thinning.add(iterations, values)
    return thinning.result()


def thin_stream(stream: SignalStream, *, log: bool = False) -> Thinned:
    """Thin a scalar signal of a run as it is read."""
    thinning = Thinning(stream.first, stream.last, pixels=columns_of(PIXELS), log=log)
    for block in blocks_to_draw(stream, log=log):
        thinning.add(block.iterations, block.values)
    return thinning.result()


def blocks_to_draw(stream: SignalStream, *, log: bool = False) -> Iterator[SampleBlock]:
    """All that a picture of a scalar signal shows. Where chunks are kept (:func:`keeping`), of a
    long signal no more than that: see :func:`coarse`."""
    kept = kept_now()
    size = (stream.last - stream.first) // (FINE * PIXELS)
    if kept is None or size < 1:
        return iter(stream)
    # A power of two, so that it stays as it is until the run is twice as long.
    size = 1 << (size.bit_length() - 1)
    parts = list(stream.each(partial(coarse, size=size, log=log), ("coarse", size, log), kept))
    at, values = ([getattr(part, of) for part in parts] for of in ("iterations", "values"))
    return iter([SampleBlock(np.concatenate(at), np.concatenate(values))] if parts else [])


def coarse(block: SampleBlock, *, size: int, log: bool) -> SampleBlock:
    """What a picture shows of a block whose pixel columns are much wider than ``size``.

    Of each ``size`` iterations, it keeps the first, smallest, largest and last sample that can be
    drawn; all that cannot; and the newest samples as they are.
    """
    values = block.values
    drawn = np.isfinite(values)
    if log:
        drawn &= values > 0
    keep = ~drawn
    keep[-NEWEST:] = True
    at = np.flatnonzero(drawn)
    if at.size:
        keep[at[_corners(block.iterations[at] // size, values[at])]] = True
    return SampleBlock(block.iterations[keep], values[keep])


def thin_columns(count: int, columns: int) -> NDArray[np.int64]:
    """Where each of at most ``columns`` groups of ``count`` neighbours starts."""
    return np.unique(np.linspace(0, count, min(count, columns), endpoint=False).astype(np.int64))


def _corners(column: NDArray[np.int64], values: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Indices of the first, smallest, largest and last of ``values`` in each column, in order."""
    starts = _first(column)
    ends = np.append(starts[1:], len(column)) - 1
    size = ends - starts + 1
    kept = [starts, ends]
    for extreme in (np.minimum, np.maximum):
        each = np.repeat(extreme.reduceat(values, starts), size)
        hits = np.flatnonzero(values == each)
        kept.append(hits[_first(column[hits])])
    chosen = np.sort(np.concatenate(kept))
    return chosen[_first(chosen)]


def _first(column: NDArray[np.int64], before: int = -1) -> NDArray[np.intp]:
    """Index of the first sample of each column but ``before``; ``column`` is sorted."""
    differs = np.empty(len(column), np.bool_)
    differs[:1] = column[:1] != before
    np.not_equal(column[1:], column[:-1], out=differs[1:])
    return np.flatnonzero(differs)

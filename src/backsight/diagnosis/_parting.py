"""Where two series part: bit for bit, and beyond what their own noise explains.

*Noise* is what a run does from step to step. ``σ`` of a block of samples is 1.4826 times the median
distance from a parabola through the medians of its thirds, so that a loss that falls is not taken
for noise. A difference is beyond noise if it is above ``5·√(σ₁² + σ₂²)`` of each of the four blocks
before, which what happens now has not raised, and above ``5·√2·min(σ₁, σ₂)`` of its own block,
because both runs may have become noisier together. Two runs *part beyond noise* at the first such
difference of which 12 among 16 samples are; a number beside a NaN or an infinity parts them at
once. What lies within 1e-6 of the larger value is rounding.

A block is as long as all before it together, from 64 samples to 256: a loss changes fast at first,
and its noise is slow later. A wander over hundreds of iterations is not told from a difference.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals import CommonSamples

__all__ = ["Parting", "SeriesParting", "parting_of_profiles", "parting_of_series"]

FIRST = (64, 64, 128)
BLOCK = 256
"""Samples from which a noise is estimated: the first blocks, and each one after them."""

BEFORE = 4
"""Blocks before, whose noise counts."""

TIMES = 5.0
"""Of the noise. With 4, noise that lasts for 20 samples (correlation 0.95) parts one pair of runs
in four within 10,000 iterations; with 5, one in 30."""

HOLD = 16
KEPT = 12
"""So many of the next so many differences are beyond noise: no spike lasts as long."""

ROUNDING = 1e-6
"""Of the larger value: a few last places of a float32, summed in another order."""

CHUNK = 256 * BLOCK
"""Samples that are looked at together."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The samples with which two series part.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import parting_of_series
        >>> from backsight.signals import CommonSamples
        >>> both = CommonSamples(np.arange(3), np.array([3.0, 2, 1]), np.array([3.0, 2.5, 1]))
        >>> parting = parting_of_series([both]).exact
        >>> parting.iteration, parting.first, parting.other, parting.difference
        (1, 2.0, 2.5, 0.5)
    """

    iteration: int
    first: float
    other: float
    place: int | None = None
    """In a profile: the lag or the step."""
    noise: float | None = None
    """Of the difference at that place of the runs; None for an exact difference, and where a value
    is not finite."""

    @property
    def difference(self) -> float:
        """``other - first``; NaN where one of them is."""
        return self.other - self.first


@dataclass(frozen=True, slots=True)
class SeriesParting:
    """Where two series part.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import parting_of_series
        >>> from backsight.signals import CommonSamples
        >>> at = np.arange(200)
        >>> noisy = np.random.default_rng(0).normal(size=(2, 200))
        >>> other = noisy[1] + 20 * (at >= 120)
        >>> found = parting_of_series([CommonSamples(at, noisy[0], other)])
        >>> found.exact.iteration, found.beyond_noise.iteration
        (0, 120)
    """

    common: int
    """Samples at iterations that both series have."""
    exact: Parting | None
    """The first at which they differ at all; two NaNs are alike, and so are 0 and -0."""
    beyond_noise: Parting | None


def parting_of_series(pieces: Iterable[CommonSamples]) -> SeriesParting:
    """Where two scalar signals part.

    Args:
        pieces: their common samples, as :func:`backsight.signals.common_samples` gives them.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import parting_of_series
        >>> from backsight.signals import CommonSamples
        >>> nan = float("nan")
        >>> both = CommonSamples(np.arange(3), np.array([1, nan, 1.0]), np.array([1, nan, nan]))
        >>> parting_of_series([both]).beyond_noise.iteration
        2
    """
    exact: Parting | None = None
    search = _Search()
    common = 0
    waiting: list[CommonSamples] = []
    size = 0
    for piece in pieces:
        common += len(piece.iterations)
        waiting.append(piece)
        size += len(piece.iterations)
        if size < CHUNK:
            continue
        at, first, other = _joined(waiting)
        exact = exact or _exact(at, first, other)
        whole = size // BLOCK * BLOCK
        search.add(at[:whole], first[:whole], other[:whole])
        waiting = [CommonSamples(at[whole:], first[whole:], other[whole:])]
        size -= whole
    at, first, other = _joined(waiting)
    exact = exact or _exact(at, first, other)
    search.add(at, first, other)
    return SeriesParting(common, exact, search.end() if exact else None)


def parting_of_profiles(pieces: Iterable[CommonSamples]) -> SeriesParting:
    """Where two profile signals differ, at the places that both rows have.

    Noise is not looked for: the scalars that a profile comes to (horizon, mean norm) show it.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import parting_of_profiles
        >>> from backsight.signals import CommonSamples
        >>> rows = np.array([[1.0, 0.5]]), np.array([[1.0, 0.25, 0.1]])
        >>> parting = parting_of_profiles([CommonSamples(np.array([7]), *rows)]).exact
        >>> parting.iteration, parting.place, parting.difference
        (7, 1, -0.25)
    """
    exact: Parting | None = None
    common = 0
    for piece in pieces:
        common += len(piece.iterations)
        if exact is None:
            width = min(piece.first.shape[1], piece.other.shape[1])
            first, other = piece.first[:, :width], piece.other[:, :width]
            hits = np.argwhere(_differ(first, other))
            if hits.size:
                row, place = (int(one) for one in hits[0])
                exact = Parting(
                    int(piece.iterations[row]),
                    float(first[row, place]),
                    float(other[row, place]),
                    place,
                )
    return SeriesParting(common, exact, None)


class _Search:
    """For the first difference beyond noise, in pieces of whole blocks but for the last one."""

    def __init__(self) -> None:
        self._noises: deque[float] = deque([0.0], maxlen=BEFORE)
        """Of the last blocks."""
        self._samples = 0
        self._found: Parting | None = None
        # Iterations, both values, noise and what is beyond it, of samples that are undecided.
        self._kept = np.empty((5, 0))

    def add(
        self, at: NDArray[np.int64], first: NDArray[np.float64], other: NDArray[np.float64]
    ) -> None:
        if self._found is not None or not len(at):
            return
        noise = self._levels(first, other)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.abs(other - first)
            rounding = ROUNDING * np.maximum(np.abs(first), np.abs(other))
            beyond = distance > np.maximum(TIMES * noise, rounding)
        beyond |= _differ(first, other) & ~(np.isfinite(first) & np.isfinite(other))
        self._samples += len(at)
        # Iterations above 2^53 are not to be expected.
        self._kept = np.concatenate([self._kept, [at, first, other, noise, beyond]], axis=1)
        self._look(last=False)

    def end(self) -> Parting | None:
        """The parting, now that nothing is to come."""
        if self._found is None and self._kept.size:
            self._look(last=True)
        alone = self._samples == 1 and self._found is not None and self._found.noise is not None
        return None if alone else self._found  # a single sample has no noise to be compared with

    def _look(self, *, last: bool) -> None:
        at, first, other, noise, flags = self._kept
        beyond = flags > 0
        ready = len(at) if last else len(at) - HOLD + 1
        if ready <= 0:
            return
        counts = np.concatenate([[0], np.cumsum(beyond), np.full(HOLD, beyond.sum())])
        held = counts[HOLD : HOLD + len(at)] - counts[: len(at)]
        needed = min(KEPT, max(1, math.ceil(self._samples * KEPT / HOLD)))
        broken = beyond & ~(np.isfinite(first) & np.isfinite(other))
        hits = np.flatnonzero((beyond & (held >= needed) | broken)[:ready])
        if hits.size:
            i = hits[0]
            level = None if broken[i] else float(noise[i])
            self._found = Parting(int(at[i]), float(first[i]), float(other[i]), noise=level)
        self._kept = self._kept[:, ready:]

    def _levels(
        self, first: NDArray[np.float64], other: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The noise of the difference, at each sample."""
        levels = []
        for start, end, blocks in _groups(len(first), begins=not self._samples):
            ours, theirs = (
                _spreads(values[start:end].reshape(blocks, -1)) for values in (first, other)
            )
            own = math.sqrt(2.0) * np.minimum(ours, theirs)
            if end - start < HOLD and (start or self._samples):
                own[:] = 0.0  # so few samples tell nothing that the block before does not
            both = np.concatenate([self._noises, np.hypot(ours, theirs)])
            known = len(self._noises)
            before = [both[max(0, i - BEFORE) : i].max() for i in range(known, known + blocks)]
            self._noises.extend(both[known:].tolist())
            levels.append(np.repeat(np.maximum(before, own), (end - start) // blocks))
        return np.concatenate(levels)


def _groups(count: int, *, begins: bool) -> Iterator[tuple[int, int, int]]:
    """Where the blocks of so many samples lie: start, end, and how many of one size."""
    start = 0
    for size in FIRST if begins else ():
        end = min(start + size, count)
        if end > start:
            yield start, end, 1
        start = end
    whole = (count - start) // BLOCK
    if whole:
        yield start, start + whole * BLOCK, whole
        start += whole * BLOCK
    if start < count:
        yield start, count, 1


def _spreads(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``σ`` of each block, shape ``(blocks, samples)``.

    Of fewer samples than are looked at together, the largest step stands for it.
    """
    count = values.shape[1]
    finite = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(all="ignore"):
        if count < HOLD:
            steps = np.abs(np.diff(finite, axis=1))
            largest: NDArray[np.float64] = np.max(np.nan_to_num(steps), axis=1, initial=0.0)
            return largest
        third = count // 3
        ends = (finite[:, :third], finite[:, third:-third], finite[:, -third:])
        left, middle, right = (_median(part)[:, np.newaxis] for part in ends)
        at = (np.arange(count) - (count - 1) / 2) / ((count - third) / 2)
        curve = middle + (right - left) / 2 * at + ((left + right) / 2 - middle) * at**2
        spread = 1.4826 * _median(np.abs(finite - curve))
    known: NDArray[np.float64] = np.nan_to_num(spread)
    return known


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row, without what is not finite; NaN where nothing is left."""
    broken = np.isnan(values).any(axis=1)
    found = np.full(len(values), np.nan)
    found[~broken] = np.median(values[~broken], axis=1)
    for row in np.flatnonzero(broken):
        known = values[row][~np.isnan(values[row])]
        found[row] = np.median(known) if known.size else np.nan
    return found


def _exact(
    at: NDArray[np.int64], first: NDArray[np.float64], other: NDArray[np.float64]
) -> Parting | None:
    hits = np.flatnonzero(_differ(first, other))
    if not hits.size:
        return None
    i = hits[0]
    return Parting(int(at[i]), float(first[i]), float(other[i]))


def _differ(first: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    both_nan = np.isnan(first) & np.isnan(other)
    differ: NDArray[np.bool_] = (first != other) & ~both_nan
    return differ


def _joined(
    pieces: list[CommonSamples],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    at = np.concatenate([np.empty(0, np.int64), *(one.iterations for one in pieces)])
    first = np.concatenate([np.empty(0), *(one.first.astype(np.float64) for one in pieces)])
    other = np.concatenate([np.empty(0), *(one.other.astype(np.float64) for one in pieces)])
    return at, first, other

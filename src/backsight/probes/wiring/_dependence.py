"""Along which axis of a layer's input the targets depend on neighbouring steps."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["batches_depend_across", "depends_across"]

FEWEST = 6
"""Steps, and sequences, of which anything is said."""

LARGEST = 1 << 13
"""Positions that are looked at: a part of a larger input tells as much."""

BINS = 4
"""That numbers are sorted into, as many in each."""

WIDEST = 8
"""Features of a step that are looked at."""

PAIRS = 40
"""Positions with the same inputs, two by two."""

GAIN, SURE = 0.12, 6.0
"""By how much more often the targets of such a pair are equal once the neighbour is known as well,
and how many standard errors that is."""

SHARE, CHANCE = 0.6, 4.0
"""Of that gain, what tells that targets depend on the other axis as well, if it is more than so
many standard errors; pairs share positions, so that these come by chance at times."""

NEAREST = 3
"""Steps of the axis that is taken for the batch, of which one has to tell something."""

DENSE = 8
"""Times as many different numbers as there are positions, of which each is counted by itself."""

LAGS = 8
"""Steps of the axis that is taken for time, along which there has to be nothing."""


class _Compared(NamedTuple):
    """By position: its input, a neighbour's, and its target."""

    own: Tensor
    neighbour: Tensor
    asked: Tensor


class _Gain(NamedTuple):
    size: float
    errors: float


@torch.no_grad()
def depends_across(given: Tensor, target: Tensor, counted: Tensor) -> bool:
    """Whether targets depend on an input near theirs along the axis that a layer takes for the
    batch, and on none of the nearest ones along the axis that it takes for time.

    Positions with the same input have equal targets more often where that neighbour is the same as
    well. Numbers are sorted into a few bins.

    Args:
        given: ``(T, B)`` symbols, or ``(T, B, F)`` numbers, as the layer takes it.
        target: one for each step, in either order of the axes; or without some of the first, or of
            the last, along the axis that is taken for the batch.
        counted: ``(n,)`` bool, of the targets in a row: which are not to be ignored.

    Example:
        >>> import torch
        >>> from backsight.probes import depends_across
        >>> _ = torch.manual_seed(0)
        >>> words = torch.randint(6, (24, 16))
        >>> tags = (words + words.roll(1, 1)) % 3  # of the word, and of the word before
        >>> every = torch.ones(24 * 16, dtype=torch.bool)
        >>> depends_across(words, tags, every), depends_across(words.t(), tags, every)
        (True, False)
    """
    if not _fits(given, target, counted):
        return False
    classes = _coded(target.reshape(-1))
    inputs = [given] if given.dim() == 2 else [*given.unbind(2)][:WIDEST]
    (_, orders) = _orders(inputs[0], classes, counted)
    read = [_coded(x[: len(orders[0][0])]) for x in inputs]
    across = max(
        (
            gain.size
            for x in read
            for gain in _gains(x, orders, axis=1, lags=NEAREST)
            if gain.size >= GAIN and gain.errors >= SURE
        ),
        default=0.0,
    )
    return across > 0 and not any(
        gain.errors >= SURE or (gain.size >= SHARE * across and gain.errors >= CHANCE)
        for x in read
        for gain in _gains(x, orders, axis=0, lags=LAGS)
    )


def _fits(given: Tensor, target: Tensor, counted: Tensor) -> bool:
    """Whether there is a target for each step of a batch that is large enough."""
    if given.dim() not in (2, 3) or min(given.shape[:2]) < FEWEST or given.dtype.is_complex:
        return False
    steps, rows = given.shape[:2]
    size, rest = divmod(target.numel(), steps)
    if rest or not FEWEST <= size <= rows <= 2 * size or steps == rows:
        return False
    return counted.numel() == target.numel()


def _orders(
    given: Tensor, target: Tensor, counted: Tensor
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """As many steps as are looked at; and targets, and which of them count, in either order."""
    steps, rows = given.shape[:2]
    size = target.numel() // steps
    part = slice(max(FEWEST, LARGEST // rows))
    asked, counts = target.reshape(-1), counted.reshape(-1)
    return given[part], [
        (asked.view(steps, size)[part], counts.view(steps, size)[part]),
        (asked.view(size, steps).t()[part], counts.view(size, steps).t()[part]),
    ]


def _coded(x: Tensor) -> Tensor:
    """Numbers from 0 on, for what is compared often: sorting it once costs less."""
    return _binned(x) if x.is_floating_point() else torch.unique(x, return_inverse=True)[1]


def _binned(x: Tensor) -> Tensor:
    """By rank; of numbers that are mostly alike, as they are."""
    flat = x.reshape(-1).double()
    edges = torch.quantile(flat, torch.arange(1, BINS, device=x.device).double() / BINS)
    return torch.bucketize(flat, edges).view(x.shape)


@torch.no_grad()
def batches_depend_across(batches: Sequence[tuple[Tensor, Tensor, Tensor]]) -> bool:
    """The same of several batches together, of symbols: most words have a tag of their own, and
    those whose tags depend on others are too few in one batch.

    Only positions whose input has targets of several classes are looked at, and each counts once,
    in however many pairs it is. Either half of the batches has to tell it too: chance does not.

    Args:
        batches: of each, what :func:`depends_across` is given.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring import batches_depend_across
        >>> _ = torch.manual_seed(0)
        >>> batches = []
        >>> for _ in range(4):
        ...     words = torch.randint(12, (24, 16))
        ...     tags = torch.where(words < 3, words.roll(1, 1) % 2, 0)  # of the word before
        ...     batches.append((words, tags, torch.ones(24 * 16, dtype=torch.bool)))
        >>> batches_depend_across(batches)
        True
        >>> batches_depend_across([(words.t(), tags, every) for words, tags, every in batches])
        False
    """
    looked = []
    for given, target, counted in batches:
        if given.dim() != 2 or given.is_floating_point() or not _fits(given, target, counted):
            return False
        looked.append(_orders(given, target, counted))
    shapes = {(asked.shape[1], len(orders)) for _, orders in looked for asked, _ in orders}
    if not looked or len(shapes) != 1:
        return False
    words = torch.unique(torch.cat([x.reshape(-1) for x, _ in looked]))
    classes = torch.unique(torch.cat([orders[0][0].reshape(-1) for _, orders in looked]))
    coded = [
        (
            torch.searchsorted(words, x.contiguous()),
            [
                (torch.searchsorted(classes, asked.contiguous()), counted)
                for asked, counted in orders
            ],
        )
        for x, orders in looked
    ]

    def compared(axis: int, lags: int) -> Iterator[tuple[_Compared, ...]]:
        return zip(*(_compared(*one, axis=axis, lags=lags) for one in coded), strict=True)

    half = len(coded) // 2
    told = any(
        _depend(each, SURE) and _depend(each[:half], CHANCE) and _depend(each[half:], CHANCE)
        for each in compared(1, NEAREST)
    )
    return told and not any(_depend(each, CHANCE, least=0.0) for each in compared(0, LAGS))


def _depend(each: Sequence[_Compared], errors: float, *, least: float = GAIN) -> bool:
    """Whether the neighbours of these batches tell so much, by so many standard errors."""
    if not each:
        return False
    gain = _gain(*_unsettled(*map(torch.cat, zip(*each, strict=True))), once=True)
    return gain is not None and gain.size >= least and gain.errors >= errors


def _unsettled(own: Tensor, neighbour: Tensor, asked: Tensor) -> _Compared:
    """Positions whose input does not settle the target by itself."""
    if not len(own):
        return _Compared(own, neighbour, asked)
    words = int(own.max()) + 1
    seen = torch.zeros(words, int(asked.max()) + 1, dtype=torch.bool, device=own.device)
    seen[own, asked] = True
    open_ = (seen.sum(1) > 1)[own]
    return _Compared(own[open_], neighbour[open_], asked[open_])


def _gains(
    x: Tensor, orders: list[tuple[Tensor, Tensor]], *, axis: int, lags: int
) -> Iterator[_Gain]:
    for each in _compared(x, orders, axis=axis, lags=lags):
        gain = _gain(*each)
        if gain is not None:
            yield gain


def _compared(
    x: Tensor, orders: list[tuple[Tensor, Tensor]], *, axis: int, lags: int
) -> Iterator[_Compared]:
    """What the neighbours along an axis tell, on either side, wherever the targets begin."""
    for (asked, counted), begins in product(orders, (False, True)):
        size, rows = asked.shape[1], x.shape[1]
        if begins and size == rows:
            continue
        offset = 0 if begins else rows - size
        for lag in (*range(-lags, 0), *range(1, lags + 1)):
            if axis == 0:
                neighbour = x.roll(-lag, 0)[:, offset : offset + size]
                place = torch.arange(x.shape[0], device=x.device)[:, None]
                inside = (place + lag >= 0) & (place + lag < x.shape[0])
            else:
                neighbour = x.roll(-lag, 1)[:, offset : offset + size]
                place = torch.arange(offset, offset + size, device=x.device)[None]
                inside = (place + lag >= 0) & (place + lag < rows)
            there = inside & counted
            yield _Compared(x[:, offset : offset + size][there], neighbour[there], asked[there])


def _gain(own: Tensor, neighbour: Tensor, asked: Tensor, *, once: bool = False) -> _Gain | None:
    """How much more often targets are equal where the neighbours are, too.

    Each pair is held against those with the same input: the few words that begin a sentence are
    most of the pairs whose neighbours are equal, and may have tags of their own.
    """
    if not len(own):
        return None
    classes, others, words = int(asked.max()) + 1, int(neighbour.max()) + 1, int(own.max()) + 1
    both, pairs = _agreement(own * others + neighbour, own, asked, classes, words)
    count = float(pairs.sum())
    if count < PAIRS:
        return None
    equal, known = _agreement(own, own, asked, classes, words)
    alone = float((equal / known.clamp(min=1.0) * pairs).sum()) / count
    independent = min(count, float((pairs > 0)[own].sum())) if once else count
    error = (max(alone * (1 - alone), 0.01) / independent) ** 0.5
    gain = float(both.sum()) / count - alone
    return _Gain(gain, gain / error)


def _agreement(
    key: Tensor, own: Tensor, asked: Tensor, classes: int, words: int
) -> tuple[Tensor, Tensor]:
    """By input, of the pairs of positions with the same key: how many have equal targets, and how
    many there are."""
    return _pairs(key * classes + asked, own, words), _pairs(key, own, words)


def _pairs(key: Tensor, own: Tensor, words: int) -> Tensor:
    """Each position counts half of its partners."""
    if int(key.max()) < DENSE * len(key):  # without sorting
        sizes = torch.bincount(key)[key]
    else:
        _, place, counts = torch.unique(key, return_inverse=True, return_counts=True)
        sizes = counts[place]
    return torch.bincount(own, (sizes - 1).double() / 2, minlength=words)

"""What a loss comes to where the frequencies of the answers, or their mean, are all one knows."""

import math
from collections.abc import Callable, Hashable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from backsight.probes.loss._loss_terms import LossTerm, class_weights, error_of

__all__ = ["ConstantAnswer", "Guesses"]

CONVEX = frozenset({"HuberLoss", "L1Loss", "SmoothL1Loss"})
"""Losses of which no formula gives the best constant."""

MOST, WIDEST = 1024, 64
"""Rows, and columns, that are kept of these."""

THIRDS = 30
"""Thirds that are taken off: to 1e-5 of the range."""

FEWEST = 20
"""Targets before a guess is given."""

ROUNDED = 1e-9
"""What a mean of ones may be off 1."""

A_CLASS = 4
"""Targets for each class that was seen: with fewer, their frequencies are not known."""


class ConstantAnswer(NamedTuple):
    """What the best constant answer of a loss is.

    Example:
        >>> from backsight.probes import ConstantAnswer
        >>> ConstantAnswer("frequency", 0.62).value
        0.62
    """

    kind: Literal["constant", "frequency", "mean", "median"]
    """``frequency``: each class as often as it is asked for; ``mean`` and ``median`` of the
    targets; ``constant``: another number, which no formula gives."""
    value: float
    """The share of targets that the most frequent class has; or the number, of several columns
    their mean."""


class Guesses:
    """The best constant answer, from all targets so far, by loss.

    Cross-entropy: the entropy of the frequencies, with Miller's correction ``(K - 1) / 2N`` for
    ``K`` classes in ``N`` targets; of classes with weights, of the shares of the weight, with
    ``(Σ w)² / Σ w²`` for ``N``; with label smoothing, of the smoothed shares ``q = (1 - ε) p + ε /
    C``, with ``(1 - ε)² Σ p (1 - p) / q`` for ``K - 1``. Squared errors: the variance. Binary
    cross-entropy: the entropy of the mean. Absolute errors, Huber's and smooth L1: the least mean
    of the first 1,024 targets, looked for by thirds. Numbers are looked at column by column of
    their last axis. What is masked does not count.

    Example:
        >>> import torch
        >>> from backsight.probes import Guesses, loss_terms
        >>> guesses = Guesses()
        >>> z = torch.zeros(40, 2, requires_grad=True)
        >>> target = torch.tensor([0, 0, 0, 1]).repeat(10)
        >>> (term,) = loss_terms([torch.nn.functional.cross_entropy(z, target)])
        >>> guesses.add("head", term)
        >>> round(guesses.of("head", term), 4)  # 0.5623 + 1 / 80
        0.5748
        >>> guesses.answer("head", term)
        ConstantAnswer(kind='frequency', value=0.75)
    """

    def __init__(self) -> None:
        self._classes: dict[Hashable, Tensor] = {}
        """``(3, C)``: how many targets, what they weigh, and the squares of that."""
        self._numbers: dict[Hashable, _Moments] = {}
        self._kept: dict[Hashable, _Kept] = {}

    @torch.no_grad()
    def add(self, key: Hashable, term: LossTerm) -> None:
        """The targets of one loss."""
        given, amounts = term.given, term.amounts
        if given.of_classes:
            axis = min(1, given.prediction.dim() - 1)
            size, there = given.prediction.shape[axis], amounts > 0
            targets, weights = given.target.reshape(-1)[there], amounts[there]
            counts = torch.stack(
                [
                    torch.bincount(targets, one, minlength=size).double()
                    for one in (None, weights, weights.square())
                ]
            )
            before = self._classes.get(key)
            if before is not None and before.shape == counts.shape:
                counts = counts + before
            self._classes[key] = counts
            return
        rows = given.target.double()
        shape = (-1, rows.shape[-1]) if rows.dim() > 1 else (-1, 1)
        rows, weights = rows.reshape(shape), amounts.reshape(shape)
        rows = torch.where(weights > 0, rows, 0.0)  # the others may be anything
        if given.loss in CONVEX:
            self._kept.setdefault(key, _Kept()).add(rows, weights)
            return
        moments = self._numbers.get(key)
        if moments is None or moments.width != rows.shape[1]:
            moments = self._numbers[key] = _Moments(rows)
        moments.add(rows, weights)

    def of(self, key: Hashable, term: LossTerm) -> float | None:
        """The mean loss of a target; None where too little is known, or of another loss."""
        given = term.given
        if given.of_classes:
            counts = self._classes.get(key)
            if counts is None:
                return None
            return _entropy(counts, class_weights(given), term.smoothing)
        if given.loss in CONVEX:
            kept = self._kept.get(key)
            return None if kept is None else kept.least(error_of(given))[0]
        moments = self._numbers.get(key)
        if moments is None or moments.count < FEWEST:
            return None
        if given.loss == "MseLoss":
            return moments.over_columns(moments.variance)
        if given.loss.startswith("BinaryCrossEntropy"):
            return moments.over_columns(_binary(moments.mean))
        return None

    def answer(self, key: Hashable, term: LossTerm) -> ConstantAnswer | None:
        """What gives :meth:`of`; None where that is None."""
        given, loss = term.given, self.of(key, term)
        if loss is None:
            return None
        if given.of_classes:
            counts = self._classes[key][0]
            return ConstantAnswer("frequency", float(counts.max() / counts.sum()))
        if given.loss in CONVEX:
            kind: Literal["constant", "median"] = "constant"
            if given.loss == "L1Loss":
                kind = "median"
            return ConstantAnswer(kind, self._kept[key].least(error_of(given))[1])
        moments = self._numbers[key]
        return ConstantAnswer("mean", moments.over_columns(moments.mean))


def _entropy(counts: Tensor, weight: Tensor | None, smoothing: float) -> float | None:
    targets, masses, squares = counts
    total, seen = int(targets.sum()), int((targets > 0).sum())
    if total < max(FEWEST, A_CLASS * seen):
        return None
    weights = torch.ones_like(masses) if weight is None else weight.double()
    asked = masses * weights
    mass = asked + smoothing * masses.sum() * weights
    alive = mass > 0
    if not bool((asked > 0).any()):
        return None
    shares = mass[alive] / mass.sum()
    plain = float(-(shares * shares.log()).sum())
    amount = float(asked.sum().square() / (squares * weights.square()).sum())
    # How far the shares that were seen stray from those that are, and what that does to it.
    known, part = (asked / asked.sum())[alive], float(asked.sum() / mass.sum())
    freedom = part**2 * float((known * (1 - known) / shares).sum())
    return min(plain + freedom / (2 * amount), math.log(len(shares)))


def _binary(mean: Tensor) -> Tensor:
    """NaN of what is no probability, rounding left aside."""
    within = (mean > -ROUNDED) & (mean < 1 + ROUNDED)
    mean = torch.where(within, mean.clamp(0, 1), math.nan)
    return -(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean))


class _Kept:
    """The first rows of numbers."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor]] = []
        self._count = 0
        self._answer: tuple[int, tuple[float | None, float]] | None = None
        """Of how many rows, and what it was."""

    def add(self, rows: Tensor, weights: Tensor) -> None:
        there = (weights > 0).any(1)
        rows, weights = rows[there], weights[there]
        same = not self._parts or self._parts[0][0].shape[1] == rows.shape[1]
        if self._count < MOST and rows.shape[1] <= WIDEST and same:
            left = MOST - self._count
            self._parts.append((rows[:left].clone(), weights[:left].clone()))
            self._count += len(self._parts[-1][0])

    def least(self, error: Callable[[Tensor, Tensor], Tensor]) -> tuple[float | None, float]:
        """The mean error of the best constant of each column, for a convex error; and that."""
        if self._count < FEWEST:
            return None, math.nan
        if self._answer is None or self._answer[0] != self._count:
            rows, weights = (torch.cat(one) for one in zip(*self._parts, strict=True))
            there = weights.sum(0) > 0
            rows, weights = rows[:, there], weights[:, there]
            low, high = rows.amin(0), rows.amax(0)
            for _ in range(THIRDS):
                a, b = low + (high - low) / 3, high - (high - low) / 3
                left, right = (
                    (error(one.expand_as(rows), rows) * weights).sum(0) for one in (a, b)
                )
                low, high = torch.where(left <= right, low, a), torch.where(left <= right, b, high)
            best = (low + high) / 2
            lost = (error(best.expand_as(rows), rows) * weights).sum() / weights.sum()
            self._answer = self._count, (float(lost), float(best.mean()))
        return self._answer[1]


class _Moments:
    """Of columns, relative to those of the first batch: sums of large numbers would cancel."""

    def __init__(self, rows: Tensor) -> None:
        self.width, self.count = rows.shape[1], 0
        self._around = rows.mean(0)
        self._weight = torch.zeros_like(self._around)
        self._squared = torch.zeros_like(self._around)
        """What the rows weigh together, and the squares of that."""
        self._sum = torch.zeros_like(self._around)
        self._squares = torch.zeros_like(self._around)

    def add(self, rows: Tensor, weights: Tensor) -> None:
        self.count += int((weights > 0).any(1).sum())
        off = rows - self._around
        self._weight += weights.sum(0)
        self._squared += weights.square().sum(0)
        self._sum += (off * weights).sum(0)
        self._squares += (off.square() * weights).sum(0)

    @property
    def mean(self) -> Tensor:
        """Of each column."""
        return self._around + self._sum / self._weight

    @property
    def variance(self) -> Tensor:
        """Of each column, without bias: of equal weights, with one less than their number."""
        off = self._squares - self._sum.square() / self._weight
        return off / (self._weight - self._squared / self._weight)

    def over_columns(self, each: Tensor) -> float:
        """The mean over columns, by weight."""
        there = self._weight > 0
        return float((each * self._weight)[there].sum() / self._weight.sum())

"""What a loss comes to where the frequencies of the answers, or their mean, are all one knows."""

import math
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from backsight.probes._loss_targets import LossTarget
from backsight.probes._loss_terms import class_weights, error_of

__all__ = ["Guesses"]

CONVEX = frozenset({"HuberLoss", "L1Loss", "SmoothL1Loss"})
"""Losses of which no formula gives the best constant."""

MOST, WIDEST = 1024, 64
"""Rows, and columns, that are kept of these."""

THIRDS = 30
"""Thirds that are taken off: to 1e-5 of the range."""

FEWEST = 20
"""Targets before a guess is given."""

A_CLASS = 4
"""Targets for each class that was seen: with fewer, their frequencies are not known."""


class Guesses:
    """The best constant answer, from all targets so far, by loss.

    Cross-entropy: the entropy of the frequencies, with Miller's correction ``(K - 1) / 2N`` for
    ``K`` classes in ``N`` targets; of classes with weights, of the shares of the weight, with
    ``(Σ w)² / Σ w²`` for ``N``. Squared errors: the variance. Binary cross-entropy: the entropy
    of the mean. Absolute errors, Huber's and smooth L1: the least mean of the first 1,024 targets,
    looked for by thirds. Numbers are looked at column by column of their last axis.

    Example:
        >>> import torch
        >>> from backsight.probes import Guesses, loss_terms
        >>> guesses = Guesses()
        >>> z = torch.zeros(40, 2, requires_grad=True)
        >>> target = torch.tensor([0, 0, 0, 1]).repeat(10)
        >>> (term,) = loss_terms([torch.nn.functional.cross_entropy(z, target)])
        >>> guesses.add("head", term.given)
        >>> round(guesses.of("head", term.given), 4)  # 0.5623 + 1 / 80
        0.5748
    """

    def __init__(self) -> None:
        self._classes: dict[Hashable, Tensor] = {}
        self._numbers: dict[Hashable, _Moments] = {}
        self._kept: dict[Hashable, _Kept] = {}

    @torch.no_grad()
    def add(self, key: Hashable, given: LossTarget) -> None:
        """The targets of one loss."""
        if given.of_classes:
            axis = min(1, given.prediction.dim() - 1)
            size = given.prediction.shape[axis]
            counts = torch.bincount(given.target.reshape(-1)[given.counted], minlength=size)
            before = self._classes.get(key)
            if before is not None and len(before) == len(counts):
                counts = counts + before
            self._classes[key] = counts
        else:
            rows = given.target.double()
            rows = rows.reshape(-1, rows.shape[-1]) if rows.dim() > 1 else rows.reshape(-1, 1)
            if given.loss in CONVEX:
                self._kept.setdefault(key, _Kept()).add(rows)
                return
            moments = self._numbers.get(key)
            if moments is None or moments.width != rows.shape[1]:
                moments = self._numbers[key] = _Moments(rows)
            moments.add(rows)

    def of(self, key: Hashable, given: LossTarget) -> float | None:
        """The mean loss of a target; None where too little is known, or of another loss."""
        if given.of_classes:
            counts = self._classes.get(key)
            return None if counts is None else _entropy(counts, class_weights(given))
        if given.loss in CONVEX:
            kept = self._kept.get(key)
            return None if kept is None else kept.least(error_of(given))
        moments = self._numbers.get(key)
        if moments is None or moments.count < FEWEST:
            return None
        if given.loss == "MseLoss":
            return moments.variance
        if given.loss.startswith("BinaryCrossEntropy"):
            return _binary(moments.mean)
        return None


def _entropy(counts: Tensor, weight: Tensor | None) -> float | None:
    total, seen = int(counts.sum()), int((counts > 0).sum())
    if total < max(FEWEST, A_CLASS * seen):
        return None
    weights = torch.ones_like(counts).double() if weight is None else weight.double()
    mass = counts * weights
    alive = mass > 0
    if not bool(alive.any()):
        return None
    shares = mass[alive] / mass.sum()
    plain = float(-(shares * shares.log()).sum())
    amount = float(mass.sum().square() / (mass * weights).sum())
    several = int(alive.sum())
    return min(plain + (several - 1) / (2 * amount), math.log(several))


def _binary(mean: Tensor) -> float | None:
    if bool(((mean < 0) | (mean > 1)).any()):
        return None
    return float(-(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean)).mean())


class _Kept:
    """The first rows of numbers."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._count = 0
        self._answer: tuple[int, float] | None = None
        """Of how many rows, and what it was."""

    def add(self, rows: Tensor) -> None:
        same = not self._parts or self._parts[0].shape[1] == rows.shape[1]
        if self._count < MOST and rows.shape[1] <= WIDEST and same:
            self._parts.append(rows[: MOST - self._count].clone())
            self._count += len(self._parts[-1])

    def least(self, error: Callable[[Tensor, Tensor], Tensor]) -> float | None:
        """The mean error of the best constant of each column, for a convex error."""
        if self._count < FEWEST:
            return None
        if self._answer is None or self._answer[0] != self._count:
            rows = torch.cat(self._parts)
            low, high = rows.amin(0), rows.amax(0)
            for _ in range(THIRDS):
                a, b = low + (high - low) / 3, high - (high - low) / 3
                left = error(a.expand_as(rows), rows).mean(0) <= error(
                    b.expand_as(rows), rows
                ).mean(0)
                low, high = torch.where(left, low, a), torch.where(left, b, high)
            best = ((low + high) / 2).expand_as(rows)
            self._answer = self._count, float(error(best, rows).mean())
        return self._answer[1]


class _Moments:
    """Of columns, relative to those of the first batch: sums of large numbers would cancel."""

    def __init__(self, rows: Tensor) -> None:
        self.width, self.count = rows.shape[1], 0
        self._around = rows.mean(0)
        self._sum = torch.zeros_like(self._around)
        self._squares = torch.zeros_like(self._around)

    def add(self, rows: Tensor) -> None:
        self.count += len(rows)
        off = rows - self._around
        self._sum += off.sum(0)
        self._squares += off.square().sum(0)

    @property
    def mean(self) -> Tensor:
        return self._around + self._sum / self.count

    @property
    def variance(self) -> float:
        off = self._squares - self._sum.square() / self.count
        return float((off / (self.count - 1)).mean())

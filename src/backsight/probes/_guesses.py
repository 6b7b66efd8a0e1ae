"""What a loss comes to where the frequencies of the answers, or their mean, are all one knows."""

import math
from collections.abc import Hashable

import torch
from torch import Tensor

from backsight.probes._loss_targets import LossTarget

__all__ = ["Guesses"]

FEWEST = 20
"""Targets before a guess is given."""

A_CLASS = 4
"""Targets for each class that was seen: with fewer, their frequencies are not known."""


class Guesses:
    """The best constant answer, from all targets so far, by loss.

    Cross-entropy: the entropy of the frequencies, with Miller's correction ``(K - 1) / 2N`` for
    ``K`` classes in ``N`` targets. Squared errors: the variance. Binary cross-entropy: the entropy
    of the mean. Numbers are looked at column by column of their last axis.

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
            moments = self._numbers.get(key)
            if moments is None or moments.width != rows.shape[1]:
                moments = self._numbers[key] = _Moments(rows)
            moments.add(rows)

    def of(self, key: Hashable, given: LossTarget) -> float | None:
        """The mean loss of a target; None where too little is known, or of another loss."""
        if given.of_classes:
            return _entropy(self._classes[key]) if key in self._classes else None
        moments = self._numbers.get(key)
        if moments is None or moments.count < FEWEST:
            return None
        if given.loss == "MseLoss":
            return moments.variance
        if given.loss.startswith("BinaryCrossEntropy"):
            return _binary(moments.mean)
        return None


def _entropy(counts: Tensor) -> float | None:
    total, seen = int(counts.sum()), int((counts > 0).sum())
    if total < max(FEWEST, A_CLASS * seen):
        return None
    shares = counts[counts > 0].double() / total
    plain = float(-(shares * shares.log()).sum())
    return min(plain + (seen - 1) / (2 * total), math.log(seen))


def _binary(mean: Tensor) -> float | None:
    if bool(((mean < 0) | (mean > 1)).any()):
        return None
    return float(-(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean)).mean())


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

"""How far the targets of sequences follow from what can be read off their inputs one by one."""

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from backsight.probes.loss import row_keys

__all__ = ["RowTies"]

MOST = 4096
"""Sequences that are looked at."""

ENDS, WIDEST = 8, 4
"""Steps at either end that are looked at one by one; features of a step."""

SYMBOLS, CLASSES = 64, 32
"""Symbols, and classes, that are told apart; further ones share a place."""

CHANCE, SURE = 1e-4, 6.0
"""That the strongest of all ties comes by chance; standard errors of a test of chi squared."""


class RowTies:
    """Correlations of targets with the steps of their sequences, with sums and spreads over them.

    Of numbers: the first steps and the last ones, mean, deviation, mean change from step to step.
    Of symbols: which one stands at each of these places, and how often each comes. A sequence that
    was there before is left out.

    Example:
        >>> import torch
        >>> from backsight.probes import RowTies
        >>> _ = torch.manual_seed(0)
        >>> x, ties, none = torch.randn(600, 12, 1), RowTies(), RowTies()
        >>> ties.add(x, x.sum((1, 2)))
        >>> none.add(x, torch.randn(600))
        >>> ties.strongest > 0.9, ties.tied, none.tied
        (True, True, False)
    """

    def __init__(self, *, again: bool = False, widest: int = WIDEST) -> None:
        """Of sequences.

        Args:
            again: whether one that was there before counts again, as single steps may.
            widest: features of a step that are looked at, the first ones.
        """
        self.rows = self.offered = 0
        """Different sequences so far; and all of them."""
        self._again, self._widest = again, widest
        self._places = 0
        """Steps whose symbols are counted one by one."""
        self._seen: set[int] = set()
        self._sums: list[Tensor] | None = None
        self._shape: tuple[object, ...] = ()
        self._around: tuple[Tensor, Tensor] = (torch.zeros(0, device="cpu"),) * 2
        """The means of the first batch, from which sums are taken."""

    @property
    def full(self) -> bool:
        """Whether no more are taken; they come again, or are enough."""
        return self.offered >= MOST

    @torch.no_grad()
    def add(self, given: Tensor, target: Tensor) -> None:
        """One batch: ``(B, T)`` symbols or ``(B, T, F)`` numbers; ``(B,)`` classes, or numbers."""
        new = None if self.full else self._news(given)
        if new is None:
            return
        self.offered += len(given)
        if not new:
            return
        x, y = _features(given[new], self._widest), _answers(target[new])
        shape = given.shape[1:], target.shape[1:], x.shape[1:], y.shape[1:]
        if self._sums is None:
            self._shape = shape
            zeros = (torch.zeros(size, dtype=torch.float64, device=x.device) for size in (
                x.shape[1], x.shape[1], y.shape[1], y.shape[1], (x.shape[1], y.shape[1]),
            ))  # fmt: skip
            self._sums = list(zeros)
            if given.dim() > 2:  # sums of numbers far from 0 would cancel
                self._around = x.mean(0), y.mean(0)
            else:
                self._around = torch.zeros_like(x[0]), torch.zeros_like(y[0])
            self._places = 0 if target.is_floating_point() or given.dim() > 2 else _places(given)
        if shape != self._shape:
            return
        x, y = x - self._around[0], y - self._around[1]
        parts = x.sum(0), x.square().sum(0), y.sum(0), y.square().sum(0), x.T @ y
        for whole, part in zip(self._sums, parts, strict=True):
            whole += part
        self.rows += len(new)

    def _news(self, given: Tensor) -> list[int] | None:
        if self._again:
            return [*range(len(given))]
        keys = row_keys(given)
        if keys is None:
            return None
        return [place for place, key in enumerate(keys.tolist()) if self._is_new(key)]

    def _is_new(self, key: int) -> bool:
        new = key not in self._seen
        self._seen.add(key)
        return new

    @property
    def tied(self) -> bool:
        """Whether anything goes with the targets."""
        return self.strongest >= self.chance or self._by_place()

    def _by_place(self) -> bool:
        """Whether classes go with the symbols at any place: a test of chi squared for each."""
        if self._sums is None or not self._places:
            return False
        columns, answers = self._sums[0][: self._places * SYMBOLS], self._sums[2]
        joint = self._sums[4][: len(columns)].view(self._places, SYMBOLS, -1)
        symbols = columns.view(self._places, SYMBOLS)
        expected = symbols[..., None] * answers / max(1, self.rows)
        there = expected > 0
        off = torch.where(there, (joint - expected).square() / expected.clamp(min=1e-9), 0.0)
        freedom = ((symbols > 0).sum(1) - 1).clamp(min=1) * max(1, int((answers > 0).sum()) - 1)
        return bool((off.sum((1, 2)) - freedom > SURE * (2 * freedom).sqrt()).any())

    @property
    def strongest(self) -> float:
        """The largest squared correlation; 0 where nothing varies."""
        if self._sums is None or self.rows < 2:
            return 0.0
        x, xx, y, yy, xy = (one / self.rows for one in self._sums)
        spread = (xx - x.square()).clamp(min=0)[:, None] * (yy - y.square()).clamp(min=0)
        squares = (xy - x[:, None] * y).square() / spread
        return float(torch.where(spread > 1e-12, squares, 0.0).max())

    @torch.no_grad()
    def guess_of(self, target: Tensor, *, squared: bool) -> float:
        """The mean loss of the best constant answer for the targets of one batch, which were added:
        of squared errors, the columns added up, or of classes, or of yes or no in one column."""
        y = _answers(target)
        if self._sums is None or not len(y) or y.shape[1] != len(self._sums[2]):
            return 0.0
        mean = self._sums[2] / self.rows + self._around[1]
        if squared:
            return float((y - mean).square().sum()) / len(y)
        if len(mean) == 1:
            mean, y = torch.cat([mean, 1 - mean]), torch.cat([y, 1 - y], 1)
        return -float((y * mean.clamp(min=1 / self.rows).log()).sum()) / len(y)

    @property
    def chance(self) -> float:
        """What that seldom exceeds where there is no tie."""
        if self._sums is None:
            return math.inf
        return 2 * math.log(max(2.0, self._sums[-1].numel() / CHANCE)) / max(1, self.rows)


def _ends(given: Tensor) -> list[int]:
    steps = given.shape[1]
    return sorted({*range(min(ENDS, steps)), *range(max(0, steps - ENDS), steps)})


def _places(given: Tensor) -> int:
    return len(_ends(given))


def _features(given: Tensor, widest: int) -> Tensor:
    steps, places = given.shape[1], _ends(given)
    if given.dim() == 2:
        each = one_hot(given.long() % SYMBOLS, SYMBOLS).double()
        numbers = given.double()
        whole = torch.cat([numbers[:, places], numbers.mean(1, keepdim=True)], 1)
        return torch.cat([each[:, places].flatten(1), each.sum(1), whole], 1)
    x = given[..., :widest].double()
    change = x.diff(dim=1).abs().mean(1) if steps > 1 else x[:, 0]
    sums = [x.mean(1), x.std(1, correction=0), change]
    return torch.cat([x[:, places].flatten(1), *sums], 1)


def _answers(target: Tensor) -> Tensor:
    if target.is_floating_point():
        return target.reshape(len(target), -1)[:, :CLASSES].double()
    return one_hot(target.reshape(len(target), -1)[:, 0].long() % CLASSES, CLASSES).double()

"""What a forecast comes to that repeats the newest input."""

import math

import torch
from torch import Tensor

from backsight.probes.loss._answer_given import LayerInput
from backsight.probes.loss._loss_targets import LossTarget
from backsight.probes.loss._loss_terms import error_of
from backsight.probes.loss._row_answers import row_keys

__all__ = ["Persistence"]

LOSSES = frozenset({"HuberLoss", "L1Loss", "MseLoss", "SmoothL1Loss"})
"""Losses of which a prediction is a value of the series."""

STEPS = 3
"""The fewest steps of a window: two successive increments, and one to see that it is shifted."""

NEAR = 1e-4
"""Of the largest input: a target that was computed from a difference is rounded."""

PAIRS = 3
"""Windows of which one begins a step later, from which on targets of the last step are known."""

WIDEST = 256
"""Windows of a batch among which these are looked for."""

ROWS = 8
"""Windows that tell whether their targets go on from them."""

CLOSE = 0.2
"""Of the variance of targets: what repeating the newest input leaves of it."""

BOUND = 2.0
"""Standard errors that are added to a correlation."""


class Persistence:
    """The mean loss of repeating the newest input, and how far successive increments go together.

    Only targets count that are the inputs of the next step. A target for each step, ``(T, B, F)``
    or ``(B, T, F)`` numbers, shows that in its own window. A target after the last step, ``(B, F)``
    or of one feature ``(B,)``, shows it where windows overlap, shuffled or not: others of the same
    batch begin one step later, and end in that target; or, of one number, where the newest value of
    one feature leaves less than a fifth of the variance of the targets. A target for each step may
    leave out the first steps, and be of one feature. The increments are ``d_t = x_{t+1} - x_t``.
    Their correlation is ``Σ d_t d_{t+1} / √(Σ d_t² Σ d_{t+1}²)``, not centred, so that a drift
    counts; its standard error ``√Σ (d_t d_{t+1})²`` over the same denominator allows for increments
    of different sizes.

    Nor does it take a network to add ``k d_{t-1}`` to the newest input, with the ``k`` that is
    least for the squares so far: ``drift`` is the share of the loss that is left then.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerInput, Persistence, loss_terms
        >>> series = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0])[:, None, None]
        >>> z = torch.zeros(4, 1, 1, requires_grad=True)
        >>> (term,) = loss_terms([torch.nn.functional.mse_loss(z + 0, series[1:])])
        >>> one = Persistence()
        >>> one.add(term.given, LayerInput("rnn", series[:-1], steps=0))
        True
        >>> one.loss, one.correlation > 1  # three pairs: nothing is known
        (1.0, True)
    """

    def __init__(self) -> None:
        self._lost, self._count = 0.0, 0
        self._together = self._first = self._second = self._squares = 0.0
        self._still = self._drifts = 0.0
        self._pairs: dict[str, _Continued] = {}
        """By layer."""

    @torch.no_grad()
    def add(self, given: LossTarget, read: LayerInput) -> bool:
        """Look at the targets of one loss; False where they are not the next inputs."""
        steps = read.steps
        if steps is None or given.loss not in LOSSES or given.weighted or read.both_ways:
            return False
        x = read.given
        if x.dim() != 3 or x.shape[steps] < STEPS or not x.is_floating_point():
            return False
        x = x.movedim(steps, 0).double()
        limit = NEAR * float(x.abs().max())
        if not math.isfinite(limit):
            return False
        return self._add_steps(given, x, limit) or self._add_last(given, x, limit, read.layer)

    def _add_steps(self, given: LossTarget, x: Tensor, limit: float) -> bool:
        """A target for each step; or for those from some step on, or of one of several features."""
        target = given.target.double()
        for axis in (0, 1):
            if target.dim() < 2 or axis >= target.dim():
                continue
            y = target.movedim(axis, 0)
            y = y[..., None] if y.dim() == 2 else y
            left_out = len(x) - len(y)
            if y.dim() != 3 or y.shape[1] != x.shape[1] or left_out < 0 or len(y) < STEPS:
                continue
            newest = x[left_out:]
            off = (y[:-1] - newest[1:]).abs() if y.shape[2] in (1, x.shape[2]) else None
            if off is None:
                continue
            near = off.amax((0, 1)) <= limit
            if y.shape[2] == 1 and bool(near.any()):
                newest = newest[..., near.nonzero()[0]]
            elif not bool(near.all()):
                continue
            return self._count_in(given, newest, y, (y - newest)[:-1], (y - newest)[1:])
        return False

    def _add_last(self, given: LossTarget, x: Tensor, limit: float, layer: str) -> bool:
        target = given.target.double()
        if target.shape not in (x.shape[1:], x.shape[1:2], (x.shape[1], 1)):
            return False
        known = self._pairs.setdefault(layer, _Continued(x.shape[2]))
        y = target.reshape(x.shape[1], -1)
        known.add(x, y, limit)
        columns = known.columns
        if columns is None and y.shape[1] == 1:
            columns = _goes_on(x[-1], y)
        if columns is None or len(columns) != y.shape[1]:
            return False
        newest, before = x[-1][:, columns], x[-2][:, columns]
        return self._count_in(given, newest, y, newest - before, y - newest)

    def _count_in(self, given: LossTarget, newest: Tensor, y: Tensor, a: Tensor, b: Tensor) -> bool:
        """Newest inputs and targets, and increments of which one follows the other."""
        if torch.equal(newest, y):
            return False
        self._lost += float(error_of(given)(newest, y).sum())
        self._count += y.numel()
        self._together += float((a * b).sum())
        self._first += float(a.square().sum())
        self._second += float(b.square().sum())
        self._squares += float((a * b).square().sum())
        before, after = newest[len(y) - len(b) :], y[len(y) - len(b) :]
        drifts = before + a * (self._together / self._first if self._first else 0.0)
        self._still += float(error_of(given)(before, after).sum())
        self._drifts += float(error_of(given)(drifts, after).sum())
        return True

    @property
    def loss(self) -> float:
        """Of a target; NaN where there was none."""
        return self._lost / self._count if self._count else math.nan

    @property
    def drift(self) -> float:
        """Of that loss, what adding a share of the last increment leaves; NaN without one."""
        return self._drifts / self._still if self._still else math.nan

    @property
    def correlation(self) -> float:
        """The absolute correlation of successive increments and two standard errors; NaN where
        there is none."""
        size = math.sqrt(self._first * self._second)
        if not size:
            return math.nan
        return (abs(self._together) + BOUND * math.sqrt(self._squares)) / size


def _goes_on(newest: Tensor, y: Tensor) -> list[int] | None:
    """The one column of ``(B, F)`` whose values the targets ``(B, 1)`` stay close to."""
    spread = y.var(unbiased=False)
    off = (newest - y).square().mean(0)
    best = int(off.argmin())
    close = len(y) >= ROWS and bool(off[best] < CLOSE * spread)
    return [best] if close else None


class _Continued:
    """Windows that others go on from, and which of their columns a target is the next value of."""

    def __init__(self, columns: int) -> None:
        self._count = 0
        self._agree = torch.ones(columns, dtype=torch.bool)

    def add(self, x: Tensor, y: Tensor, limit: float) -> None:
        """Windows ``(T, B, F)``, and targets ``(B, F)`` or ``(B, 1)``."""
        x, y = x[:, :WIDEST], y[:WIDEST]
        ends, begins = row_keys(x[1:].movedim(1, 0)), row_keys(x[:-1].movedim(1, 0))
        if ends is None or begins is None:
            return
        for i, j in (ends[:, None] == begins).nonzero().tolist():
            end = x[1:, i]
            # What stands still goes on from itself.
            if torch.equal(end, x[:-1, j]) and bool((end != end[0]).any()):
                near = (y[i] - x[-1, j]).abs() <= limit
                self._agree &= near.expand(len(self._agree)).to(self._agree.device)
                self._count += 1

    @property
    def columns(self) -> list[int] | None:
        """Those that the targets are; None where that is not known."""
        if self._count < PAIRS or not bool(self._agree.any()):
            return None
        return self._agree.nonzero().reshape(-1).tolist()

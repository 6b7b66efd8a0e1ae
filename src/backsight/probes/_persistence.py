"""What a forecast comes to that repeats the newest input."""

import math

import torch

from backsight.probes._answer_given import LayerInput
from backsight.probes._loss_targets import LossTarget
from backsight.probes._loss_terms import error_of

__all__ = ["Persistence"]

LOSSES = frozenset({"HuberLoss", "L1Loss", "MseLoss", "SmoothL1Loss"})
"""Losses of which a prediction is a value of the series."""

STEPS = 3
"""The fewest steps of a window: two successive increments, and one to see that it is shifted."""

NEAR = 1e-4
"""Of the largest input: a target that was computed from a difference is rounded."""

BOUND = 2.0
"""Standard errors that are added to a correlation."""


class Persistence:
    """The mean loss of repeating the newest input, and how far successive increments go together.

    Only targets count that are the inputs of the next step: ``(T, B, F)`` or ``(B, T, F)`` numbers
    that equal the input of a recurrent layer, one step later. The increments are
    ``d_t = x_{t+1} - x_t``. Their correlation is ``Σ d_t d_{t+1} / √(Σ d_t² Σ d_{t+1}²)``, not
    centred, so that a drift counts; its standard error ``√Σ (d_t d_{t+1})²`` over the same
    denominator allows for increments of different sizes.

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

    @torch.no_grad()
    def add(self, given: LossTarget, read: LayerInput) -> bool:
        """Look at the targets of one loss; False where they are not the next inputs."""
        steps = read.steps
        if steps is None or given.loss not in LOSSES or given.weighted or read.both_ways:
            return False
        x = read.given
        if x.dim() != 3 or x.shape[steps] < STEPS or given.target.numel() != x.numel():
            return False
        shapes = (x.shape, x.shape[:2]) if x.shape[2] == 1 else (x.shape,)
        if given.target.shape not in shapes or not x.is_floating_point():
            return False
        x, y = (one.movedim(steps, 0).double() for one in (x, given.target.reshape(x.shape)))
        limit = NEAR * float(x.abs().max())
        if not math.isfinite(limit) or float((y[:-1] - x[1:]).abs().max()) > limit:
            return False
        step = y - x
        if not bool((step != 0).any()):
            return False
        self._lost += float(error_of(given)(x, y).sum())
        self._count += x.numel()
        a, b = step[:-1], step[1:]
        self._together += float((a * b).sum())
        self._first += float(a.square().sum())
        self._second += float(b.square().sum())
        self._squares += float((a * b).square().sum())
        return True

    @property
    def loss(self) -> float:
        """Of a target; NaN where there was none."""
        return self._lost / self._count if self._count else math.nan

    @property
    def correlation(self) -> float:
        """The absolute correlation of successive increments and two standard errors; NaN where
        there is none."""
        size = math.sqrt(self._first * self._second)
        if not size:
            return math.nan
        return (abs(self._together) + BOUND * math.sqrt(self._squares)) / size

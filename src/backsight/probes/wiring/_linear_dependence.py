"""Along which axis of a layer's input targets are sums of steps before theirs."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["sums_across"]

LAGS, FEWER = 8, 3
"""Steps that are looked at; or so many, where there are too few positions for a fit."""

MOST = 0.5
"""Of the variance that a step's own input leaves, what the steps before it explain at least."""

NOTHING, CHANCE, TOO_MUCH = 0.1, 3.0, 0.25
"""Of a variance, what is explained by what hardly matters; standard errors of what is explained by
chance, which is more where positions are few; and what is no chance whatever they are."""

ALONE = 0.9
"""Of what is explained, what the one row before must not do by itself: of days in reverse order,
that is the day to foretell."""

ROWS = 4
"""Times as many positions as numbers that are fitted."""

WIDEST, OUTPUTS, LARGEST = 16, 8, 1 << 11
"""Numbers of a step, targets of one, and positions that are looked at: a fit takes milliseconds."""

EXACT = 1e-6
"""Of the variance of a target, what is nothing: its own input has told all."""

RIDGE = 1e-9
"""Of the mean square of a column: columns may depend on each other, as those of one-hot symbols."""


@torch.no_grad()
def sums_across(given: Tensor, target: Tensor) -> bool:
    """Whether targets are sums of inputs before theirs along the axis that a layer takes for the
    batch, and of none near them along the axis that it takes for time.

    Rows may be days, one after the other, and the target of each the day after it. So nothing is
    said where inputs themselves go with those before them: of inputs that do not, no row tells of
    a later one, and what the rows before explain is no forecast.

    Ordinary least squares, with a constant, beside a step's own input; what is explained is
    corrected for the count of what is fitted (adjusted R²).

    Args:
        given: ``(T, B, F)`` numbers, as the layer takes it.
        target: ``(T, B)`` or ``(T, B, K)`` numbers, or with the axes the other way round.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring import sums_across
        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(24, 32, 4)
        >>> y = (x.roll(1, 1) + x.roll(2, 1)).sum(2)  # of the two rows before
        >>> sums_across(x, y), sums_across(x.transpose(0, 1), y)
        (True, False)
    """
    if given.dim() != 3 or target.dim() not in (2, 3) or given.shape[0] == given.shape[1]:
        return False
    if not (given.is_floating_point() and target.is_floating_point()) or given.shape[2] > WIDEST:
        return False
    y = target if target.dim() == 3 else target[..., None]
    y = y.transpose(0, 1) if y.shape[:2] == given.shape[1::-1] else y
    if y.shape[:2] != given.shape[:2]:
        return False
    part = slice(max(2 * LAGS + 2, LARGEST // given.shape[1]))
    x, y = given[part].cpu().double(), y[part, :, :OUTPUTS].cpu().double()
    if not bool(x.isfinite().all()) or not bool(y.isfinite().all()):
        return False
    rows, answers = x.transpose(0, 1), y.transpose(0, 1)
    for lags in (LAGS, FEWER):
        before, after = range(1, lags + 1), range(-lags, 0)
        told = _explained(rows, answers, before)
        if told is None or not bool((told.share >= MOST).any()):
            continue
        if not all(_is_nothing(_explained(z, z, before, own=False)) for z in (rows, x)):
            return False
        found = told.share >= MOST
        found &= _none(_explained(rows, answers, after))
        found &= _none(_explained(x, y, before)) & _none(_explained(x, y, after))
        next_to_it = _explained(rows, answers, range(1, 2))
        assert next_to_it is not None  # fewer are fitted, of more positions
        return bool((found & (next_to_it.share < ALONE * told.share)).any())
    return False


class _Explained(NamedTuple):
    share: Tensor
    """``(K,)``: of the variance of each output."""
    error: float
    """The standard error of that, where nothing is to be explained."""


def _none(explained: _Explained | None) -> Tensor:
    if explained is None:
        return torch.tensor(False)
    return explained.share <= min(TOO_MUCH, max(NOTHING, CHANCE * explained.error))


def _is_nothing(explained: _Explained | None) -> bool:
    return bool(_none(explained).all())


def _explained(x: Tensor, y: Tensor, lags: range, *, own: bool = True) -> _Explained | None:
    """Of each output, the share of the variance that a step's own input has left and the
    steps so far before it along the first axis explain; None where there are too few positions."""
    first, last = max(0, lags[-1]), len(x) + min(0, lags[0])
    if last <= first:
        return None
    here = x[first:last].flatten(0, 1)
    near = [x[first - lag : last - lag].flatten(0, 1) for lag in lags]
    asked = y[first:last].flatten(0, 1)
    one = torch.ones_like(here[:, :1])
    few = torch.cat([one, here], 1) if own else one
    many = torch.cat([few, *near], 1)
    if len(here) < ROWS * many.shape[1]:
        return None
    left, rest = _unexplained(few, asked), _unexplained(many, asked)
    varies = asked.var(0) > EXACT**2 * asked.square().mean(0)
    explained: Tensor = torch.where(varies & (left > EXACT * asked.var(0)), 1 - rest / left, 0.0)
    fitted = many.shape[1] - few.shape[1]
    return _Explained(explained, (2 * fitted) ** 0.5 / (len(here) - many.shape[1]))


def _unexplained(x: Tensor, y: Tensor) -> Tensor:
    """The variance of each output around its fit, by degrees of freedom."""
    products = x.T @ x
    products.diagonal().add_(RIDGE * float(products.diagonal().mean()))
    fit: Tensor = torch.linalg.solve(products, x.T @ y)
    return (y - x @ fit).square().sum(0) / (len(x) - x.shape[1])

"""Along which axis of a layer's input numbers are sums of neighbouring steps."""

import torch
from torch import Tensor

__all__ = ["follows_across"]

NEAREST = 3
"""Steps on either side along the axis that is taken for the batch."""

LAGS = 8
"""The same along the axis that is taken for time, where there has to be nothing."""

GAIN = 0.15
"""Of the variance that is left by a step's own input, how much its neighbours explain at least."""

CHANCE = 0.2
"""Of that, how much those along the other axis may explain."""

ROWS = 4
"""Times as many positions as numbers that are fitted."""

WIDEST, OUTPUTS, LARGEST = 16, 8, 1 << 11
"""Numbers of a step, targets of one, and positions that are looked at: a fit takes milliseconds."""

EXACT = 1e-6
"""Of the variance of a target, what is nothing: its own input has told all."""


RIDGE = 1e-9
"""Of the mean square of a column."""


@torch.no_grad()
def follows_across(given: Tensor, target: Tensor, counted: Tensor) -> bool:
    """Whether targets are, in part, sums of inputs near theirs along the axis that a layer takes
    for the batch, and of none of the nearest ones along the axis that it takes for time.

    Ordinary least squares, with a constant, on a step's own input and on its neighbours; what is
    explained is corrected for the count of what is fitted (adjusted R²).

    Args:
        given: ``(T, B, F)``, as the layer takes it.
        target: ``(T, B)`` or ``(T, B, K)``, or with the axes the other way round.
        counted: bool, of the targets in a row: which are not to be ignored.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring._linear_dependence import follows_across
        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(24, 32, 4)
        >>> y = (x + x.roll(1, 1)).sum(2)  # of the row before
        >>> every = torch.ones(24 * 32, dtype=torch.bool)
        >>> follows_across(x, y, every), follows_across(x.transpose(0, 1), y, every)
        (True, False)
    """
    if given.dim() != 3 or target.dim() not in (2, 3) or given.shape[0] == given.shape[1]:
        return False
    if given.shape[2] > WIDEST or not bool(counted.all()):
        return False
    if not (given.is_floating_point() and target.is_floating_point()):
        return False
    y = target if target.dim() == 3 else target[..., None]
    if y.shape[:2] == given.shape[1::-1]:
        y = y.transpose(0, 1)
    if y.shape[:2] != given.shape[:2] or min(given.shape[:2]) <= 2 * LAGS:
        return False
    steps = max(2 * LAGS + 1, LARGEST // given.shape[1])
    x, y = given[:steps].cpu().double(), y[:steps, :, :OUTPUTS].cpu().double()
    if not bool(x.isfinite().all()) or not bool(y.isfinite().all()):
        return False
    across = _explained(x.transpose(0, 1), y.transpose(0, 1), NEAREST)
    if across is None or not bool((across >= GAIN).any()):
        return False
    along = _explained(x, y, LAGS)
    along = _explained(x, y, NEAREST) if along is None else along
    return along is not None and bool(((across >= GAIN) & (along <= CHANCE * across)).any())


def _explained(x: Tensor, y: Tensor, lags: int) -> Tensor | None:
    """Of each output, the share of the variance that a step's own input has left and its neighbours
    along the first axis explain; None where there are too few positions."""
    inner = slice(lags, len(x) - lags)
    own = x[inner].flatten(0, 1)
    near = [
        x[lags + lag : len(x) - lags + lag].flatten(0, 1) for lag in range(-lags, lags + 1) if lag
    ]
    asked = y[inner].flatten(0, 1)
    one = torch.ones_like(own[:, :1])
    few, all_of = torch.cat([one, own], 1), torch.cat([one, own, *near], 1)
    if len(own) < ROWS * all_of.shape[1]:
        return None
    left, rest = _unexplained(few, asked), _unexplained(all_of, asked)
    varies = asked.var(0) > EXACT**2 * asked.square().mean(0)
    known = varies & (left > EXACT * asked.var(0))
    explained: Tensor = torch.where(known, 1 - rest / left, 0.0)
    return explained


def _unexplained(x: Tensor, y: Tensor) -> Tensor:
    """The variance of each output around its fit, by degrees of freedom."""
    # Columns may depend on each other, as those of one-hot symbols do: a little on the diagonal.
    products = x.T @ x
    products.diagonal().add_(RIDGE * float(products.diagonal().mean()))
    fit: Tensor = torch.linalg.solve(products, x.T @ y)
    return (y - x @ fit).square().sum(0) / (len(x) - x.shape[1])

"""States that are noise of whatever size: nothing in them tells of any data."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["noise_spread"]

FEWEST = 64
"""Numbers that tell noise."""

ROWS = 8
"""Rows from which on the units are compared with each other."""

UNITS = 64
"""The first ones, which tell of all."""

SIGMAS = 5.0
"""Standard errors within which a number is that of noise."""

NORMAL, EVEN = 3.0, 1.8
"""Fourth moments of the two distributions."""


@torch.no_grad()
def noise_spread(states: Sequence[Tensor]) -> float:
    """The standard deviation of states that are white noise around 0, or 0 where they are not.

    Noise has the fourth moment of a normal or of an even distribution, no unit has a mean of its
    own, and no two units go together, each within five standard errors. What a layer has computed
    from data has neither: its units share what they were given.

    Args:
        states: each ``(…, H)``, such as of several iterations; of fewer than eight rows in all, or
            of fewer than 64 numbers, nothing can be told.

    Example:
        >>> import torch
        >>> from backsight.probes import noise_spread
        >>> _ = torch.manual_seed(0)
        >>> noise = torch.randn(1, 16, 32)
        >>> 1.9 < noise_spread([2 * noise]) < 2.1, noise_spread([noise + 1])
        (True, 0.0)
        >>> noise_spread([torch.nn.GRU(3, 32)(torch.randn(9, 16, 3))[1]])
        0.0
    """
    rows = [one.detach().reshape(-1, one.shape[-1])[:, :UNITS] for one in states if one.dim()]
    if not rows or not all(one.is_floating_point() for one in rows):
        return 0.0
    x = torch.cat(rows).double()
    count, units = x.shape
    if count < ROWS or x.numel() < FEWEST:
        return 0.0
    spread = x.std()
    if not bool(spread > 0):
        return 0.0
    z = x / spread
    error = SIGMAS / x.numel() ** 0.5
    fourth = z.pow(4).mean()
    normal = abs(fourth - NORMAL) < 4.9 * error
    even = abs(fourth - EVEN) < 1.15 * error
    # Means of a unit have the variance 1/n, products of two units as well.
    each = count * z.mean(0).square()
    alone = abs(each.mean() - 1) < SIGMAS * (2 / units) ** 0.5
    product = z.T @ z / count
    pairs = units * (units - 1)
    both = count * (product.square().sum() - product.diagonal().square().sum()) / max(pairs, 1)
    white = abs(both - 1) < SIGMAS * (4 / max(pairs, 1)) ** 0.5 + 1 / count
    is_noise = (normal | even) & (abs(z.mean()) < error) & alone & white
    return float(spread) if bool(is_noise) else 0.0

"""Some elements of a parameter, which tell of all: whether it moved, and how far."""

import torch
from torch import Tensor

__all__ = ["some_elements"]

MOST = 1024
"""Elements to take, at least, of a parameter that has as many."""


@torch.no_grad()
def some_elements(parameter: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A copy of up to 2,048 of its elements, evenly spaced.

    The distance between two is odd, so that they come from all columns of a matrix whose width is
    a power of 2, and not from the first one alone.

    Args:
        parameter: of any shape.
        dtype: what to convert them to; its own where None.

    Returns:
        shape ``(n,)``, on the device of the parameter, without a graph; the same elements each
        time.

    Example:
        >>> import torch
        >>> from backsight.probes import some_elements
        >>> some_elements(torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True))
        tensor([1., 2., 3., 4.])
        >>> len(some_elements(torch.zeros(64, 64)))
        820
    """
    flat = parameter.detach().reshape(-1)
    step = max(1, flat.numel() // MOST) | 1 if flat.numel() > 2 * MOST else 1
    return flat[::step].to(parameter.dtype if dtype is None else dtype, copy=True)

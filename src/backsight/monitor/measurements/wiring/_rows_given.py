"""Rows of a batch that a model was given one by one."""

import torch
from torch import Tensor

__all__ = ["one_by_one"]


def one_by_one(given: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Sequences of symbols, ``(T,)`` each, and of numbers, ``(T, F)`` each, if all are as wide.

    Args:
        given: tensors that a model was given.

    Example:
        >>> import torch
        >>> from backsight.monitor.measurements.wiring._rows_given import one_by_one
        >>> [len(x) for x in one_by_one([torch.ones(3, 2), torch.ones(5, 2), torch.tensor([1])])]
        [1, 2]
    """
    symbols = [x for x in given if x.dim() == 1 and x.dtype == torch.long]
    rows = [x for x in given if x.dim() == 2 and x.is_floating_point() and x.grad_fn is None]
    alike = len({x.shape[1] for x in rows}) == 1
    return symbols, [x.detach() for x in rows] if alike else []

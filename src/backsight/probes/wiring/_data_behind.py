"""The data that one step of a cell's input was made of."""

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, SAME_ORDER, operation, saved

__all__ = ["data_behind", "data_below", "is_weight"]

FAR = 24
"""Operations between the data and the cell."""

KEPT = {"Addmm": "mat1", "Convolution": "input", "Embedding": "indices", "Mm": "self"}
"""Where operations with weights keep what they were given."""

ONE_WAY = POINTWISE | SAME_ORDER | frozenset(KEPT) | {
    "NativeBatchNorm", "NativeLayerNorm", "Select", "Slice", "Split", "Transpose", "Unbind",
}  # fmt: skip
"""What has one tensor with a graph, beside weights."""


def data_behind(x: Tensor) -> Tensor | None:
    """What has no graph, of which layers with weights made ``x`` in a single line.

    Args:
        x: what a cell was given.

    Returns:
        ``x`` itself where it has no graph; None where it was made of several things, or was changed
        since.

    Example:
        >>> import torch
        >>> from backsight.probes import data_behind
        >>> data = torch.ones(2, 3)
        >>> reads = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        >>> torch.equal(data_behind(reads(data)), data)
        True
        >>> print(data_behind(reads(data) + reads(data)))
        None
    """
    if x.grad_fn is None:
        return None if x.requires_grad else x.detach()
    return data_below(x.grad_fn)


def data_below(node: Node, order: Tensor | None = None) -> Tensor | None:
    """The same of an operation, for what it returns.

    Args:
        node: the operation.
        order: by which rows are sorted on the way, once, if they are; the data are in the order of
            before.

    Example:
        >>> import torch
        >>> from backsight.probes import data_below
        >>> embed, order = torch.nn.Embedding(9, 4), torch.tensor([1, 0])
        >>> x = embed(torch.tensor([3, 5])).index_select(0, order)
        >>> data_below(x.grad_fn, order).tolist(), data_below(x.grad_fn)
        ([3, 5], None)
    """
    for _ in range(FAR):
        name = operation(node)
        if name == "IndexSelect" and order is not None:
            if not torch.equal(saved(node, "index"), order):
                return None
            order = None
        elif name not in ONE_WAY:
            return None
        given = [
            below for below, _ in node.next_functions if below is not None and not is_weight(below)
        ]
        if not given and name in KEPT:
            try:
                data = getattr(node, f"_saved_{KEPT[name]}", None)
            except RuntimeError:  # it was overwritten
                return None
            return data.detach() if isinstance(data, Tensor) and order is None else None
        if len(given) != 1:
            return None
        (node,) = given
    return None


def is_weight(node: Node) -> bool:
    """Whether it is a parameter, or one that is turned."""
    while operation(node) in ("T", "Transpose"):
        below = node.next_functions[0][0]
        if below is None:
            return False
        node = below
    return operation(node) == "AccumulateGrad"

"""The data that one step of a cell's input was made of."""

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, SAME_ORDER, operation

__all__ = ["data_behind"]

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
    node: Node | None = x.grad_fn
    if node is None:
        return None if x.requires_grad else x.detach()
    for _ in range(FAR):
        name = operation(node)
        if name not in ONE_WAY:
            return None
        given = [
            below for below, _ in node.next_functions if below is not None and not _is_weight(below)
        ]
        if not given and name in KEPT:
            try:
                data = getattr(node, f"_saved_{KEPT[name]}", None)
            except RuntimeError:  # it was overwritten
                return None
            return data.detach() if isinstance(data, Tensor) else None
        if len(given) != 1:
            return None
        (node,) = given
    return None


def _is_weight(node: Node) -> bool:
    """Whether it is a parameter, or one that is turned."""
    while operation(node) in ("T", "Transpose"):
        below = node.next_functions[0][0]
        if below is None:
            return False
        node = below
    return operation(node) == "AccumulateGrad"

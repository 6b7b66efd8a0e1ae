"""Whether a loss asks for one output of several, and for that column of a table of targets."""

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import LAYERS, operation, shape_of
from backsight.probes.loss import RESHAPED, LossOperations, loss_targets
from backsight.probes.wiring._columns_taken import taken_by

__all__ = ["one_output_asked"]

STEPS = 6
"""Operations between a loss and what takes the column, and between that and a linear layer."""


def one_output_asked(made: LossOperations) -> int:
    """Outputs of a linear layer, if the loss takes one of them alone, and its targets are the same
    column of a table that is as wide; else 0.

    A column of time, as the last step of all, is none: a layer's outputs are the last axis of its
    product. Nothing is known of an error by hand, whose graph keeps a difference and no target.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import one_output_asked
        >>> answer, table = torch.nn.Linear(4, 3)(torch.randn(8, 4)), torch.randn(8, 3)
        >>> for given in ((answer[:, 0], table[:, 0]), (answer, table)):
        ...     one_output_asked(LossOperations([torch.nn.functional.mse_loss(*given)]))
        3
        0
    """
    asked = loss_targets(made)
    if len(asked) != 1 or asked[0].of_classes:
        return 0
    column = _column(asked[0].edge[0])
    if column is None:
        return 0
    node, size, place = column
    below, number = node.next_functions[0]
    if below is None or not _is_product(below, size) or shape_of(below, number)[-1:] != (size,):
        return 0
    others = (one for _, one in made.named() if one is not node)
    if any(below is given for one in others for given, _ in one.next_functions):
        return 0
    return size if _is_column(asked[0].target, size, place) else 0


def _column(node: Node | None) -> tuple[Node, int, int] | None:
    """What takes one element of the last axis, near above a loss's answer."""
    for _ in range(STEPS):
        if node is None:
            return None
        name = operation(node)
        taken = taken_by(name, node)
        if taken is not None:
            below, number = node.next_functions[0]
            last = below is not None and shape_of(below, number)[-1] == taken[0]
            return (node, *taken) if last and taken[0] > 1 else None
        if name not in RESHAPED:
            return None
        node = node.next_functions[0][0]
    return None


def _is_product(node: Node | None, size: int) -> bool:
    """Whether it is that of a layer with so many outputs, seen in another shape."""
    for _ in range(STEPS):
        if node is None:
            return False
        name = operation(node)
        if name in LAYERS and name != "NativeLayerNorm":
            return shape_of(node, 0)[-1] == size
        if name not in (*RESHAPED, "Add") or shape_of(node, 0)[-1] != size:
            return False
        above = (one for one, _ in node.next_functions if one is not None)
        node = next((one for one in above if operation(one) != "AccumulateGrad"), None)  # no bias
    return False


def _is_column(target: Tensor, size: int, place: int) -> bool:
    """Whether it lies in memory as that column of a table."""
    strides = [stride for stride, n in zip(target.stride(), target.shape, strict=True) if n > 1]
    in_table = bool(strides) and all(stride % size == 0 for stride in strides)
    return in_table and target.storage_offset() % size == place

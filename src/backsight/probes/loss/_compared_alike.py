"""Views that would mix sequences, of what a loss compares with a target that lies the same way."""

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    POINTWISE_KERNELS,
    SAME_ORDER,
    operation,
    saved,
    shape_of,
    unpacked,
)
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["compared_alike"]

FAR = 8
"""Operations between a loss and the view."""

KEPT = {"Addmm": "mat1", "Mm": "self"}
"""Where linear layers keep what they were given."""


@torch.no_grad()
def compared_alike(
    made: LossOperations, views: Collection[Node], data: Sequence[Tensor] = ()
) -> set[Node]:
    """Those views of which nothing but a loss element by element is made, and that mix nothing.

    There, only the order matters, and that is right if the target lies as the tensor did before
    the view: if it is what a layer was given, in that order, at the same step or the next one.

    Args:
        made: the operations of the loss.
        views: operations that give a tensor another shape.
        data: what recurrent layers were given.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, compared_alike
        >>> head, x = torch.nn.Linear(3, 3), torch.randn(5, 4, 3)
        >>> y = head(x.transpose(0, 1).contiguous()).reshape(5, -1)  # steps of 4 sequences, mixed
        >>> for target in (x.transpose(0, 1).reshape(5, -1), x.reshape(5, -1)):
        ...     loss = torch.nn.functional.mse_loss(y, target)
        ...     len(compared_alike(LossOperations([loss]), {y.grad_fn}))
        1
        0
    """
    found: set[Node] = set()
    for _, kernel in made.those(POINTWISE_KERNELS):
        carried = [below for below, _ in kernel.next_functions[:2] if below is not None]
        for view in _views(carried[0], views) if len(carried) == 1 else ():
            below, number = view.next_functions[0]
            assert below is not None
            before = shape_of(below, number)
            if _lies_as_given(saved(kernel, "target"), before, made, data):
                found.add(view)
    return found


def _views(node: Node | None, views: Collection[Node]) -> Iterator[Node]:
    """Those among the views that follow each other right before a loss."""
    for _ in range(FAR):
        if node is None or operation(node) not in SAME_ORDER:
            return
        if node in views:
            yield node
        node = node.next_functions[0][0]


def _lies_as_given(
    target: Tensor, before: Sequence[int], made: LossOperations, data: Sequence[Tensor]
) -> bool:
    if bool((target == target.reshape(-1)[0]).all()):
        return False  # in any order
    shape = (before[0], before[1], -1)
    wanted = target.reshape(shape)
    kept = [unpacked(node, KEPT[name]) for name, node in made.those(set(KEPT))]
    for one in (*data, *kept):
        if one is None or one.numel() != target.numel() or not one.is_floating_point():
            continue
        given = one.reshape(shape)
        for now, then in (
            (given, wanted),
            (given[1:], wanted[:-1]),
            (given[:, 1:], wanted[:, :-1]),
        ):
            if then.numel() and torch.equal(now, then):
                return True
    return False

"""Where a loss takes one element along an axis, and what becomes of it."""

from typing import NamedTuple

from torch.autograd.graph import Node

from backsight.probes._operations import LAYERS, POINTWISE, axes_of, saved, signed
from backsight.probes.loss import RESHAPED, LossOperations

__all__ = ["ColumnTaken", "columns_taken", "taken_by"]

NEAR = 500
"""Operations nearest to the loss that are looked at."""


class ColumnTaken(NamedTuple):
    """``x[..., place]``, or ``x[..., place : place + 1]``.

    Example:
        >>> from backsight.probes import ColumnTaken
        >>> ColumnTaken(size=4, place=3, mixed=False).place
        3
    """

    size: int
    """Of the axis."""
    place: int
    """Of the element, from 0."""
    mixed: bool
    """Whether a product with a matrix is made of what is left."""


def columns_taken(made: LossOperations) -> list[ColumnTaken]:
    """What is taken near a loss, nearest first.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, columns_taken
        >>> x = torch.ones(2, 3, 4, requires_grad=True)
        >>> columns_taken(LossOperations([torch.nn.Linear(3, 1)(x[:, :, -1]).sum()]))
        [ColumnTaken(size=4, place=3, mixed=True)]
        >>> columns_taken(LossOperations([x[..., :1].sum()]))
        [ColumnTaken(size=4, place=0, mixed=False)]
    """
    near = made.named()[:NEAR]
    found = [(node, *taken) for name, node in near if (taken := taken_by(name, node)) is not None]
    if not found:
        return []
    mixed = set()
    for name, node in near:
        if name in LAYERS and name != "NativeLayerNorm":
            for below, number in made.inputs(node):
                if below._input_metadata[number].shape[-1] > 1:
                    mixed |= _through(below)
    return [ColumnTaken(size, index, node in mixed) for node, size, index in found]


def taken_by(name: str, node: Node) -> tuple[int, int] | None:
    """Of how many elements along its axis an operation takes one, and which.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring._columns_taken import taken_by
        >>> x = torch.ones(2, 3, requires_grad=True)[:, -1]
        >>> taken_by("Select", x.grad_fn)
        (3, 2)
    """
    if name not in ("Select", "Slice"):
        return None
    sizes = saved(node, "self_sym_sizes")
    (axis,) = axes_of(saved(node, "dim"), len(sizes))
    size = int(sizes[axis])
    if name == "Select":
        return size, signed(saved(node, "index")) % max(size, 1)
    rows = range(size)[signed(saved(node, "start")) : signed(saved(node, "end"))]
    return (size, rows[0]) if len(rows[:: saved(node, "step")]) == 1 and size > 1 else None


def _through(node: Node | None) -> set[Node]:
    """What it only shows in another shape, or changes element by element."""
    passed = set()
    while node is not None:
        passed.add(node)
        name = LossOperations.name(node)
        if name not in RESHAPED and name not in POINTWISE:
            break
        node = node.next_functions[0][0]
    return passed

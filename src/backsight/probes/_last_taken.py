"""Whether a loss takes the last row along an axis, and no other one."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved, saved_axes, shape_of, signed
from backsight.probes._tensors import made_from

__all__ = ["column_of_steps", "takes_last"]

FAR = 4096
"""Operations between the loss and the layer that are looked through."""

TAKES = frozenset({
    *("Gather", "IndexSelect", "Select", "Slice", "Split", "SplitWithSizes", "Unbind"),
})  # fmt: skip

STEPS = 3
"""The fewest of a loop."""


def takes_last(root: Tensor, sizes: tuple[int, int], axis: int) -> bool:
    """Whether ``root`` was made from the last row along an axis of a tensor of those sizes.

    By an index, whichever operation it became, or by taking the tensor apart along that axis: then
    for any row of it, as what was read is known from the gradient.

    Example:
        >>> import torch
        >>> from backsight.probes._last_taken import takes_last
        >>> x = torch.ones(5, 6, 4, requires_grad=True)
        >>> takes_last(x[:, -1].sum(), (5, 6), 1), takes_last(x[-1].sum(), (5, 6), 1)
        (True, False)
        >>> takes_last(x.unbind(1)[-1].sum(), (5, 6), 1), takes_last(x[:, 5:].sum(), (5, 6), 1)
        (True, True)
    """
    return any(_takes(node, sizes, axis) for node, _ in made_from(root, FAR))


def _takes(node: Node, sizes: tuple[int, int], axis: int) -> bool:
    name = operation(node)
    below, number = node.next_functions[0] if node.next_functions else (None, 0)
    if name not in TAKES or below is None:
        return False
    shape = shape_of(below, number)
    if shape[:2] != sizes:
        return False
    last = shape[axis] - 1
    if saved_axes(node, len(shape)) != [axis]:
        return False
    if name == "Select":
        return signed(int(saved(node, "index"))) % shape[axis] == last
    if name == "Slice":
        return [*range(shape[axis])][signed(int(saved(node, "start"))) :] == [last]
    if name in ("Gather", "IndexSelect"):  # which one, backward has freed by then
        return shape_of(node, 0)[axis] == 1
    return name == "Unbind" or 1 in shape_of(node, len(node._input_metadata) - 1)[axis : axis + 1]


def column_of_steps(
    chains: Iterable[Mapping[int, NDArray[np.float64]]], steps: int, roots: Sequence[Tensor]
) -> int | None:
    """``B`` where the loss reads the last of ``B`` sequences alone, at every step of a loop; 0
    where it reads others; None where it cannot be told.

    Args:
        chains: by step, ``(B,)`` norms of the gradient on each sequence's state.
        steps: of each chain.
        roots: what backward was called on.
    """
    sizes = set()
    for norms in chains:
        rows = {len(one) for one in norms.values()}
        if len(rows) != 1 or steps < STEPS:
            return None
        read = np.array([*norms.values()]) != 0  # NaN is read as well
        if len(norms) < steps or read[:, :-1].any() or not read[:, -1].all():
            return 0
        sizes |= rows
    if len(sizes) != 1 or (batch := sizes.pop()) < 2:
        return None
    across = any(takes_last(root, (steps, batch), 1) for root in roots)
    return batch if across or any(takes_last(root, (batch, steps), 0) for root in roots) else 0

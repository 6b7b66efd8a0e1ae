"""Whether a loss takes the last row along an axis, and no other one."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from backsight.probes._tensors import made_from

__all__ = ["column_of_steps", "takes_last"]

FAR = 4096
"""Operations between the loss and the layer that are looked through."""

STEPS = 3
"""The fewest of a loop."""


def takes_last(root: Tensor, sizes: tuple[int, int], axis: int) -> bool:
    """Whether ``root`` was made from the last row along an axis of a tensor of those sizes.

    Example:
        >>> import torch
        >>> from backsight.probes._last_taken import takes_last
        >>> x = torch.ones(5, 6, 4, requires_grad=True)
        >>> takes_last(x[:, -1].sum(), (5, 6), 1), takes_last(x[-1].sum(), (5, 6), 1)
        (True, False)
    """
    for node, _ in made_from(root, FAR):
        if node.name() == "SelectBackward0":
            shape = tuple(getattr(node, "_saved_self_sym_sizes", ()))
            dim, index = (getattr(node, f"_saved_{what}", None) for what in ("dim", "index"))
            if shape[:2] != sizes or dim is None or index is None:
                continue
            last = shape[axis] - 1
            # PyTorch shows a negative number as an unsigned one.
            if dim in (axis, axis - len(shape) + 2**64) and index in (last, -1, 2**64 - 1):
                return True
    return False


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

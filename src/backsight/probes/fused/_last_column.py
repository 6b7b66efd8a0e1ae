"""Whether a loss reads the last sequence of a batch alone, at every step.

``output[:, -1]`` is the last step of every sequence where the batch comes first, and every step of
the last sequence where time does: the layer was called with the two axes swapped.
"""

from collections.abc import Sequence

from torch import Tensor

from backsight.probes._last_taken import takes_last
from backsight.probes.fused._calls import Call
from backsight.probes.fused._followed import ENDS

__all__ = ["last_column"]


def last_column(calls: Sequence[Call], roots: Sequence[Tensor]) -> float | None:
    """``B`` where the loss reads the last of ``B`` sequences alone, and ``B + ½`` where it
    reads the first one as well; 0 where it reads others.

    A loss that weighs every other sequence with zero has the same gradient. So an index that takes
    the last sequence has to stand in the graph as well.

    Args:
        calls: of one layer that a gradient arrived at.
        roots: what backward was called on.

    Returns:
        None where it cannot be told: a packed or an unbatched input, one step or one sequence.
    """
    shapes = {call.kernel_shape for call in calls}
    if len(shapes) > 1 or any(call.column is None for call in calls):
        return None
    ((steps, batch, *_),) = shapes
    ends = all(call.column == ENDS for call in calls)
    if not ends and any(call.column != batch - 1 for call in calls):
        return 0
    axis = 0 if calls[0].module.batch_first else 1
    sizes = (batch, steps) if axis == 0 else (steps, batch)
    taken = any(takes_last(root, sizes, axis) for root in roots)
    return batch + ends / 2 if taken else 0

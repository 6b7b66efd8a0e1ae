"""What the step before has handed on, in the operand of a product."""

from collections.abc import Callable

from torch.autograd.graph import Node

from backsight.probes._operations import Edge, operation, shape_of
from backsight.probes.loops._pieces import is_first_rows, piece_of
from backsight.probes.loops._weights import Use, bare

__all__ = ["handed_on"]


def handed_on(use: Use, made: int, depth: Callable[[Node], int]) -> Edge | None:
    """The state in the operand of a product, perhaps beside an input; None where there is none, or
    several.

    Args:
        use: the product.
        made: the depth of the step before.
        depth: how many products of its weight lie on the way to an operation.
    """
    assert use.operand is not None
    state, turned = bare(use.operand)
    dims = len(shape_of(*use.operand))
    if use.left and dims == 2 and not turned:
        return None  # states are columns, and sequences lie along the second axis
    while True:
        if operation(state[0]) == "Cat" or is_first_rows(state):
            below = [piece_of((n, i)) for n, i in state[0].next_functions if n is not None]
            handed = [piece for piece in below if depth(piece[0]) == made]
            if len(handed) != 1 or any(depth(piece[0]) > made for piece in below):
                return None
            state, _ = bare(handed[0])
        elif (piece := piece_of(state)) != state:
            state, _ = bare(piece)
        else:
            return state if depth(state[0]) == made else None

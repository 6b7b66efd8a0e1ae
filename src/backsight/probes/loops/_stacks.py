"""Which loops are stacked: a layer on another one, step by step.

The reach of a lower layer goes through the states of the layers above, so that they are measured
together.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._autograd import gradients_of
from backsight.probes._operations import Edge, shape_of
from backsight.probes._tensors import uneven
from backsight.probes.loops._chains import Loop

__all__ = ["stacked"]


def stacked(upper: Loop, lower: Loop) -> bool:
    """Whether step ``t`` above is given the state of step ``t`` below, and no later one.

    Where the graph leads from a step above to later states below, it may be because all steps were
    joined to one tensor in between: then the gradient tells.
    """
    if [*map(len, upper.chains)] != [*map(len, lower.chains)]:
        return False
    pairs = list(zip(upper.chains, lower.chains, strict=True))
    if any(upper.depth(below[place][0]) for _, below in pairs for place in (0, -1)):
        return False  # what is below depends on what is above
    if all(_given_alone(above, below, lower) for above, below in pairs):
        return True
    return all(
        lower.depth(above[0][0]) and _reaches(above[-1], below[-1]) and not _later(above, below)
        for above, below in pairs
    )


def _given_alone(above: Sequence[Edge], below: Sequence[Edge], lower: Loop) -> bool:
    """As the graph has it."""
    return all(lower.depth(above[at][0]) == lower.depth(below[at][0]) for at in (0, -1))


def _later(above: Sequence[Edge], below: Sequence[Edge]) -> bool:
    """Whether the first step above is given the last state below."""
    return len(above) > 1 and _reaches(above[0], below[-1])


def _reaches(made: Edge, of: Edge) -> bool:
    """Whether a state has a gradient on another one."""
    node, number = made
    kind = node._input_metadata[number]
    seed: Tensor = uneven(torch.empty(shape_of(*made), dtype=kind.dtype, device=kind.device))
    (gradient,) = gradients_of([GradientEdge(*made)], [GradientEdge(*of)], [seed])
    return gradient is not None and bool((gradient != 0).any())

"""What a loop of one's own reads step by step."""

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, axes_of, operation, saved, shape_of
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._loop_states import loop_products

__all__ = ["loop_inputs"]

FEWEST = 8
"""Steps."""

FAR = 8
"""Operations between an embedding and the step that is taken of it."""


@torch.no_grad()
def loop_inputs(made: LossOperations) -> Tensor | None:
    """The data that one weight is multiplied with in turn, a step each.

    They stand alone, or side by side with a state; or are a step of what an embedding returns.

    Args:
        made: the operations of the loss, while the graph is whole.

    Returns:
        ``(T, B, I)`` numbers or ``(T, B)`` symbols, as the loop takes them; None where there is no
        such loop of 8 steps.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loop_inputs
        >>> layer, state, data = torch.nn.Linear(5, 3), torch.zeros(4, 3), torch.randn(8, 4, 2)
        >>> for x in data:
        ...     state = layer(torch.cat([x, state], 1)).tanh()
        >>> torch.equal(loop_inputs(LossOperations([state.sum()])), data)
        True
    """
    for steps in loop_products(made):
        if len(steps) < FEWEST:
            continue
        try:
            found = _numbers(steps)
            found = _symbols(steps) if found is None else found
        except (AttributeError, RuntimeError):  # overwritten since
            continue
        if found is not None:
            return found
    return None


def _factor(product: Node) -> Node | None:
    return product.next_functions[-2][0]


def _numbers(steps: list[Node]) -> Tensor | None:
    """Those that have no graph, whole or beside a state."""
    above = [_factor(node) for node in steps]
    columns = {None if one is None else _columns(one) for one in above[1:]}
    if len(columns) != 1:
        return None
    (kept,) = columns
    if kept is None and any(above):
        return None
    factors = [saved(node, "mat1" if operation(node) == "Addmm" else "self") for node in steps]
    shape = None if factors[0] is None else factors[0].shape
    if any(one is None or one.shape != shape for one in factors):
        return None
    # The first one may begin in a state without a graph.
    return torch.stack(factors)[..., slice(*kept or (None,))]


def _columns(cat: Node) -> tuple[int | None, int | None] | None:
    """Of two tensors side by side, where that is which has no graph."""
    if operation(cat) != "Cat" or axes_of(int(saved(cat, "dim")), 2) != [1]:
        return None
    parts = cat.next_functions
    carried = [place for place, (below, _) in enumerate(parts) if below is not None]
    if len(parts) != 2 or len(carried) != 1:
        return None
    below, number = parts[carried[0]]
    assert below is not None
    width = shape_of(below, number)[-1]
    return (width, None) if carried == [0] else (None, -width)


def _symbols(steps: list[Node]) -> Tensor | None:
    """Those that the rows are embedded from, of which each product has one step."""
    axis, node = None, _factor(steps[0])
    for _ in range(FAR):
        if node is None:
            return None
        name = operation(node)
        if name == "Embedding":
            symbols: Tensor = saved(node, "indices").detach()
            if axis is None or symbols.dim() != 2 or symbols.shape[axis] != len(steps):
                return None
            return symbols if axis == 0 else symbols.t()
        # A leaf, such as a learned state, is made of nothing.
        below, number = next(iter(node.next_functions), (None, 0))
        if below is None:
            return None
        if name in ("Select", "Unbind") and axis is None:
            (axis,) = axes_of(int(saved(node, "dim")), len(shape_of(below, number)))
            if axis > 1:
                return None
        elif name not in POINTWISE or sum(one is not None for one, _ in node.next_functions) != 1:
            return None
        node = below
    return None

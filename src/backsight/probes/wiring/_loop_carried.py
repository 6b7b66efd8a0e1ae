"""Whether a loop of one's own begins in the state that it has ended in an iteration before."""

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, unpacked
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._data_behind import data_below
from backsight.probes.wiring._initial_state import same_direction
from backsight.probes.wiring._loop_states import loop_products

__all__ = ["LoopCarried"]

NEAR = 48
"""Operations nearest to a loss, in which the last state of a loop is kept."""

FEWEST = 3
"""Steps."""

ROWS = 4
"""Sequences of a state that are kept."""

NAMES = ("result", "self", "mat1")


class LoopCarried:
    """Looks at the graph of each iteration, and at that of the next one.

    Example:
        >>> import torch
        >>> from backsight.probes import LoopCarried, LossOperations
        >>> reads, keeps = torch.nn.Linear(2, 3), torch.nn.Linear(3, 3)
        >>> state, carried = torch.zeros(4, 3), LoopCarried()
        >>> for _ in range(2):
        ...     begun = state.detach()
        ...     state = begun
        ...     for x in torch.randn(5, 4, 2):
        ...         state = torch.tanh(reads(x) + keeps(state))
        ...     print(carried.look(LossOperations([state.sum()]), begun))
        False
        True
    """

    def __init__(self) -> None:
        self._ends: list[Tensor] = []
        self._data: list[Tensor] = []
        """The first and the last step of what was read, in the iteration before."""

    def forget(self) -> None:
        """The next iteration does not follow."""
        self._ends, self._data = [], []

    @torch.no_grad()
    def look(
        self,
        made: LossOperations,
        begun: Tensor,
        data: Tensor | None = None,
        ended: Iterable[Tensor] = (),
    ) -> bool | None:
        """Whether it is so, and the data do not go on from those of the iteration before.

        Args:
            made: the operations of the loss, while the graph is whole.
            begun: ``(B, H)`` or ``(B, C, …)``, what the loop has begun with.
            data: what it was given at its first step, where that is known; else the graph tells.
            ended: what the loop's module has returned last, beside what the graph tells.

        Returns:
            None where the iteration before was not looked at, and the state may be from it.
        """
        ends, before = self._ends, self._data
        self._data = steps = _steps(made) if data is None else [data.detach()]
        self._ends = _kept(made, begun)
        self._ends += [one.detach()[:ROWS].clone() for one in ended if one.shape == begun.shape]
        if not steps or not bool(begun[:ROWS].any()):
            return False
        if not before:
            return None
        if not any(same_direction(begun[:ROWS], one) for one in ends):
            return False
        return not _follows(before, steps)


def _kept(made: LossOperations, begun: Tensor) -> list[Tensor]:
    """Tensors of that shape which operations near the loss have kept."""
    found: dict[int, Tensor] = {}
    for _, node in islice(made.named(NEAR), NEAR):
        for name in NAMES:
            value = unpacked(node, name)
            if value is not None and value.shape == begun.shape:
                found.setdefault(value.data_ptr(), value)
    return [one.detach()[:ROWS].clone() for one in found.values()]


def _steps(made: LossOperations) -> list[Tensor]:
    """What the first and the last product of a loop's data is made with; or all of it at once."""
    for nodes in loop_products(made):
        if len(nodes) >= FEWEST and all(node.next_functions[-2][0] is None for node in nodes):
            ends = [_factor(node) for node in (nodes[0], nodes[1], nodes[-1])]
            return [one.detach() for one in ends if one is not None] if None not in ends else []
    for _, node in made.those({"Select", "Unbind"}):
        data = data_below(node)
        if data is not None:
            return [data]
    return []


def _factor(product: Node) -> Tensor | None:
    return unpacked(product, "mat1" if operation(product) == "Addmm" else "self")


def _follows(before: list[Tensor], steps: list[Tensor]) -> bool:
    """Whether they begin where the others end, or may do so."""
    same = before[0].untyped_storage().data_ptr() == steps[0].untyped_storage().data_ptr()
    if not same or len(before) != 3 or len(steps) != 3:
        return same
    first, second, last = (one.storage_offset() for one in before)
    return steps[0].storage_offset() == last + second - first

"""From one term of a loss down to the tensors that show its positions.

Each operation on the way is checked to make an element from one position only. A recurrence never
passes that check, so that the walk cannot end below it.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    LAYERS,
    PLAIN,
    POINTWISE,
    SAME_ORDER,
    Edge,
    operation,
    shape_of,
)
from backsight.probes.inputs._bases import Base, Layouts
from backsight.probes.inputs._rows import MixedPositionsError, rows_after
from backsight.probes.inputs._untold import Untold, UntoldError

__all__ = ["Paths", "PositionTrace"]

MOST = 8
"""Tensors that the positions are read from; more are told by one that they were made into."""

DEEPEST = 100
"""Operations followed from one term to the tensor that shows its positions."""


@dataclass(frozen=True, slots=True)
class PositionTrace:
    """What a tensor was made from, position by position."""

    rows: Tensor
    bases: frozenset[Base]
    plain: bool = True
    """Whether a gradient here is one there: nothing between may have a slope of 0."""


class Paths:
    """The operations between a loss and an embedded input.

    Args:
        targets: the embedded input, or several tensors of its shape that it is made into.
        leads: the operations that lead to it.
        layouts: how tensors may show the positions.
    """

    def __init__(self, targets: set[Edge], leads: set[Node], layouts: Layouts) -> None:
        self._targets, self._leads = targets, leads
        self.layouts = layouts
        self._known: dict[Edge, PositionTrace | Untold] = {}

    def lead_on(self, edge: Edge) -> bool:
        """Whether a tensor was made from the embedded input, or is that."""
        return edge[0] in self._leads or edge in self._targets

    def below(self, node: Node) -> list[Edge]:
        """What an operation was given that was made from the embedded input."""
        return [
            (below, number)
            for below, number in node.next_functions
            if below is not None and self.lead_on((below, number))
        ]

    def follow(self, edge: Edge, depth: int = 0) -> PositionTrace:
        """The positions of a tensor's elements.

        Raises:
            UntoldError: they cannot be told.
        """
        known = self._known.get(edge)
        if known is None:
            try:
                known = self._positions_of(edge, depth)
            except UntoldError as error:
                known = error.untold
            self._known[edge] = known
        if isinstance(known, Untold):
            raise UntoldError(known)
        return known

    def _positions_of(self, edge: Edge, depth: int) -> PositionTrace:
        shown = self.layouts.shown(edge)
        if shown is not None:
            here = PositionTrace(shown.rows, frozenset({shown}))
            if shown.sure and self._from_layer(edge):
                return here
            try:
                found = self._made(edge, depth)
            except UntoldError as error:
                if not shown.sure and error.untold.cause == "mixed":
                    raise  # its sizes are a coincidence, or the loss itself mixes positions
                return here
            if not shown.sure:
                return found
            same = here.rows.shape == found.rows.shape and bool((here.rows == found.rows).all())
            return found if same and len(found.bases) <= MOST else here
        try:
            return self._at_layer(edge, self._made(edge, depth))
        except UntoldError:
            flat = self.layouts.flat(edge)
            if flat is None:
                raise
            return PositionTrace(flat.rows, frozenset({flat}))

    @staticmethod
    def _at_layer(edge: Edge, found: PositionTrace) -> PositionTrace:
        """The layer's output itself, where a unit before it may be dead: as if it were returned."""
        if found.plain or operation(edge[0]) not in LAYERS:
            return found
        layouts = max(base.layouts for base in found.bases)
        base = Base(edge, found.rows, layouts, all(base.sure for base in found.bases))
        return PositionTrace(found.rows, frozenset({base}))

    def _from_layer(self, edge: Edge) -> bool:
        """Whether a tensor is the output of a layer: what it was made from is the model's."""
        while operation(edge[0]) in SAME_ORDER and edge not in self._targets:
            (edge,) = self.below(edge[0])
        return operation(edge[0]) in LAYERS

    def _made(self, edge: Edge, depth: int) -> PositionTrace:
        """By what the operation does with the positions of its inputs."""
        node, number = edge
        if depth > DEEPEST:
            raise UntoldError(Untold("too large"))
        if edge in self._targets:
            raise UntoldError(Untold("mixed", node.name()))
        inputs: list[tuple[Tensor, tuple[int, ...]] | None] = []
        bases: frozenset[Base] = frozenset()
        plain = operation(node) not in POINTWISE - PLAIN
        for below, at in node.next_functions:
            if below is None or not self.lead_on((below, at)):
                inputs.append(None)
                continue
            found = self.follow((below, at), depth + 1)
            inputs.append((found.rows, shape_of(below, at)))
            bases |= found.bases
            plain = plain and found.plain
        try:
            rows = rows_after(node, number, inputs)
        except MixedPositionsError:
            raise UntoldError(Untold("mixed", node.name())) from None
        if rows is None:
            raise UntoldError(Untold("unknown operation", node.name()))
        return PositionTrace(rows, bases, plain)

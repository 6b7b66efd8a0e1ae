"""Tensors that show positions by their shape."""

from dataclasses import dataclass

import torch
from torch import Tensor

from backsight.probes.inputs._operations import Edge, feature_axes, operation, saved, shape_of
from backsight.probes.inputs._rows import reshaped

__all__ = ["Base", "Layouts"]


@dataclass(frozen=True, slots=True)
class Base:
    """A tensor with an element, or several, at each position."""

    edge: Edge
    view: tuple[int, ...]
    """The shape that shows both axes."""
    axes: tuple[int, int]
    """Those of ``view`` that are the first and the second axis of the positions."""
    layouts: int = 1
    """How many layouts its shape allows."""
    sure: bool = True
    """False where sizes alone speak for it: a batch of states of as many units as there are steps
    has the same shape."""

    def rows(self, leading: tuple[int, int]) -> Tensor:
        """The numbers of positions, with an axis of size 1 for each other axis of the tensor."""
        numbers = torch.arange(leading[0] * leading[1]).reshape(leading)
        return reshaped(self.spread(numbers), self.view, shape_of(*self.edge))

    def spread(self, by_position: Tensor) -> Tensor:
        """What is given by position ``(n0, n1)``, along the axes of ``view``."""
        first, second = self.axes
        ordered = by_position if first < second else by_position.T
        sizes = [s if a in self.axes else 1 for a, s in enumerate(self.view)]
        return ordered.reshape(sizes)

    def laid_out(self, values: Tensor) -> Tensor:
        """``(n0, n1, units)`` of values in the shape of the tensor."""
        moved = values.reshape(self.view).movedim(self.axes, (0, 1))
        return moved.reshape(*moved.shape[:2], -1)

    def masked(self, values: Tensor, keep: Tensor) -> Tensor:
        """``values`` where ``keep`` ``(n0, n1)`` holds, 0 elsewhere."""
        there = self.spread(keep)
        return torch.where(there, values.reshape(self.view), 0).reshape(values.shape)


@dataclass(frozen=True, slots=True)
class Layouts:
    """How tensors of a loss may show the positions."""

    leading: tuple[int, int]
    """``(n0, n1)``: sequences and steps, in either order."""
    trusting: bool = True
    """Whether sizes alone are enough for a start."""
    choice: int = 0
    """Which of several layouts to take where a tensor allows several."""

    def shown(self, edge: Edge) -> Base | None:
        """By an axis for each of the two sizes."""
        shape = shape_of(*edge)
        n0, n1 = self.leading
        if 0 in shape:
            return None
        pieces = self._pieces(edge)
        if pieces is not None:
            return pieces
        classes, units = feature_axes(*edge)
        last = len(shape)
        view = (*shape, 1, 1)  # for an axis of a single sequence or step
        firsts = [last] if n0 == 1 else [a for a in range(last) if shape[a] == n0]
        seconds = [last + 1] if n1 == 1 else [a for a in range(last) if shape[a] == n1]
        pairs = [(a, b) for a in firsts for b in seconds if a != b and not {a, b} & classes]
        if not pairs:
            return None
        pairs.sort(key=lambda pair: len(units.intersection(pair)))
        axes = pairs[min(self.choice, len(pairs) - 1)]
        sure = len(shape) > 2 or self._stacks(edge) or n0 == n1 == 1
        return Base(edge, view, axes, len(pairs), sure) if sure or self.trusting else None

    def _stacks(self, edge: Edge) -> bool:
        """Whether a tensor was stacked from as many others as it has steps, or sequences."""
        node, shape = edge[0], shape_of(*edge)
        return operation(node) == "Stack" and len(node.next_functions) in shape

    def _pieces(self, edge: Edge) -> Base | None:
        """By as many equal pieces in a row as there are steps, or sequences."""
        node, shape = edge[0], shape_of(*edge)
        count = len(node.next_functions)
        n0, n1 = self.leading
        if operation(node) != "Cat" or count < 2 or not shape or shape[0] != n0 * n1:
            return None
        if saved(node, "dim") != 0 or count not in self.leading:
            return None
        if any(n is not None and shape_of(n, i)[0] != shape[0] // count
               for n, i in node.next_functions):  # fmt: skip
            return None
        if n0 == n1:
            return self._either(edge)
        return Base(edge, (count, shape[0] // count, *shape[1:]), (0, 1) if count == n0 else (1, 0))

    def flat(self, edge: Edge) -> Base | None:
        """By as many elements as there are positions, in an order that has to be found."""
        shape = shape_of(*edge)
        n0, n1 = self.leading
        if min(n0, n1) < 2 or not shape or shape[0] != n0 * n1:
            return None
        return self._either(edge)

    def _either(self, edge: Edge) -> Base:
        shape = shape_of(*edge)
        n0, n1 = self.leading
        if self.choice == 0:
            return Base(edge, (n0, n1, *shape[1:]), (0, 1), 2)
        return Base(edge, (n1, n0, *shape[1:]), (1, 0), 2)

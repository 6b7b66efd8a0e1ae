"""Tensors that show positions by their shape."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from backsight.probes._operations import Edge, feature_axes, operation, saved, shape_of
from backsight.probes.inputs._points import Packed
from backsight.probes.inputs._rows import reshaped

__all__ = ["Base", "Layouts"]


@dataclass(frozen=True, slots=True)
class Base:
    """A tensor with an element, or several, at each of its positions."""

    edge: Edge
    rows: Tensor = field(compare=False)
    """The number of the position of each element; an axis of size 1 stands for all of it."""
    layouts: int = 1
    """How many layouts its shape allows."""
    sure: bool = True
    """False where sizes alone speak for it: a batch of states of as many units as there are steps
    has the same shape."""

    def there(self, values: Tensor, leading: tuple[int, int]) -> Tensor:
        """``(n0, n1)``, on the host: whether any of ``values``, in the tensor's shape, is not 0."""
        found = values != 0
        for axis, size in enumerate(self.rows.shape):
            if size == 1:
                found = found.any(axis, keepdim=True)
        numbers = self.rows[found.cpu()]
        places = torch.zeros(leading[0] * leading[1], dtype=torch.bool)
        places[numbers[numbers >= 0]] = True
        return places.reshape(leading)

    def masked(self, values: Tensor, keep: Tensor) -> Tensor:
        """``values`` where ``keep`` ``(n0, n1)``, on the host, holds, 0 elsewhere."""
        kept = torch.cat([keep.flatten(), keep.new_zeros(1)])  # the last is that of no position
        return torch.where(kept[self.rows].to(values.device), values, 0)


@dataclass(frozen=True, slots=True)
class Layouts:
    """How tensors of a loss may show the positions."""

    leading: tuple[int, int]
    """``(n0, n1)``: sequences and steps, in either order."""
    trusting: bool = True
    """Whether sizes alone are enough for a start."""
    choice: int = 0
    """Which of several layouts to take where a tensor allows several."""
    packed: Packed | None = None
    """Of rows of a packed batch, where they belong."""

    def shown(self, edge: Edge) -> Base | None:
        """By an axis for each of the two sizes."""
        shape = shape_of(*edge)
        n0, n1 = self.leading
        if 0 in shape:
            return None
        if self.packed is not None and shape and shape[0] == len(self.packed.places):
            rows = self.packed.places
            return Base(edge, rows.reshape(-1, *[1] * (len(shape) - 1)))
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
        return self._base(edge, view, axes, len(pairs), sure) if sure or self.trusting else None

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
        return self._base(
            edge, (count, shape[0] // count, *shape[1:]), (0, 1) if count == n0 else (1, 0)
        )

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
            return self._base(edge, (n0, n1, *shape[1:]), (0, 1), 2)
        return self._base(edge, (n1, n0, *shape[1:]), (1, 0), 2)

    def _base(
        self,
        edge: Edge,
        view: tuple[int, ...],
        axes: tuple[int, int],
        layouts: int = 1,
        sure: bool = True,
    ) -> Base:
        """With the two ``axes`` of ``view`` in the place of those of positions."""
        numbers = torch.arange(self.leading[0] * self.leading[1]).reshape(self.leading)
        sizes = [size if axis in axes else 1 for axis, size in enumerate(view)]
        ordered = numbers if axes[0] < axes[1] else numbers.T
        rows = reshaped(ordered.reshape(sizes), view, shape_of(*edge))
        return Base(edge, rows, layouts, sure)

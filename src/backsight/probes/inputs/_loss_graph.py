"""From a loss back through its graph to the tensors that still show one element a position.

A loss is a number made of many. Between it and the model's last tensor with an axis of sequences
and one of steps lie a reduction, a known loss, and whatever reshapes, shifts or masks. These are
followed back, and each element is checked to come from one position only: the recurrence itself
never passes that check, so that the walk cannot end below it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes.inputs._rows import (
    KERNELS,
    LAYERS,
    POINTWISE,
    SAME_ORDER,
    MixedPositionsError,
    feature_axes,
    operation,
    reshaped,
    rows_after,
    shape_of,
)

__all__ = ["Base", "Cause", "Edge", "LossGraph", "Untold", "edges_to"]

Edge = tuple[Node, int]
"""A tensor of a graph: the operation that made it, and which of its outputs it is."""

Cause = Literal[
    "no gradient", "one loss a sequence", "unknown operation", "ambiguous", "too large"
]

MOST = 8
"""Tensors that the positions are read from; more are told by one that they were made into."""

DEEPEST = 200
"""Operations followed from one loss to the tensor that shows its positions."""

REDUCTIONS = frozenset("CtcLoss Dot LinalgVectorNorm Logsumexp Mean Nansum Norm Sum".split())


@dataclass(frozen=True, slots=True)
class Untold:
    """Why the positions of a loss cannot be told apart.

    Example:
        >>> Untold("unknown operation", "Cumprod").words
        "the positions of the loss cannot be told: it is computed by an unknown operation (Cumprod)"
    """

    cause: Cause
    detail: str = ""
    """The operation, by autograd's name."""
    rows: int = 0
    """With one loss a sequence: how many there are."""

    @property
    def words(self) -> str:
        """What it means, in a sentence without its full stop."""
        if self.cause == "no gradient":
            return "no gradient of this loss reaches this layer"
        if self.cause == "unknown operation" and self.detail.startswith("Compiled"):
            return (
                "the positions of the loss cannot be told: it is computed in a compiled function; "
                "compute the loss outside of it"
            )
        return "the positions of the loss cannot be told: " + {
            "one loss a sequence": "there is one loss for each sequence",
            "unknown operation": f"it is computed by an unknown operation ({self.detail})",
            "ambiguous": "several layouts of its terms are possible",
            "too large": "its graph is too large",
        }[self.cause]


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
class _Followed:
    """What a tensor was made from, position by position."""

    rows: Tensor
    bases: frozenset[Base]
    kernel: bool = False
    """Whether one of PyTorch's losses lies on the way."""


class _UntoldError(Exception):
    def __init__(self, untold: Untold) -> None:
        self.untold = untold


def edges_to(roots: Iterable[Edge], targets: set[Edge], limit: int) -> set[Node] | None:
    """Operations between ``roots`` and ``targets``; None where there are too many.

    Args:
        roots: where to begin.
        targets: the tensors that are looked for.
        limit: how many operations to look at.
    """
    ends = {node for node, _ in targets}
    made: dict[Node, list[Node]] = {}
    waiting = [node for node, _ in roots]
    seen = set(waiting)
    found: set[Node] = set()
    while waiting:
        node = waiting.pop()
        for below, number in node.next_functions:
            if below is None:
                continue
            if (below, number) in targets:
                found.add(node)
            if below in ends and len(ends) == 1:
                continue  # nothing that leads to it lies below it
            made.setdefault(below, []).append(node)
            if below not in seen:
                if len(seen) >= limit:
                    return None
                seen.add(below)
                waiting.append(below)
    waiting = list(found)
    while waiting:
        for above in made.get(waiting.pop(), ()):
            if above not in found:
                found.add(above)
                waiting.append(above)
    return found


class LossGraph:
    """The graph between a loss and an embedded input.

    Args:
        targets: the embedded input, or several tensors of its shape that it is made into.
        leading: its sizes: sequences and steps, in either order.
        leads: the operations that lead to it.
        choice: which of several layouts to take where a tensor allows several.
    """

    def __init__(
        self, targets: set[Edge], leading: tuple[int, int], leads: set[Node], choice: int = 0
    ) -> None:
        self._targets, self._leading, self._leads = targets, leading, leads
        self._choice = choice
        self.failed: list[tuple[Edge, Untold]] = []
        """Terms whose positions cannot be told."""
        self._known: dict[Edge, _Followed | Untold] = {}
        self._visited: set[Edge] = set()
        self._found: list[_Followed] = []

    def bases(self, roots: Iterable[Edge]) -> frozenset[Base] | Untold:
        """The tensors that all of the loss goes through and that show its positions.

        Terms of a sum that cannot be told (a balance between experts) are left out beside one of
        PyTorch's losses that can.
        """
        for root in roots:
            if self._leads_on(root):
                self._scalar(root)
        if not self._found:
            if not self.failed:
                return Untold("no gradient")
            rows = {shape_of(*edge)[:1] for edge, _ in self.failed}
            trunks = [self._trunk(edge) for edge, _ in self.failed]
            if len(rows) == 1 and trunks[0].intersection(*trunks[1:]):
                (sizes,) = rows
                if sizes and sizes[0] in self._leading:
                    return Untold("one loss a sequence", rows=sizes[0])
            return self.failed[0][1]
        if self.failed and not any(each.kernel for each in self._found):
            return self.failed[0][1]
        return frozenset[Base]().union(*(each.bases for each in self._found))

    # -- above the positions: numbers, and sums of them --------------------------------------------

    def _leads_on(self, edge: Edge) -> bool:
        return edge[0] in self._leads or edge in self._targets

    def _below(self, node: Node) -> list[Edge]:
        return [
            (below, number)
            for below, number in node.next_functions
            if below is not None and self._leads_on((below, number))
        ]

    def _scalar(self, edge: Edge) -> None:
        """A number of the loss, and those that it was made from."""
        waiting = [edge]
        while waiting:
            edge = waiting.pop()
            if edge in self._visited:
                continue
            self._visited.add(edge)
            node, name = edge[0], operation(edge[0])
            below = self._below(node)
            if shape_of(*edge) not in ((), (1,)):
                self._term(edge)
            elif name in REDUCTIONS or name in KERNELS:
                for each in below:
                    if shape_of(*each) in ((), (1,)):
                        waiting.append(each)
                    else:
                        self._term(each, kernel=name in KERNELS or name == "CtcLoss")
            elif name in POINTWISE or name in SAME_ORDER or name in ("Cat", "Stack", "Expand"):
                waiting += below
            elif name in ("Select", "Unbind") and shape_of(*below[0]) == (1,):
                waiting += below
            else:
                self._term(edge)

    def _term(self, edge: Edge, *, kernel: bool = False) -> None:
        """A tensor that the loss is a sum over, or one of its kind."""
        if edge in self._visited:
            return
        self._visited.add(edge)
        try:
            found = self._follow(edge, 0)
        except _UntoldError as error:
            if not self._sums(edge):
                self.failed.append((edge, error.untold))
            return
        self._found.append(replace(found, kernel=found.kernel or kernel))

    def _sums(self, edge: Edge) -> bool:
        """Whether a tensor was summed from others (over steps, sequences or terms): these count."""
        node, name, shape = edge[0], operation(edge[0]), shape_of(*edge)
        below = self._below(node)
        if len(shape) == 1 and name in ("Cat", "Stack"):
            for each in below:
                self._scalar(each)
            return True
        if name in ("Sum", "Mean") and max(self._leading) > 1:
            (each,) = below
            old = shape_of(*each)
            if len(shape) == 1 or len(old) == len(shape):
                self._term(each)
                return True
        single = len(below) == 1 and (name in POINTWISE or name in SAME_ORDER)
        if single and len(shape) <= 2 and self._is_sum(below[0]):
            self._term(below[0])
            return True
        if name in POINTWISE and len(shape) == 1:
            if all(self._is_sum(each) or self._is_loss(each) for each in below):
                for each in below:
                    self._term(each)
                return True
        return False

    def _is_sum(self, edge: Edge, limit: int = 20) -> bool:
        """Whether a tensor is a sum over an axis, scaled or shifted."""
        name = operation(edge[0])
        if name in ("Sum", "Mean"):
            return True
        below = self._below(edge[0])
        passes = name in POINTWISE or name in SAME_ORDER
        return bool(passes and limit and below) and all(self._is_sum(b, limit - 1) for b in below)

    def _is_loss(self, edge: Edge, limit: int = 20) -> bool:
        """Whether a tensor holds values of one of PyTorch's losses, scaled, summed or reshaped."""
        name = operation(edge[0])
        if name in KERNELS:
            return True
        below = self._below(edge[0])
        passes = name in POINTWISE or name in SAME_ORDER
        return bool(passes and limit and below) and all(self._is_loss(b, limit - 1) for b in below)

    def _trunk(self, edge: Edge) -> set[Edge]:
        """A tensor and those that it alone was made from, one after the other."""
        found = {edge}
        below = self._below(edge[0])
        while len(below) == 1 and edge not in self._targets:
            (edge,) = below
            found.add(edge)
            below = self._below(edge[0])
        return found

    # -- down to the positions -----------------------------------------------------------------

    def _follow(self, edge: Edge, depth: int) -> _Followed:
        """The positions of a tensor's elements.

        Raises:
            _UntoldError: they cannot be told.
        """
        known = self._known.get(edge)
        if known is None:
            try:
                known = self._positions_of(edge, depth)
            except _UntoldError as error:
                known = error.untold
            self._known[edge] = known
        if isinstance(known, Untold):
            raise _UntoldError(known)
        return known

    def _positions_of(self, edge: Edge, depth: int) -> _Followed:
        node, number = edge
        shown = self._shown(edge)
        if shown is not None:
            here = _Followed(shown.rows(self._leading), frozenset({shown}))
            if shown.sure and self._from_layer(edge):
                return here
            try:
                found = self._made(edge, depth)
            except _UntoldError:
                return here
            same = here.rows.shape == found.rows.shape and bool((here.rows == found.rows).all())
            return found if same and len(found.bases) <= MOST else here
        try:
            return self._made(edge, depth)
        except _UntoldError:
            flat = self._flat(edge)
            if flat is None:
                raise
            return _Followed(flat.rows(self._leading), frozenset({flat}))

    def _from_layer(self, edge: Edge) -> bool:
        """Whether a tensor is the output of a layer: what it was made from is the model's."""
        while operation(edge[0]) in SAME_ORDER:
            (edge,) = self._below(edge[0])
        return operation(edge[0]) in LAYERS

    def _made(self, edge: Edge, depth: int) -> _Followed:
        """By what the operation does with the positions of its inputs."""
        node, number = edge
        if depth > DEEPEST:
            raise _UntoldError(Untold("too large"))
        if edge in self._targets:
            raise _UntoldError(Untold("unknown operation", node.name()))
        inputs: list[tuple[Tensor, tuple[int, ...]] | None] = []
        bases: frozenset[Base] = frozenset()
        kernel = operation(node) in KERNELS
        for below, at in node.next_functions:
            if below is None or not self._leads_on((below, at)):
                inputs.append(None)
                continue
            found = self._follow((below, at), depth + 1)
            inputs.append((found.rows, shape_of(below, at)))
            bases |= found.bases
            kernel = kernel or found.kernel
        try:
            rows = rows_after(node, number, inputs)
        except MixedPositionsError:
            rows = None
        if rows is None:
            raise _UntoldError(Untold("unknown operation", node.name()))
        return _Followed(rows, bases, kernel)

    # -- tensors that show positions by their shape --------------------------------------------

    def _shown(self, edge: Edge) -> Base | None:
        """By an axis for each of the two sizes."""
        shape = shape_of(*edge)
        n0, n1 = self._leading
        if 0 in shape or (n0 == n1 == 1):
            return None
        pieces = self._pieces(edge)
        if pieces is not None:
            return pieces
        features = feature_axes(*edge) if len(shape) > 1 or 1 in self._leading else set()
        view = (*shape, 1)
        last = len(shape)
        free = [a for a in range(last) if a not in features]
        firsts = [last] if n0 == 1 else [a for a in free if shape[a] == n0]
        seconds = [last] if n1 == 1 else [a for a in free if shape[a] == n1]
        pairs = [(a, b) for a in firsts for b in seconds if a != b]
        if not pairs:
            return None
        axes = pairs[min(self._choice, len(pairs) - 1)]
        sure = len(shape) > 2 or self._stacks(edge)
        return Base(edge, view, axes, len(pairs), sure)

    def _stacks(self, edge: Edge) -> bool:
        """Whether a tensor was stacked from as many others as it has steps, or sequences."""
        node, shape = edge[0], shape_of(*edge)
        return operation(node) == "Stack" and len(node.next_functions) in shape

    def _pieces(self, edge: Edge) -> Base | None:
        """By as many equal pieces in a row as there are steps, or sequences."""
        node, shape = edge[0], shape_of(*edge)
        count = len(node.next_functions)
        n0, n1 = self._leading
        if operation(node) != "Cat" or count < 2 or not shape or shape[0] != n0 * n1:
            return None
        if node._saved_dim != 0 or count not in self._leading:  # type: ignore[attr-defined]
            return None
        if any(n is not None and shape_of(n, i)[0] != shape[0] // count
               for n, i in node.next_functions):  # fmt: skip
            return None
        if n0 == n1:
            return self._either(edge)
        return Base(edge, (count, shape[0] // count, *shape[1:]), (0, 1) if count == n0 else (1, 0))

    def _flat(self, edge: Edge) -> Base | None:
        """By as many elements as there are positions, in an order that has to be found."""
        shape = shape_of(*edge)
        n0, n1 = self._leading
        if min(n0, n1) < 2 or not shape or shape[0] != n0 * n1:
            return None
        return self._either(edge)

    def _either(self, edge: Edge) -> Base:
        shape = shape_of(*edge)
        n0, n1 = self._leading
        if self._choice == 0:
            return Base(edge, (n0, n1, *shape[1:]), (0, 1), 2)
        return Base(edge, (n1, n0, *shape[1:]), (1, 0), 2)

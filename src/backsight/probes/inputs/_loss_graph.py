"""The terms of a loss: what it is a sum, or a mean, or another number of.

A loss is one number made of many. Between it and the model's last tensor with an axis of sequences
and one of steps lie a reduction, a known loss, and whatever reshapes, shifts or masks.
"""

from collections.abc import Iterable

from torch.autograd.graph import Node

from backsight.probes._operations import (
    KERNELS,
    LAYERS,
    POINTWISE,
    REDUCTIONS,
    SAME_ORDER,
    Edge,
    feature_axes,
    operation,
    shape_of,
)
from backsight.probes.inputs._bases import Base
from backsight.probes.inputs._paths import Paths, PositionTrace
from backsight.probes.inputs._rows import is_known
from backsight.probes.inputs._untold import Untold, UntoldError

__all__ = ["LossGraph", "edges_to"]

LONGEST_FORMULA = 40
"""Operations of a term that may be left out; a recurrence of as many steps has more."""

NUMBERS = ((), (1,))
"""Shapes of a single number."""


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
    """The terms of a loss, and the positions of each.

    Args:
        paths: from the embedded input to the loss.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths, self._layouts = paths, paths.layouts
        self.failed: list[tuple[Edge, Untold]] = []
        """Terms whose positions cannot be told."""
        self.found: dict[Edge, PositionTrace] = {}
        """Terms whose positions are told."""
        self._numbers: set[Edge] = set()
        self._terms: set[Edge] = set()
        self._kernels: set[Edge] = set()

    def bases(self, roots: Iterable[Edge]) -> frozenset[Base] | Untold:
        """The tensors that the loss goes through and that show its positions.

        A term that cannot be told is left out only beside one of PyTorch's losses that can, where
        it is a short formula of what that loss is made of: a balance between experts, a smoothness
        of states.
        """
        for root in roots:
            if self._paths.lead_on(root):
                self._scalar(root)
        together = frozenset[Base]().union(*(each.bases for each in self.found.values()))
        if all(self._is_aside(edge, together) for edge, _ in self.failed):
            return together or Untold("no gradient")
        if not self.found:
            first, *others = (self._trunk(edge) for edge, _ in self.failed)
            for edge in first:
                if all(edge in trunk for trunk in others) and self._one_a_sequence(edge):
                    return Untold("one loss a sequence", rows=shape_of(*edge)[0])
        return self.failed[0][1]

    def same_layout(self, other: "LossGraph") -> bool:
        """Whether both found the same positions for the same terms."""
        return self.found.keys() == other.found.keys() and all(
            bool((each.rows == other.found[edge].rows).all()) for edge, each in self.found.items()
        )

    # -- above the positions: numbers, and sums of them --------------------------------------------

    def _scalar(self, edge: Edge) -> None:
        """A number of the loss, and those that it was made from."""
        waiting = [edge]
        while waiting:
            edge = waiting.pop()
            if edge in self._numbers:
                continue
            self._numbers.add(edge)
            node, name = edge[0], operation(edge[0])
            below = self._paths.below(node)
            if shape_of(*edge) not in NUMBERS:
                self._term(edge)
            elif name in REDUCTIONS or name in KERNELS:
                for each in below:
                    if shape_of(*each) in NUMBERS:
                        waiting.append(each)
                    else:
                        if name in KERNELS:
                            self._kernels.add(each)
                        self._term(each)
            elif name in POINTWISE or name in SAME_ORDER or name in ("Cat", "Stack", "Expand"):
                waiting += below
            else:
                self._term(edge)

    def _term(self, edge: Edge) -> None:
        """A tensor that the loss is a sum over, or one of its kind."""
        if edge in self._terms:
            return
        self._terms.add(edge)
        try:
            found = self._paths.follow(edge)
        except UntoldError as error:
            if not self._sums(edge):
                self.failed.append((edge, error.untold))
            return
        self.found[edge] = found

    def _sums(self, edge: Edge) -> bool:
        """Whether a tensor was summed from others (over steps, sequences or terms): these count."""
        node, name, shape = edge[0], operation(edge[0]), shape_of(*edge)
        below = self._paths.below(node)
        if len(shape) == 1 and name in ("Cat", "Stack"):
            for each in below:
                self._scalar(each)
            return True
        if name == "CtcLoss":  # over all alignments of a sequence
            self._term(below[0])
            return True
        if name in ("Sum", "Mean"):
            (each,) = below
            old = shape_of(*each)
            if len(shape) == 1 or len(old) == len(shape):
                self._term(each)
                return True
        single = len(below) == 1 and (name in POINTWISE or name in SAME_ORDER)
        if single and len(shape) <= 2 and self._is_sum(below[0]):
            self._term(below[0])
            return True
        each_alone = name in POINTWISE and len(shape) == 1
        if each_alone and all(self._is_sum(each) or self._is_loss(each) for each in below):
            for each in below:
                self._term(each)
            return True
        return False

    def _is_sum(self, edge: Edge, limit: int = 20) -> bool:
        """Whether a tensor is a sum over an axis, scaled or shifted."""
        name = operation(edge[0])
        if name in ("CtcLoss", "Sum", "Mean"):
            return True
        below = self._paths.below(edge[0])
        passes = name in POINTWISE or name in SAME_ORDER
        return bool(passes and limit and below) and all(self._is_sum(b, limit - 1) for b in below)

    def _is_loss(self, edge: Edge, limit: int = 20) -> bool:
        """Whether a tensor holds values of one of PyTorch's losses, scaled, summed or reshaped."""
        name = operation(edge[0])
        if name in KERNELS:
            return True
        below = self._paths.below(edge[0])
        passes = name in POINTWISE or name in SAME_ORDER
        return bool(passes and limit and below) and all(self._is_loss(b, limit - 1) for b in below)

    def _is_aside(self, edge: Edge, bases: frozenset[Base]) -> bool:
        """Whether a term that cannot be told may be left out beside those that can."""
        losses = any(self._is_loss(each) for each in self.found) or self._kernels & set(self.found)
        if not losses or edge in self._kernels or self._is_loss(edge):
            return False
        waiting = [base.edge[0] for base in bases]
        known = set(waiting)
        while waiting:
            for below, _ in self._paths.below(waiting.pop()):
                if below not in known:
                    known.add(below)
                    waiting.append(below)
        waiting, formula = [edge[0]], set(known)
        while waiting:
            node = waiting.pop()
            if node in formula:
                continue
            formula.add(node)
            if operation(node) in LAYERS or len(formula) - len(known) > LONGEST_FORMULA:
                return False
            waiting += [below for below, _ in self._paths.below(node)]
        return True

    def _trunk(self, edge: Edge) -> list[Edge]:
        """A tensor and those that it alone was made from, down to one that shows positions."""
        found = [edge]
        below = self._paths.below(edge[0])
        while len(below) == 1 and is_known(edge[0]) and self._layouts.shown(edge) is None:
            (edge,) = below
            found.append(edge)
            below = self._paths.below(edge[0])
        return found

    def _one_a_sequence(self, edge: Edge) -> bool:
        """Whether a tensor has a number, or an answer of several units, for each sequence."""
        shape = shape_of(*edge)
        if not shape or shape[0] not in self._layouts.leading or len(shape) > 2:
            return False
        classes, units = feature_axes(*edge)
        if shape[1:] in ((), (1,)) or 1 in classes | units:
            return True
        return self._layouts.shown(self._trunk(edge)[-1]) is not None

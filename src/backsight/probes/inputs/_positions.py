"""The gradient of a loss at each position, found in the graph where only the loss is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from backsight.probes._autograd import gradients_of
from backsight.probes._operations import Edge
from backsight.probes.inputs._bases import Base, Layouts
from backsight.probes.inputs._loss_graph import LossGraph, edges_to
from backsight.probes.inputs._paths import Paths
from backsight.probes.inputs._points import Packed, by_position
from backsight.probes.inputs._untold import Untold

__all__ = ["Positions", "find_positions"]

LARGEST_GRAPH = 40_000
"""Operations that are looked at between a loss and the embedded input; see ``DEEPEST`` of loops."""

MOST_LAYOUTS = 6
"""Layouts that are tried where sizes allow several: all of a tensor with three equal axes."""


@dataclass(frozen=True)
class Positions:
    """The tensors that show the positions of a loss, with the loss's own gradient on each."""

    leading: tuple[int, int]
    """``(n0, n1)``: sequences and steps, in either order."""
    bases: tuple[Base, ...]
    direct: tuple[Tensor, ...]
    """The gradient on each of ``bases``, without what comes back through another of them."""

    @property
    def sure(self) -> bool:
        """Whether more than sizes speaks for the layout."""
        return all(base.sure for base in self.bases)

    @property
    def there(self) -> Tensor:
        """``(n0, n1)``, on the host: whether the loss has a gradient at that position."""
        each = [
            base.there(direct, self.leading)
            for base, direct in zip(self.bases, self.direct, strict=True)
        ]
        return torch.stack(each).any(0)

    def from_only(
        self, keep: Tensor, inputs: Sequence[Tensor | GradientEdge]
    ) -> list[Tensor | None]:
        """The gradient on ``inputs`` of the loss at the positions ``keep`` ``(n0, n1)`` alone."""
        seeds = [b.masked(d, keep) for b, d in zip(self.bases, self.direct, strict=True)]
        return gradients_of([GradientEdge(*b.edge) for b in self.bases], inputs, seeds)

    def only_first(self, steps: int) -> bool:
        """Whether every loss is read off the first step, as that of a classifying token."""
        there = self.there if steps == 1 else self.there.T
        return there.shape[1] > 1 and not bool(there[:, 1:].any())

    def last(self, steps: int) -> Tensor:
        """``(n0, n1)``: the last position of each sequence that has a loss.

        Args:
            steps: which of both axes is that of the steps.
        """
        there = self.there if steps == 1 else self.there.T
        numbers = torch.arange(there.shape[1])
        last = there & (torch.where(there, numbers, -1).amax(1, keepdim=True) == numbers)
        return last if steps == 1 else last.T


def find_positions(
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    inputs: Sequence[GradientEdge],
    leading: tuple[int, int],
    axes: tuple[int, int] = (0, 1),
    *,
    packed: Packed | None = None,
) -> Positions | Untold:
    """Where a loss has its positions, found in its graph.

    Args:
        roots: what backward is about to be called on.
        gradients: with these gradients.
        inputs: the embedded input: one tensor, or several of one shape that it is made into.
        leading: its sizes ``(n0, n1)``: sequences and steps, in either order.
        axes: which of its axes these are.
        packed: of rows of a packed batch, where they belong.

    Returns:
        The positions as ``(n0, n1)``, or why they cannot be told.
    """
    targets = {(edge.node, edge.output_nr) for edge in inputs}
    tops = [_edge(root) for root in roots if root.grad_fn is not None]
    leads = edges_to(tops, targets, LARGEST_GRAPH)
    if leads is None:
        return Untold("too large")
    reached = _Reached(inputs, axes, packed)
    for trusting in (True, False):
        several: list[Positions] = []
        graphs: list[LossGraph] = []
        first: Untold | None = None
        choice, layouts = 0, 1
        while choice < min(layouts, MOST_LAYOUTS):
            graph = LossGraph(Paths(targets, leads, Layouts(leading, trusting, choice, packed)))
            choice += 1
            bases = graph.bases(tops)
            if isinstance(bases, Untold):
                first = first or bases
                continue
            layouts = max(layouts, *(base.layouts for base in bases))
            if not any(graph.same_layout(other) for other in graphs):
                graphs.append(graph)
                several.append(_with_gradients(roots, gradients, leading, bases))
        several = [each for each in several if each.bases]
        if not several:
            return first or Untold("no gradient")
        if layouts > MOST_LAYOUTS:
            return Untold("ambiguous")
        if not any(bool(each.there.any()) for each in several):
            return Untold("no gradient")
        if len(several) == 1 and several[0].sure:
            return several[0]
        sound = [(each, axis) for each in several if (axis := reached.sequences(each)) is not None]
        if len(sound) != 1 or not sound[0][0].sure:
            sound = [(each, axis) for each, axis in sound if reached.looks_back_only(each, axis)]
        if len(sound) == 1:
            return sound[0][0]
        if sound or all(each.sure for each in several):
            break
    return Untold("ambiguous")


def _edge(tensor: Tensor) -> Edge:
    edge = get_gradient_edge(tensor)
    return edge.node, edge.output_nr


def _with_gradients(
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    leading: tuple[int, int],
    bases: frozenset[Base],
) -> Positions:
    """Nothing goes on beyond a base, so that none gets what comes through another."""
    several = sorted(bases, key=lambda base: (-base.edge[0]._sequence_nr(), base.edge[1]))
    cut: dict[object, set[int]] = {}
    for base in several:
        cut.setdefault(base.edge[0], set()).add(base.edge[1])
    handles = [
        base.edge[0].register_prehook(_stopping(cut[base.edge[0]]))
        for base in several
        if len(several) > 1
    ]
    try:
        direct = gradients_of(roots, [GradientEdge(*base.edge) for base in several], gradients)
    finally:
        for handle in handles:
            handle.remove()
    kept = [(base, each) for base, each in zip(several, direct, strict=True) if each is not None]
    return Positions(leading, tuple(base for base, _ in kept), tuple(each for _, each in kept))


def _stopping(
    numbers: set[int],
) -> Callable[[tuple[Tensor | None, ...]], tuple[Tensor | None, ...]]:
    def stop(gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        return tuple(None if i in numbers else g for i, g in enumerate(gradients))

    return stop


class _Reached:
    """Which places of the embedded input the loss at some positions depends on.

    Args:
        inputs: the embedded input, one tensor or several.
        axes: which of its axes are those of positions.
        packed: of rows of a packed batch, where they belong.
    """

    def __init__(
        self, inputs: Sequence[GradientEdge], axes: tuple[int, int], packed: Packed | None
    ) -> None:
        self._inputs, self._axes, self._packed = inputs, axes, packed

    def sequences(self, positions: Positions) -> int | None:
        """The axis along which the loss at one place depends on that place alone, if any."""
        there = positions.there
        if 1 in there.shape:
            return there.shape.index(1)
        for axis in (0, 1):
            places = there.any(1 - axis).nonzero()
            if len(places):
                one = int(places[-1])
                if self._along(positions, axis, one) == [one]:
                    return axis
        return None

    def looks_back_only(self, positions: Positions, sequences: int) -> bool:
        """Whether the loss at the first step that has one depends on no later step.

        A layout that takes units for steps fails here: each unit depends on every step.
        """
        first = int(positions.there.any(sequences).nonzero()[0])
        return max(self._along(positions, 1 - sequences, first), default=0) <= first

    def _along(self, positions: Positions, axis: int, one: int) -> list[int]:
        """Places along ``axis`` that the loss at place ``one`` of it depends on."""
        keep = torch.zeros_like(positions.there)
        keep.select(axis, one).fill_(True)
        there = torch.zeros_like(keep)
        for back in positions.from_only(keep, self._inputs):
            if back is not None:
                packed = self._packed
                moved = by_position(back, self._axes) if packed is None else packed.opened(back)
                there |= (moved != 0).any(-1).cpu()
        return [int(place) for place in there.any(1 - axis).nonzero()]

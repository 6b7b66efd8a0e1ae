"""What the loss depends on by position, where the model returns no such thing, only its loss."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._tensors import uneven
from backsight.probes.inputs._outputs import Output, Seedable
from backsight.probes.inputs._points import Point
from backsight.probes.inputs._positions import Positions, find_positions
from backsight.probes.inputs._untold import Untold

__all__ = ["OneLoss", "outputs_in_graph"]


class InGraph(Seedable):
    """Tensors inside the model that show the positions of the loss.

    Args:
        positions: found in the graph.
        lead: ``(n0, n1)``.
    """

    def __init__(self, positions: Positions, lead: tuple[int, int]) -> None:
        self._positions, self.lead = positions, lead

    @property
    def there(self) -> Tensor:
        """``(n0, n1)``: where the loss has a gradient."""
        return self._positions.there

    def seeded(self, mask: Tensor, *, alike: bool = False) -> tuple[list[Any], list[Tensor]]:
        """Those tensors, and the loss's gradient on them at some positions."""
        each = list(zip(self._positions.bases, self._positions.direct, strict=True))
        seeds = [base.masked(uneven(d) if alike else d, mask) for base, d in each]
        return [GradientEdge(*base.edge) for base, _ in each], seeds


class OneLoss(Output):
    """One loss a sequence, as a classifier has, which cannot be told from the others'.

    Args:
        rows: how many sequences there are.
    """

    single = True

    def __init__(self, rows: int) -> None:
        self.lead = rows, 1


def outputs_in_graph(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], points: Sequence[Point]
) -> tuple[list[Output], Untold | None]:
    """Positions of the loss that its graph shows, and else why they cannot be told.

    Args:
        roots: what backward is about to be called on.
        gradients: with these gradients.
        points: the embedded inputs, the last one being a decoder's, if there is one.
    """
    first: Untold | None = None
    for point in reversed(points):
        if point.of in point.lead:
            continue  # as many steps as there are sequences: sizes would not tell them apart
        found = find_positions(
            roots, gradients, point.edges, point.lead, point.axes, packed=point.packed
        )
        if isinstance(found, Untold):
            first = first or found
            if found.cause == "one loss a sequence" and found.rows in point.lead:
                return [OneLoss(found.rows)], None
        else:
            rows = _only_first(found)
            return [InGraph(found, point.lead) if rows is None else OneLoss(rows)], None
    return [], first


def _only_first(positions: Positions) -> int | None:
    """How many sequences there are, if each is answered at its first step, as by a classifying
    token; else None."""
    for steps in (1, 0):
        if positions.only_first(steps):
            return positions.there.shape[1 - steps]
    return None

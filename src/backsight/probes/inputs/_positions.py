"""The positions of a loss that the model returns itself, found in its graph."""

from collections.abc import Sequence

from torch import Tensor

from backsight.probes.inputs._outputs import Output
from backsight.probes.inputs._points import Point

__all__ = ["output_in_graph"]


def output_in_graph(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], points: Sequence[Point]
) -> Output | None:
    """Where the loss's own graph shows positions that the model does not return; else None."""
    return None

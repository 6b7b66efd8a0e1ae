"""Norms of the gradient on many activations at once, in one backward pass that keeps none of it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._autograd import gradients_of
from backsight.probes.inputs._points import Point

__all__ = ["joined", "norms_at"]


def norms_at(
    outputs: Sequence[Any],
    seeds: Sequence[Tensor | None],
    points: Sequence[Point],
    ends: int,
) -> list[Tensor | None]:
    """``(n0, n1)`` norms of the gradient at each point, float64; None where none arrives.

    Args:
        outputs: where gradients come from: tensors or edges of the graph.
        seeds: those that they begin with.
        points: where they are measured, as they pass.
        ends: how many of the first points they are followed to. One that does not pass on the way
            there is asked for by itself.
    """
    squares: list[Tensor | None] = [None] * len(points)
    passed: set[tuple[int, int]] = set()

    def add(number: int, place: int, gradient: Tensor | None) -> None:
        if gradient is None or (number, place) in passed:
            return
        passed.add((number, place))
        with torch.no_grad():
            x = points[number].by_position(gradient)
            norms = torch.linalg.vector_norm(x, dim=-1, dtype=torch.float64).square()
            before = squares[number]
            squares[number] = norms if before is None else before + norms

    def hook(number: int, place: int, edge: GradientEdge) -> Callable[[Any], None]:
        def see(gradients: Any) -> None:
            add(number, place, gradients[edge.output_nr])

        return see

    each = [(n, p, edge) for n, point in enumerate(points) for p, edge in enumerate(point.edges)]
    handles = [edge.node.register_prehook(hook(n, p, edge)) for n, p, edge in each]
    try:
        last = [one for one in each if one[0] < ends]
        for (n, p, _), gradient in zip(last, _asked(outputs, last, seeds), strict=True):
            add(n, p, gradient)
    finally:
        for handle in handles:
            handle.remove()
    rest = [one for one in each if (one[0], one[1]) not in passed and one[0] >= ends]
    for (n, p, _), gradient in zip(rest, _asked(outputs, rest, seeds), strict=True):
        add(n, p, gradient)
    return [None if square is None else square.sqrt() for square in squares]


def _asked(
    outputs: Sequence[Any], each: Sequence[tuple[int, int, GradientEdge]], seeds: Any
) -> list[Tensor | None]:
    return gradients_of(outputs, [edge for _, _, edge in each], seeds) if each else []


def joined(gradients: Sequence[Tensor | None], point: Point) -> Tensor | None:
    """``(n0, n1, features)`` of the gradients on all that one input is projected to."""
    there = [point.by_position(one) for one in gradients if one is not None]
    return torch.cat(there, -1) if there else None

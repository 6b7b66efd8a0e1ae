"""Sequences of one batch that a model embeds one after the other."""

from collections.abc import Collection, Sequence

from torch import Tensor, nn

from backsight.probes.inputs._forward import Embedding
from backsight.probes.inputs._points import Point

__all__ = ["fix_layouts", "is_one_of_many", "one_by_one"]

LEAST = 3
"""Calls of one module for a sequence each, from which on these are a batch. Two may be those of an
encoder and of a decoder that share their embedding."""


def one_by_one(embeddings: Sequence[Embedding], paths: Collection[str]) -> list[list[str]]:
    """Paths of inputs that are one batch, together.

    Args:
        embeddings: calls that embed an input.
        paths: those of inputs that have been measured.
    """
    calls: dict[tuple[int, str], list[Point]] = {}
    for one in embeddings:
        if one.point is not None and one.point.path in paths:
            key = id(one.module), one.path.partition(":")[0]
            calls.setdefault(key, []).append(one.point)
    return [
        [point.path for point in points]
        for points in calls.values()
        if len(points) >= LEAST and any(_single(points, axis) for axis in (0, 1))
    ]


def _single(points: Sequence[Point], axis: int) -> bool:
    """Whether each is one sequence, where ``axis`` is that of sequences."""
    return all(point.lead[axis] == 1 for point in points)


def fix_layouts(points: Sequence[Point], groups: Sequence[Sequence[str]]) -> None:
    """Of a single sequence, the layout is known; and how many there are."""
    for paths in groups:
        those = [point for point in points if point.path in paths]
        for point in those:
            point.fixed, point.of = "batch" if _single(those, 0) else "time", len(those)


def is_one_of_many(module: nn.Module, made: Tensor, embeddings: Sequence[Embedding]) -> bool:
    """Whether a module that is called often is called for one sequence after the other."""
    shapes = [one.shape for one in embeddings if one.module is module]
    return any(shape[0] == 1 < shape[1] for shape in (*shapes, tuple(made.shape)))

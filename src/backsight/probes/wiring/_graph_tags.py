"""Marks on graphs, by which it is known whether they still exist."""

import weakref
from typing import Any, cast

from torch.autograd.graph import Node

from backsight.probes.loss import LossOperations

__all__ = ["GraphTags"]

KEY = "backsight"
"""In the ``metadata`` of an operation, which lives and dies with it."""


class _Tag:
    """Nothing but an identity."""

    __slots__ = ("__weakref__",)


class GraphTags:
    """Marks graphs, and counts those that still exist; keeps none of them alive.

    A graph is marked at the operation nearest to its leaves, without which no result of it can be
    kept.

    Example:
        >>> import torch
        >>> from backsight.probes import GraphTags, LossOperations
        >>> weight, tags, kept = torch.ones(3, requires_grad=True), GraphTags(), []
        >>> for _ in range(3):
        ...     loss = weight.exp().sum()
        ...     tags.mark(LossOperations([loss]))
        ...     kept.append(loss)
        >>> tags.alive()
        3
        >>> del loss, kept[1:]
        >>> tags.alive()
        1
    """

    def __init__(self) -> None:
        self._tags: list[weakref.ref[_Tag]] = []

    def mark(self, operations: LossOperations) -> None:
        """Mark a graph."""
        inside = (
            node
            for name, node in reversed(operations.named())
            if name != "AccumulateGrad"  # which lives as long as its parameter
        )
        deepest = next(inside, None)
        if deepest is not None:
            tag = _Tag()
            _metadata(deepest)[KEY] = tag
            self._tags.append(weakref.ref(tag))

    def alive(self) -> int:
        """How many of the marked graphs still exist."""
        self._tags = [one for one in self._tags if one() is not None]
        return len(self._tags)

    @staticmethod
    def marked(operations: LossOperations) -> int:
        """How many marks there are in a graph."""
        return sum(map(_is_marked, (node for _, node in operations.named())))


def _is_marked(node: Node) -> bool:
    return KEY in _metadata(node)


def _metadata(node: Node) -> dict[str, Any]:
    return cast(dict[str, Any], node.metadata)  # which its stub takes for a method

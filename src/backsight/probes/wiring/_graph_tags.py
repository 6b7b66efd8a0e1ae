"""Marks on graphs, by which it is known whether they still exist."""

import weakref
from collections.abc import Iterable
from typing import Any, cast

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes.loss import LossOperations

__all__ = ["GraphTags"]

KEY = "backsight"
"""In the ``metadata`` of an operation, which lives and dies with it."""


class _Tag:
    """Nothing but an identity, and when it was made."""

    __slots__ = ("__weakref__", "time")

    def __init__(self, time: int) -> None:
        self.time = time


class GraphTags:
    """Marks graphs, and counts those that still exist; keeps none of them alive.

    A graph is marked at the operation nearest to its leaves, without which no result of it can be
    kept; or at some tensors, of which it is known whether anything made of them is.

    Example:
        >>> import torch
        >>> from backsight.probes import GraphTags, LossOperations
        >>> weight, tags, kept = torch.ones(3, requires_grad=True), GraphTags(), []
        >>> for _ in range(3):
        ...     tags.begin()
        ...     loss = weight.exp().sum()
        ...     tags.mark(LossOperations([loss]))
        ...     kept.append(loss)
        >>> tags.begin()
        >>> tags.alive()
        3
        >>> del loss, kept[1:]
        >>> tags.alive()
        1
    """

    def __init__(self) -> None:
        self._tags: list[weakref.ref[_Tag]] = []
        self._time = 0

    def begin(self) -> None:
        """What is marked from here on counts as one graph, until this is called again."""
        self._time += 1

    def mark(self, operations: LossOperations) -> None:
        """Mark a graph."""
        inside = (
            node
            for name, node in reversed(operations.named())
            if name != "AccumulateGrad"  # which lives as long as its parameter
        )
        deepest = next(inside, None)
        if deepest is not None:
            self._mark((deepest,))

    def mark_made(self, tensors: Iterable[Tensor]) -> None:
        """Mark the graph of these tensors, whether or not a loss is made of them."""
        self._mark([one.grad_fn for one in tensors if one.grad_fn is not None])

    def _mark(self, nodes: Iterable[Node]) -> None:
        tag = _Tag(self._time)
        for node in nodes:
            _metadata(node)[KEY] = tag
        self._tags.append(weakref.ref(tag))

    def alive(self) -> int:
        """How many of the marked graphs still exist, without those marked since it began."""
        tags = [(one, one()) for one in self._tags]
        self._tags = [one for one, tag in tags if tag is not None]
        return len({tag.time for _, tag in tags if tag is not None and tag.time < self._time})

    def marked(self, operations: LossOperations) -> int:
        """How many earlier marks there are in a graph."""
        tags = (_metadata(node).get(KEY) for _, node in operations.named())
        return sum(tag is not None and tag.time < self._time for tag in tags)


def _metadata(node: Node) -> dict[str, Any]:
    return cast(dict[str, Any], node.metadata)  # which its stub takes for a method

"""Tensors in whatever a module takes and returns, and knowing one again."""

import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import Node

__all__ = ["SameTensor", "made_from", "made_of", "tensors_in", "uneven"]

Found = TypeVar("Found")


class SameTensor:
    """A tensor to be known again, without keeping it alive: itself, or detached from its graph.

    Detaching keeps the storage and the version; writing into it does not. The storage itself is
    compared, not its address, which might have been used again.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._storage = weakref.ref(tensor.untyped_storage())
        self._version, self._shape = tensor._version, tensor.shape

    @property
    def alive(self) -> bool:
        """Whether anything still has that storage."""
        return self._storage() is not None

    def is_in(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` is that one."""
        same = tensor.untyped_storage() is self._storage() and tensor.shape == self._shape
        return same and tensor._version == self._version


def tensors_in(content: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists and mappings, in order.

    Example:
        >>> import torch
        >>> from backsight.probes import tensors_in
        >>> state = (torch.zeros(2), {"c": [torch.zeros(3), None]})
        >>> [len(tensor) for tensor in tensors_in(state)]
        [2, 3]
    """
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, (tuple, list)):
        for part in content:
            yield from tensors_in(part)
    elif content is not None and isinstance(content, Mapping):  # an abstract class: slow to ask
        for part in content.values():
            yield from tensors_in(part)


def uneven(tensor: Tensor) -> Tensor:
    """A gradient for ``tensor``, not all alike: a norm on the way takes what is common off."""
    return torch.linspace(1, 2, tensor.numel()).to(tensor).view_as(tensor)


def made_of(tensor: Tensor, nodes: Mapping[Node, Found], limit: int) -> Found | None:
    """What is told of a graph node that ``tensor`` was made from.

    Args:
        tensor: where to begin.
        nodes: by node.
        limit: operations to look back through.
    """
    return next((nodes[node] for node, _ in made_from(tensor, limit) if node in nodes), None)


def made_from(tensor: Tensor, limit: int) -> Iterator[tuple[Node, int]]:
    """The operations that ``tensor`` was made by, nearest first, and which output of each it was.

    Args:
        tensor: where to begin.
        limit: how many of them.
    """
    waiting = deque([(tensor.grad_fn, tensor.output_nr)])
    seen: set[tuple[Node, int]] = set()  # themselves: an identity may be used again
    while waiting and len(seen) < limit:
        node, number = waiting.popleft()
        if node is not None and (node, number) not in seen:
            yield node, number
            seen.add((node, number))
            waiting.extend(node.next_functions)

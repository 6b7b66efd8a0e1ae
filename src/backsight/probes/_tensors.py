"""Tensors in whatever a module takes and returns, and knowing one again."""

import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor

__all__ = ["SameTensor", "made_of", "tensors_in"]

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
    """Every tensor in nested tuples, lists and mappings, in order."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, Mapping):
        for part in content.values():
            yield from tensors_in(part)
    elif isinstance(content, (tuple, list)):
        for part in content:
            yield from tensors_in(part)


def made_of(tensor: Tensor, nodes: Mapping[int, Found], limit: int) -> Found | None:
    """What is under the identity of a graph node that ``tensor`` was made from.

    Args:
        tensor: where to begin.
        nodes: by ``id`` of the node.
        limit: operations to look back through.
    """
    waiting = deque([tensor.grad_fn])
    seen: set[int] = set()
    while waiting and len(seen) < limit:
        node = waiting.popleft()
        if node is None or id(node) in seen:
            continue
        if id(node) in nodes:
            return nodes[id(node)]
        seen.add(id(node))
        waiting.extend(following for following, _ in node.next_functions)
    return None

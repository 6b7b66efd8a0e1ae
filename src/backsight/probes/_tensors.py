"""Tensors in whatever a module takes and returns, and knowing one again."""

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

__all__ = ["SameTensor", "tensors_in"]


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

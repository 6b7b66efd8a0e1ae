"""Tensors in whatever a module takes and returns, and knowing one again."""

import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn.utils.rnn import PackedSequence

__all__ = [
    "SameTensor",
    "Unchanged",
    "made_from",
    "made_of",
    "packed_in",
    "portions",
    "tensors_in",
    "uneven",
]

Found = TypeVar("Found")

TOGETHER = 1 << 13
"""Elements that are copied into one tensor, to be looked at in one operation."""


class SameTensor:
    """A tensor to be known again, without keeping it alive: itself, or detached from its graph.

    Detaching keeps the storage and the version; writing into it does not. The storage itself is
    compared, not its address, which might have been used again.
    """

    def __init__(self, tensor: Tensor) -> None:
        storage = _storage_of(tensor)
        self._storage = _no_storage if storage is None else weakref.ref(storage)
        self._version, self._shape = tensor._version, tensor.shape

    @property
    def alive(self) -> bool:
        """Whether anything still has that storage."""
        return self._storage() is not None

    def is_in(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` is that one."""
        storage = _storage_of(tensor)
        same = storage is not None and storage is self._storage() and tensor.shape == self._shape
        return same and tensor._version == self._version


class Unchanged:
    """A tensor without its graph, as long as nobody writes into it."""

    def __init__(self, tensor: Tensor) -> None:
        self._alias = tensor.detach()
        self._version = 0 if tensor.is_inference() else tensor._version

    @property
    def tensor(self) -> Tensor | None:
        """None once it was overwritten."""
        version = 0 if self._alias.is_inference() else self._alias._version
        return self._alias if version == self._version else None


def _storage_of(tensor: Tensor) -> torch.UntypedStorage | None:
    """None of a sparse or nested tensor, which has several."""
    return tensor.untyped_storage() if tensor.layout == torch.strided else None


def _no_storage() -> None:
    """In the place of a reference to one."""


def tensors_in(content: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, mappings and dataclasses, in order, once each.

    A user's containers are not asked, whose ``__iter__`` or ``__getitem__`` may do anything: their
    items are read where Python itself keeps them.

    Example:
        >>> import torch
        >>> from backsight.probes import tensors_in
        >>> state = (torch.zeros(2), {"c": [torch.zeros(3), None]})
        >>> [len(tensor) for tensor in tensors_in(state)]
        [2, 3]
    """
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        kind = type(part)
        if kind is tuple:  # at each call of a cell: no call of its own
            waiting.extend(part[::-1])
        elif issubclass(kind, Tensor):
            yield part
        else:
            waiting.extend(reversed(_parts(part)))


def packed_in(content: Any) -> Iterator[PackedSequence]:
    """Every packed batch in such containers, in no order."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or issubclass(type(part), Tensor):
            continue
        seen.add(id(part))
        if type(part) is PackedSequence:
            yield part
        else:
            waiting.extend(_parts(part))


def _parts(content: Any) -> list[Any]:
    """What a container holds; nothing of whatever else there is."""
    kind = type(content)
    if issubclass(kind, (tuple, list)):
        base = tuple if issubclass(kind, tuple) else list
        return [*base.__iter__(content)]
    if issubclass(kind, dict):
        return [*dict.values(content)]
    if issubclass(kind, Mapping) or is_dataclass(kind):
        try:
            return [*dict.values(object.__getattribute__(content, "__dict__"))]
        except (AttributeError, TypeError):  # it has slots
            return []
    return []


def portions(tensors: Sequence[Tensor]) -> Iterator[slice]:
    """Which consecutive ones to look at together: many small ones, or a large one alone.

    Example:
        >>> import torch
        >>> [part.stop - part.start for part in portions([torch.empty(2500)] * 7)]
        [3, 3, 1]
    """
    begin, size = 0, 0
    for number, tensor in enumerate(tensors):
        if size and size + tensor.numel() > TOGETHER:
            yield slice(begin, number)
            begin, size = number, 0
        size += tensor.numel()
    if tensors:
        yield slice(begin, len(tensors))


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

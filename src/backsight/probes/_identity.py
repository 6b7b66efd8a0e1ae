"""What is known of a user's objects, by identity, without keeping them alive or asking them."""

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["IdentityMap"]

Known = TypeVar("Known")


class IdentityMap(Generic[Known]):
    """Values by object: neither ``==`` nor ``hash`` nor an attribute of the object is asked for.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import IdentityMap
        >>> known, module = IdentityMap(), nn.Linear(3, 4)
        >>> known[module] = "head"
        >>> known.get(module), known.get(nn.Linear(3, 4))
        ('head', None)
        >>> del module
        >>> list(known.values())
        []
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[object], Known]] = {}

    def __setitem__(self, thing: object, value: Known) -> None:
        number = id(thing)
        reference = weakref.ref(thing, lambda gone: self._forget(number, gone))
        self._known[number] = reference, value

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, thing: object) -> bool:
        return id(thing) in self._known

    def get(self, thing: object) -> Known | None:
        """What is known of it; None for nothing."""
        found = self._known.get(id(thing))
        return None if found is None else found[1]

    def values(self) -> Iterator[Known]:
        """What is known of those that are still there."""
        return iter([value for _, value in list(self._known.values())])

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def _forget(self, number: int, gone: weakref.ref[object]) -> None:
        found = self._known.get(number)
        if found is not None and found[0] is gone:  # else its place has another object by now
            del self._known[number]

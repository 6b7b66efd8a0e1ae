"""The operations that a loss was made by, from autograd's graph, as long as that is whole."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import SAME_ORDER, Edge, operation

__all__ = ["LossOperations"]

LIMIT = 20_000
"""Operations to look at: a loop of as many is known by its first ones."""

UNKNOWN = "CppFunction"
"""The type of operations that Python has no type of their own for; each has its name."""

RESHAPED = SAME_ORDER | {
    *("Alias", "AsStrided", "Clone", "Permute", "Select", "Slice", "Split", "SplitWithSizes"),
    *("T", "To", "ToCopy", "Transpose", "Unbind"),
}
"""The same numbers, or some of them, in another shape, order or precision."""


class LossOperations:
    """What the roots of a backward pass were made by, nearest first.

    Args:
        roots: what backward is called on.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> x = torch.ones(3, requires_grad=True)
        >>> made = LossOperations([(2 * x).tanh().sum()])
        >>> [name for name, node in made.named()]
        ['Sum', 'Tanh', 'Mul', 'AccumulateGrad']
        >>> [len(leaf) for leaf in made.leaves()], made.whole
        ([3], True)
    """

    def __init__(self, roots: Sequence[Tensor]) -> None:
        starts = (node for root in roots if (node := root.grad_fn) is not None)
        self.roots = tuple(dict.fromkeys(starts))
        """The last operations."""
        self._waiting = deque(self.roots)
        self._seen = set(self._waiting)
        self._found: list[tuple[str, Node]] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        """By name, where they are among those found."""
        self._names: dict[type[Node], str] = {}
        self.told: dict[str, Any] = {}
        """What was found in the graph and is asked for again, by a name of its own."""

    @property
    def whole(self) -> bool:
        """Whether :meth:`named` tells of all of them."""
        self._look(LIMIT)
        return not self._waiting

    def named(self, most: int = LIMIT) -> Sequence[tuple[str, Node]]:
        """Each operation once, with its name (``Mul`` of ``MulBackward0``); no more than ``most``,
        which a look at a few need not go further for."""
        found = self._look(most)
        return found if most == LIMIT else found[:most]

    def those(self, names: AbstractSet[str]) -> list[tuple[str, Node]]:
        """As :meth:`named`, of operations with such names alone: a loop has thousands of others.

        Example:
            >>> import torch
            >>> from backsight.probes import LossOperations
            >>> x = torch.ones(3, requires_grad=True)
            >>> made = LossOperations([(2 * x).tanh().sum()])
            >>> [name for name, node in made.those({"Mul", "Sum", "View"})]
            ['Sum', 'Mul']
        """
        found, places = self._look(LIMIT), self._places
        those = [places[name] for name in names & places.keys()]
        order = those[0] if len(those) == 1 else sorted(place for each in those for place in each)
        return [found[place] for place in order]

    def leaves(self) -> Iterator[Tensor]:
        """Tensors that backward leaves a gradient at."""
        for _, node in self.those({"AccumulateGrad"}):
            yield node.variable  # type: ignore[attr-defined]

    @staticmethod
    def source(node: Node | None) -> Node | None:
        """``node``, or the operation whose numbers it only shows in another shape or order."""
        while node is not None and operation(node) in RESHAPED:
            node = node.next_functions[0][0]
        return node

    @staticmethod
    def name(node: Node) -> str:
        """``Mul`` of ``MulBackward0``."""
        return operation(node)

    @staticmethod
    def inputs(node: Node) -> list[Edge]:
        """What an operation was given, without what needs no gradient."""
        return [(below, number) for below, number in node.next_functions if below is not None]

    def _look(self, most: int) -> list[tuple[str, Node]]:
        """On from where the last look ended."""
        found, waiting, seen = self._found, self._waiting, self._seen
        names, places = self._names, self._places
        while waiting and len(found) < most:
            node = waiting.popleft()
            kind = type(node)
            name = names.get(kind)
            if name is None:
                name = operation(node)
                if kind.__name__ != UNKNOWN:
                    names[kind] = name
            places[name].append(len(found))
            found.append((name, node))
            for below, _ in node.next_functions:
                if below is not None and below not in seen:
                    seen.add(below)
                    waiting.append(below)
        return found

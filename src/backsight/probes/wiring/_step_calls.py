"""The calls of modules in one iteration, as loops over steps."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes.loss import LIMIT, LossOperations

__all__ = ["StepCalls"]

FEWEST = 3
"""Steps of a loop."""

MARK = "backsight step"

NEAR = 48
"""Operations between the state that a call has returned and the next call."""


class StepCalls:
    """The calls of modules in one iteration, each with the call that its state comes from.

    Graphs are marked, and nothing of them is held.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, StepCalls
        >>> cell, state, states, calls = torch.nn.GRUCell(3, 4), None, [], StepCalls()
        >>> for x in torch.zeros(5, 2, 3):
        ...     given, state = [] if state is None else [state], cell(x, state)
        ...     calls.add("cell", given, [state])
        ...     states.append(state)
        >>> calls.reach(LossOperations([states[0].sum()]))
        >>> calls.first_alone()
        {'cell': 5}
        >>> calls.reach(LossOperations([states[-1].sum()]))
        >>> calls.first_alone()
        {'cell': 0}
        >>> [calls.last_alone("cell", LossOperations([x.sum()])) for x in (states[-1], states[1])]
        [True, False]
    """

    def __init__(self) -> None:
        self._before: dict[str, list[int | None]] = {}
        """By path, of each call, which one its state comes from."""
        self._reached: dict[str, set[int]] = {}
        self._marked: set[int] = set()
        """When marked operations were made, in the order of operations: the others, which a loop
        has many more of, need not be asked for their mark."""

    def add(self, path: str, given: Iterable[Tensor], result: Iterable[Tensor]) -> None:
        """One more call.

        Args:
            path: of the module.
            given: what may be a state.
            result: what the call returned.
        """
        calls = self._before.setdefault(path, [])
        calls.append(self._made_by_call(path, given))
        for tensor in result:
            node = tensor.grad_fn
            if node is not None:
                marks: dict[Any, Any] = node.metadata  # type: ignore[assignment]
                marks.setdefault(MARK, {})[path] = len(calls) - 1
                self._marked.add(node._sequence_nr())

    def reach(self, made: LossOperations) -> None:
        """A backward pass is about to come through what a loss was made by."""
        marked = self._marked
        for _, node in made.named() if marked else ():
            if node._sequence_nr() in marked:
                for path, number in _marks(node).items():
                    self._reached.setdefault(path, set()).add(number)

    def last_alone(self, path: str, made: LossOperations) -> bool:
        """Whether all calls of a module are one loop, of which a loss reads the last state alone.

        A state that is chosen step by step between the new one and the one before is none.

        Args:
            path: of the module.
            made: the operations of the loss, while the graph is whole.
        """
        before = self._before.get(path, [])
        loops = _loops(before)
        if len(loops) != 1 or len(loops[0]) != len(before):
            return False
        return self._nearest(path, made) == {len(before) - 1}

    def _nearest(self, path: str, made: LossOperations) -> set[int]:
        """Calls of a module that a loss comes to, and no later one in between."""
        found: set[int] = set()
        waiting, seen = [*made.roots], set(made.roots)
        while waiting and len(seen) < LIMIT:
            node = waiting.pop()
            number = self._call_of(path, node)
            if number is not None:
                found.add(number)
                continue
            for below, _ in node.next_functions:
                if below is not None and below not in seen:
                    seen.add(below)
                    waiting.append(below)
        return found

    def _made_by_call(self, path: str, given: Iterable[Tensor]) -> int | None:
        """Which call of the module has made what is given, as it is or changed on its way."""
        waiting = [node for one in given if (node := one.grad_fn) is not None]
        if not waiting or not self._marked:
            return None
        number = self._call_of(path, waiting[0])
        if number is not None:  # of nearly all calls
            return number
        seen = set(waiting)
        for _ in range(NEAR):
            if not waiting:
                return None
            node = waiting.pop(0)
            number = self._call_of(path, node)
            if number is not None:
                return number
            new = [below for below, _ in node.next_functions if below is not None]
            waiting += [below for below in new if below not in seen]
            seen.update(new)
        return None

    def _call_of(self, path: str, node: Node) -> int | None:
        """Of a module's calls, that which has returned what an operation has made."""
        if node._sequence_nr() not in self._marked:
            return None
        return _marks(node).get(path)

    def first_alone(self) -> dict[str, int]:
        """By path, the steps of the longest loop of which only the first call is in a loss's graph.

        0 of a module whose other calls are, too; nothing of one that is called in no loop, or that
        no pass has reached.
        """
        found = {}
        for path, before in self._before.items():
            reached = self._reached.get(path, set())
            loops = _loops(before)
            read = [loop for loop in loops if reached.intersection(loop)]
            if read:
                alone = all(reached.intersection(loop) == {loop[0]} for loop in read)
                found[path] = max(map(len, read)) if alone else 0
        return found


def _marks(node: Node) -> dict[str, int]:
    found: dict[str, int] | None = node.metadata.get(MARK)  # type: ignore[attr-defined]
    return found or {}


def _loops(before: Sequence[int | None]) -> list[list[int]]:
    """Calls that follow each other, and none of which is followed by two."""
    loops: dict[int, list[int]] = {}
    """By the newest call."""
    for number, previous in enumerate(before):
        loop = [] if previous is None else loops.pop(previous, None)
        if loop is not None:
            loops[number] = [*loop, number]
    return [loop for loop in loops.values() if len(loop) >= FEWEST]

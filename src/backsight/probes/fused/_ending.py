"""The final states of a call, to be known again where they go into the next one.

A state is handed on the same, detached, or changed. Nothing of it is kept alive: a call leaves its
number on the nodes of its final states, and those live as long as their caller wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from backsight.probes._autograd import gradients_of
from backsight.probes._state_handoff import NEAR, slope_of
from backsight.probes._tensors import SameTensor, made_from, uneven

__all__ = ["Ending", "Handed", "origins"]


@dataclass(frozen=True)
class Handed:
    """What a call was given by an earlier one."""

    number: int
    """Of the earlier call."""
    slopes: tuple[Tensor | None, ...]
    """By state, and as it is shaped: the derivative of each unit by the one it was made from; None
    where that is 1, or where no gradient goes back."""


class Ending:
    """The final states of a call, to be known again.

    Args:
        number: of the call.
        finals: what it returned: ``h_n`` and, of an LSTM, ``c_n``.
        mark: whose number it is: another observer's is not taken for it.
    """

    def __init__(self, number: int, finals: Sequence[Tensor], mark: object) -> None:
        self.number = number
        self._finals = [SameTensor(final) for final in finals]
        self._mark = mark
        for place, final in enumerate(finals):
            if final.requires_grad:
                edge = get_gradient_edge(final)
                found = _notes(edge.node).setdefault(mark, {})
                found[edge.output_nr] = number, place

    @property
    def alive(self) -> bool:
        """Whether anything still has the first of them as it was."""
        return self._finals[0].alive

    def is_in(self, state: Tensor) -> bool:
        """Whether ``state`` is the first of them, detached or not."""
        return self._finals[0].is_in(state)

    def handed(self, states: Sequence[Tensor]) -> Handed | None:
        """How they came to be ``states``; None where units or sequences were mixed on the way."""
        slopes: list[Tensor | None] = []
        for place, (final, state) in enumerate(zip(self._finals, states, strict=True)):
            if final.is_in(state) or not state.requires_grad:
                slopes.append(None)
                continue
            slope = self._slope(place, state)
            if slope is None:
                return None
            slopes.append(slope)
        return Handed(self.number, tuple(slopes))

    def _slope(self, place: int, state: Tensor) -> Tensor | None:
        """Of ``state`` by the final state of that place, where it is made of none of the others."""
        edges = {p: edge for (n, p), edge in origins(state, self._mark).items() if n == self.number}
        edge = edges.pop(place, None)
        others = gradients_of([state], list(edges.values()), [uneven(state)]) if edges else ()
        if edge is None or any(g is not None and bool((g != 0).any()) for g in others):
            return None
        return slope_of(state, edge)


def origins(state: Tensor, mark: object) -> dict[tuple[int, int], GradientEdge]:
    """The final states that it was made from, nearest first, by their call's number and place."""
    found: dict[tuple[int, int], GradientEdge] = {}
    for node, output in made_from(state, NEAR):
        place = _notes(node).get(mark, {}).get(output)
        if place is not None:
            found.setdefault(place, GradientEdge(node, output))
    return found


def _notes(node: Node) -> dict[object, dict[int, tuple[int, int]]]:
    """What is kept with it for as long as it lives."""
    notes: dict[object, dict[int, tuple[int, int]]] = node.metadata  # type: ignore[assignment]
    return notes

"""A state on its way from one call to the next: the same, detached, or changed.

What is changed (a mask where an episode ends, dropout, a decay) is found through the caller's graph
and its derivative asked of autograd, while the graph is whole. Nothing of it is kept alive: a call
leaves its number on the nodes of its final states, and those live as long as their caller wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from backsight.probes._autograd import gradients_of
from backsight.probes._tensors import SameTensor, made_from, uneven

__all__ = ["NEAR", "TRIES", "Ending", "Handed", "origins", "slope_of", "starts_anew"]

NEAR = 64
"""Operations between one call's state and the next one's, at most: a mask, a norm, a slice."""

TRIES = 16
"""Calls back that a state which was changed may come from: sequences may take turns."""

ROUNDING = 1e-3
"""Between two derivatives of one unit, relative to the largest."""


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


def slope_of(state: Tensor, made: Tensor | GradientEdge) -> Tensor | None:
    """``∂state/∂made`` by unit, as ``state`` is shaped; None where a unit is made of others too."""
    if not state.numel():
        return None
    alike, seed = torch.ones_like(state), uneven(state)
    (slope,), (other,) = (gradients_of([state], [made], [one]) for one in (alike, seed))
    if slope is None or other is None or slope.shape != state.shape:
        return None
    off = (slope * seed - other).abs() > ROUNDING * other.abs().amax()
    return None if bool(off.any()) else slope


def starts_anew(slopes: Sequence[Tensor | None], batch: int) -> Tensor | None:
    """``(batch,)``: the sequences of which nothing was handed on; None where that is not asked.

    Args:
        slopes: by state, each ``(…, batch, units)``, without its second last axis where a batch
            has none: what a gradient is multiplied by; None where a state was not changed, was
            detached, or mixed.
        batch: how many sequences.
    """
    if not slopes or any(slope is None for slope in slopes):
        return None
    gone = [(slope == 0).all(-1).reshape(-1, batch) for slope in slopes if slope is not None]
    return torch.cat(gone).all(0)

"""Sequences that have ended while others of their batch go on: their state is handed on unchanged.

A loop over a padded batch keeps the state of a sequence that has ended, by ``torch.where`` or by a
mask. These copies are no steps: the sequence's lags count from the last state that it has made.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._autograd import GradientTarget
from backsight.probes._steps import lead_of

__all__ = ["Held"]


class Held:
    """Told of gradients on states and products as they pass, later ones before earlier ones.

    A state is the one before it, handed on, where the same gradient arrives at both, and where
    they are equal or, of edges of the graph, whose values are not known, no gradient goes into the
    products that the later one would be made of.

    Args:
        states: by step and place.
        products: by step, edges of products that its states are made of.
        least: the first step that is a sequence's position. What comes before it is looked at as
            long as any state is handed on.
    """

    def __init__(
        self,
        states: Sequence[Sequence[GradientTarget]],
        products: Sequence[Sequence[GradientEdge]],
        least: int,
    ) -> None:
        self._states, self._products, self._least = states, products, least
        self._over = False
        self._later: dict[int, tuple[int, Tensor]] = {}
        """By place, the step and the gradient that was seen last."""
        self._same: dict[tuple[int, int], Tensor] = {}
        """``(B,)`` by step and place: whether its gradient is that of the next one, or the next
        one has none,"""
        self._there: dict[tuple[int, int], Tensor] = {}
        """and whether it has any."""
        self._used: dict[int, list[Tensor]] = {}
        """``(B,)`` by step: whether a gradient goes into a product."""

    def state(self, t: int, place: int, gradient: Tensor) -> None:
        """The gradient on a state."""
        if self._over:
            return
        rows = lead_of(gradient).flatten(1)
        self._there[t, place] = (rows != 0).any(-1)
        after, later = self._later.get(place, (-1, rows))
        if after == t + 1:
            same = (rows[: len(later)] == later).all(-1) | ~self._there[after, place]
            self._same[t, place] = same
            self._over = t < self._least and not bool(same.any())
        self._later[place] = t, rows

    def product(self, t: int, gradient: Tensor) -> None:
        """The gradient on a product of that step."""
        if self._over:
            return
        self._used.setdefault(t, []).append((lead_of(gradient).flatten(1) != 0).any(-1))

    def back(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(B,)``: the steps at which the states of the positions ``at`` were made."""
        at = at.copy()
        for t in range(int(at.max(initial=0)) - 1, -1, -1):
            waiting = at == t + 1
            if not waiting.any():
                continue
            held = self._handed_on(t)
            if held is None:
                continue
            rows = held.cpu().numpy()
            at[: len(rows)] = np.where(waiting[: len(rows)] & rows, t, at[: len(rows)])
        return at

    def _handed_on(self, t: int) -> Tensor | None:
        """``(B,)``: whether the states of step ``t`` are those of the next one as well."""
        held: Tensor | None = None
        for place, (state, after) in enumerate(
            zip(self._states[t], self._states[t + 1], strict=True)
        ):
            if (t + 1, place) not in self._there:
                continue  # no gradient at all
            same = self._same.get((t, place))
            if same is None:
                return None
            if isinstance(state, Tensor) and isinstance(after, Tensor):
                same = same & _equal(state, after)
            held = same if held is None else held & same
        if held is None or isinstance(self._states[t][0], Tensor):
            return held
        if not self._products[t + 1]:
            return None
        for used in self._used.get(t + 1, ()):
            if len(used) != len(held):
                return None  # a product of something else than rows of the batch
            held = held & ~used
        return held


def _equal(state: Tensor, after: Tensor) -> Tensor:
    """``(B,)``: whether both are the same numbers."""
    one, other = lead_of(state.detach()).flatten(1), lead_of(after.detach()).flatten(1)
    return (one[: len(other)] == other).all(-1)

"""Sequences that sit out some steps of a loop: their state is handed on unchanged.

A loop over a padded batch keeps the state of a sequence that has ended, and the initial state of
one that has not begun, by ``torch.where`` or by a mask. These copies are no steps: the sequence's
lags count from the last state that it has made, back to the first one.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._autograd import GradientTarget
from backsight.probes._operations import operation, unpacked
from backsight.probes._steps import lead_of

__all__ = ["Held", "held_first", "last_of"]

MAY_BE_INACTIVE = {"Clamp", "ClampMax", "ClampMin", "Hardsigmoid", "Hardswish", "Hardtanh"} | {
    "Relu", "Relu6", "Softshrink", "Threshold",
}  # fmt: skip
"""Operations that may give all units of a sequence no slope."""

Used = Callable[[int], Sequence[Tensor | None]]
"""The gradients on the products of a step."""


class Held:
    """Told of gradients on states as they pass, later ones before earlier ones.

    A state is the one before it, handed on, where the same gradient arrives at both, and where
    they are equal or, of edges of the graph, whose values are not known, no gradient goes into the
    products that the later one would be made of.

    Args:
        states: by step and place.
        least: the first step that is a sequence's position. What comes before it is looked at as
            long as any state is handed on.
    """

    def __init__(self, states: Sequence[Sequence[GradientTarget]], least: int) -> None:
        self._states, self._least = states, least
        self._over = False
        self._later: dict[int, tuple[int, Tensor]] = {}
        """By place, the step and the gradient that was seen last."""
        self.same: dict[tuple[int, int], Tensor] = {}
        """``(B,)`` by step and place: whether its gradient is that of the next one, or the next
        one has none,"""
        self.there: dict[tuple[int, int], Tensor] = {}
        """and whether it has any."""

    @property
    def from_the_first(self) -> bool:
        """Whether the first two states of a sequence may be one."""
        places = [place for t, place in self.same if t == 0]
        held = [self.same[0, place] & self.there[0, place][: len(self.same[0, place])]
                for place in places]  # fmt: skip
        return any(bool(one.any()) for one in held)

    def state(self, t: int, place: int, gradient: Tensor) -> None:
        """The gradient on a state."""
        if self._over and t > 1:
            return
        rows = lead_of(gradient).flatten(1)
        self.there[t, place] = (rows != 0).any(-1)
        after, later = self._later.get(place, (-1, rows))
        if after == t + 1:
            n = min(len(rows), len(later))
            same = (rows[:n] == later[:n]).all(-1) | ~self.there[after, place][:n]
            self.same[t, place] = same
            self._over = self._over or (t < self._least and not bool(same.any()))
        self._later[place] = t, rows

    def back(self, at: NDArray[np.int64], used: Used) -> NDArray[np.int64]:
        """``(B,)``: the steps at which the states of the positions ``at`` were made."""
        at = at.copy()
        for t in range(int(at.max(initial=0)) - 1, -1, -1):
            waiting = at == t + 1
            if not waiting.any():
                continue
            held = self._handed_on(t, used)
            if held is None:
                continue
            rows = held.cpu().numpy()
            at[: len(rows)] = np.where(waiting[: len(rows)] & rows, t, at[: len(rows)])
        return at

    def _handed_on(self, t: int, used: Used) -> Tensor | None:
        """``(B,)``: whether the states of step ``t`` are those of the next one as well."""
        held = self.alike(t)
        if held is None or isinstance(self._states[t][0], Tensor) or not bool(held.any()):
            return held
        unused = _unused(used(t + 1), held)
        return None if unused is None else held & unused

    def alike(self, t: int) -> Tensor | None:
        """``(B,)``: whether they may be, by their gradients and, where they are known, values."""
        held: Tensor | None = None
        for place, (state, after) in enumerate(
            zip(self._states[t], self._states[t + 1], strict=True)
        ):
            if (t + 1, place) not in self.there:
                continue  # no gradient at all
            same = self.same.get((t, place))
            if same is None:
                return None
            if isinstance(state, Tensor) and isinstance(after, Tensor):
                same = same & _equal(state, after)
            if _adds_units(after):
                return None
            held = same if held is None else held & same
        return held


def held_first(
    states: Sequence[Sequence[GradientTarget]],
    at: NDArray[np.int64],
    held: Held,
    again: Callable[[Callable[[int, int, Tensor], None]], None],
    used: Used,
    initial: Sequence[Tensor],
) -> NDArray[np.int64]:
    """``(B,)``: how many of its first steps a sequence has sat out, before it began.

    Its states are then the initial one, whose gradient all of them have.

    Args:
        states: by step and place.
        at: positions ``(B,)``.
        held: of the pass from these positions.
        again: make that pass once more, and show the gradients.
        used: the gradients on the products of a step.
        initial: what the first step was given, as far as its values are known.
    """
    first = np.zeros_like(at)
    if any(map(_adds_units, states[0])):
        return first
    makes = _chosen(states[0][0])
    unbegun = None
    if held.from_the_first or makes is not None:
        unbegun = _sits_out_the_first(states[0], held, used, initial, makes)
    if unbegun is None or not unbegun.any():
        return first
    waiting = unbegun & (at[: len(unbegun)] > 0)
    first[: len(waiting)][waiting] = 1
    if not held.from_the_first:
        return first
    every = Held(states, 0)
    again(every.state)
    for t in range(int(at.max(initial=0))):
        alike = every.alike(t)
        if alike is None or not waiting.any():
            break
        waiting = waiting[: len(alike)] & alike.cpu().numpy()[: len(waiting)]
        waiting &= at[: len(waiting)] > t + 1
        first[: len(waiting)][waiting] = t + 2
    return first


def last_of(states: Sequence[Sequence[GradientTarget]], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(B,)``: the last step that a sequence takes part in, as far as that is known.

    No gradient may arrive at later copies of its state, where the loss leaves padding out: then
    values tell, or what ``torch.where``, or a mask, chooses.

    Args:
        states: by step and place.
        at: positions ``(B,)``.
    """
    last = np.full_like(at, len(states) - 1)
    for t in range(len(states) - 1, 0, -1):
        waiting = (last == t) & (at < t) & (at >= 0)
        out = _sits_out(states[t], states[t - 1], at >= t) if waiting.any() else None
        if out is None:
            break
        waiting = waiting[: len(out)] & out[: len(waiting)]
        if not waiting.any():
            break
        last[: len(waiting)][waiting] = t - 1
    return last


def _sits_out(
    states: Sequence[GradientTarget], before: Sequence[GradientTarget], making: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """``(B,)``: which sequences sit a step out; None where it cannot be told.

    Args:
        states: of the step.
        before: of the one before.
        making: ``(B,)``: sequences that take part in it.
    """
    found: Tensor | None = None
    if any(map(_adds_units, states)):
        return None
    for state, one in zip(states, before, strict=True):
        if isinstance(state, Tensor) and isinstance(one, Tensor):
            # Not a state of zeros, as that of inactive units, which a step may make again.
            same = _equal(state, one) & (lead_of(state.detach()) != 0).flatten(1).any(1)
            found = same if found is None else found & same
    if found is not None:
        return found.cpu().numpy()
    chosen = _chosen(states[0])
    if chosen is None:
        return None
    choice = chosen.cpu().numpy()
    makes = np.unique(choice[making[: len(choice)]])
    return choice != makes[0] if len(makes) == 1 else None


def _sits_out_the_first(
    states: Sequence[GradientTarget],
    held: Held,
    used: Used,
    initial: Sequence[Tensor],
    makes: Tensor | None,
) -> NDArray[np.bool_] | None:
    """``(B,)``: whether the first step has left the initial state; None where it cannot be told."""
    there = [one for (t, _), one in held.there.items() if t == 0]
    if not there:
        return None
    found = torch.stack(there).any(0)
    if isinstance(states[0], Tensor):
        same = torch.ones_like(found)
        for state in states:
            assert isinstance(state, Tensor)
            alike = [one for one in initial if one.shape == state.shape]
            every = [_equal(state, one) for one in alike or [torch.zeros_like(state)]]
            same = same & torch.stack(every).any(0)
    else:
        unused = _unused(used(0), found)
        if unused is None:
            return None
        same = unused
    if makes is not None:  # a step that has made nothing of its input is one all the same
        made = makes[found & ~same]
        if not len(made) or bool((made != made[0]).any()):
            return None
        same = same & (makes != made[0])
    return (found & same).cpu().numpy()


def _unused(gradients: Sequence[Tensor | None], alike: Tensor) -> Tensor | None:
    """``(B,)``: whether no gradient goes into the products of a step; None where they are not
    known, or are those of something else than rows of the batch."""
    if not gradients:
        return None
    found = torch.ones_like(alike)
    for one in gradients:
        if one is not None:
            there = (lead_of(one).flatten(1) != 0).any(-1)
            if len(there) != len(found):
                return None
            found = found & ~there
    return found


def _adds_units(state: GradientTarget) -> bool:
    """Whether it is the state before and units added to it that may all be inactive: a step that
    adds nothing is one all the same."""
    node = state.grad_fn if isinstance(state, Tensor) else state.node
    if node is None or operation(node) not in ("Add", "Sub"):
        return False
    terms = [term for term, _ in node.next_functions if term is not None]
    scaled = [t for term in terms if operation(term) == "Mul" for t, _ in term.next_functions if t]
    return any(operation(term) in MAY_BE_INACTIVE for term in (*terms, *scaled))


def _chosen(state: GradientTarget) -> Tensor | None:
    """``(B,)``: what ``torch.where`` chooses for each sequence, or a mask that the state before or
    the new one was multiplied by; None where it is the same for all, or there is none."""
    node = state.grad_fn if isinstance(state, Tensor) else state.node
    choice = None if node is None else _choice(node)
    if (
        choice is None
        or choice.dim() != 2
        or choice.layout != torch.strided
        or bool((choice != choice[:, :1]).any())
    ):
        return None
    chosen = choice[:, 0] != 0
    return chosen if bool((chosen != chosen[0]).any()) else None


def _choice(node: Node) -> Tensor | None:
    if operation(node) == "Where":
        return unpacked(node, "condition")
    if operation(node) != "Add":
        return None
    for term, _ in node.next_functions:
        if term is not None and operation(term) == "Mul":
            (one, _), (other, _) = term.next_functions
            if (one is None) != (other is None):  # no gradient goes into a mask
                return unpacked(term, "self" if one is None else "other")
    return None


def _equal(state: Tensor, after: Tensor) -> Tensor:
    """``(B,)``: whether both are the same numbers."""
    one, other = lead_of(state.detach()).flatten(1), lead_of(after.detach()).flatten(1)
    n = min(len(one), len(other))
    return (one[:n] == other[:n]).all(-1)

"""The gradient through a loop over a cell or a module that is called once a step.

Two passes: the whole loss's gradient on every state, and, for the reach, the one that comes from
each sequence's last position alone. Modules that are stacked, each fed by the one below at the same
step, are asked together: what lies between a lower layer's states and the loss is the layer above.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._autograd import GradientTarget, each_gradient, gradients_of
from backsight.probes._last_taken import column_of_steps
from backsight.probes._precision import least_norm
from backsight.probes._profile import SATURATED, GradientProfile, profile_of
from backsight.probes._steps import (
    Chain,
    StateStep,
    StepStates,
    begun_of,
    first_of,
    idle_of,
    lead_of,
    lead_size,
)
from backsight.probes._tensors import portions, uneven
from backsight.probes.stepped._held import Held, held_first, last_of
from backsight.probes.stepped._state_tally import StateTally

__all__ = ["profiles_of_steps", "stacks_of"]

_ByState = dict[tuple[int, int], Tensor]
"""``(B,)`` norms by step and place."""

_Steps = NDArray[np.int64]
"""``(B,)``"""


def profiles_of_steps(
    stack: Mapping[str, Sequence[Sequence[StepStates]]],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    bounded: Mapping[str, bool | None],
    positions: list[_Steps | None] | None = None,
) -> dict[str, GradientProfile]:
    """Profiles of the states of a stack: ``path`` of each, ``path.state1`` of a second state.

    States that are edges of the graph have no values, so that their norms are not known.

    Args:
        stack: by the module's path, chains that go together; of steps whose outputs are states.
        roots: what backward is about to be called on.
        gradients: with these gradients.
        factor: what ``grad_time`` is multiplied by (AMP).
        bounded: by path, whether the first state stays within ±1; None where nobody knows: any
            state of it that does so throughout is then taken for one.
        positions: where the position ``(B,)`` of each sequence is put, chain by chain; None of a
            chain in which no gradient arrives, some sequence begins later, or one sits out.

    Example:
        >>> import torch
        >>> from backsight.probes._steps import StateStep
        >>> from backsight.probes.stepped import profiles_of_steps
        >>> states = [torch.ones(1, 2, requires_grad=True)]
        >>> for _ in range(3):
        ...     states.append(0.5 * states[-1])
        >>> chain = [StateStep([state], None, []) for state in states]
        >>> loss = states[-1].sum()
        >>> profiles = profiles_of_steps({"mine": [chain]}, [loss], [None], 1.0, {"mine": None})
        >>> profiles["mine"].reach.tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    names = [
        path if not n else f"{path}.state{n}".lstrip(".")
        for path, chains in stack.items()
        for n in range(len(chains[0][0].outputs))
    ]
    limits = [
        bounded[path] if n == 0 or bounded[path] is None else False
        for path, chains in stack.items()
        for n in range(len(chains[0][0].outputs))
    ]
    edges = [_Edges(limit) for limit in limits]
    tallies = [StateTally() for _ in names]
    least = [0.0] * len(names)
    columns: list[list[dict[int, NDArray[np.float64]]]] = [[] for _ in names]
    """By place and chain, the gradient of each sequence at each step."""
    lengths: set[int] = set()
    anew = np.zeros(2)  # sequences that begin anew on the way, and sequences
    for layers in zip(*stack.values(), strict=True):
        states = [
            [state for call in calls for state in call.outputs]
            for calls in zip(*layers, strict=True)
        ]
        products = [
            [edge for call in calls for edge in call.products]
            for calls in zip(*layers, strict=True)
        ]
        steps = [*zip(*layers, strict=True)]
        initial = [x for call in steps[0] for one in call.initial if (x := one.tensor) is not None]
        passed = _through(states, products, roots, gradients, initial)
        if passed is None:
            if positions is not None:
                positions.append(None)
            continue
        totals, back, at, first, last = passed
        told = [[call.anew for call in calls] for calls in steps]
        first = np.maximum(first, first_of(told, [lead_size(step[0]) for step in states], at))
        begun = np.maximum(first, begun_of(told, at))
        idle = idle_of([[call.idle for call in calls] for calls in steps], at)
        if positions is not None:
            there = at >= 0
            positions.append(at if idle is None and not begun[there].any() else None)
        anew += (begun > first)[at >= 0].sum(), (at >= 0).sum()
        scaled, alone = _on_host(totals, factor), _on_host(back)
        lengths.add(len(states))
        for place, tally in enumerate(tallies):
            columns[place].append(scaled.get(place, {}))
            known = [
                (t, state.detach())
                for t, step in enumerate(states)
                if isinstance(state := step[place], Tensor)
            ]
            if known:
                least[place] = least_norm(_by_sequence(known[0][1]))
                norms = edges[place].add([state for _, state in known])
                tally.add_states([t for t, _ in known], [*norms])
            counts = np.array([lead_size(step[place]) for step in states])
            tally.add_gradients(
                scaled.get(place, {}), alone.get(place, {}), counts, at, (first, begun, last), idle
            )
    return {
        name: profile_of(
            time=tally.time,
            lags=tally.lags,
            hidden=tally.hidden,
            cell=None,
            saturation=found.saturation,
            exact=True,
            share=tally.lags.shares(),
            graph_end=tally.end if tally.end >= 0 else None,
            least=smallest,
            begun=float(anew[0] / max(anew[1], 1)),
            inactive=found.inactive,
            last_column=column_of_steps(column, max(lengths), roots) if len(lengths) == 1 else None,
        )
        for name, tally, found, smallest, column in zip(
            names, tallies, edges, least, columns, strict=True
        )
    }


def _on_host(
    norms: _ByState, factor: float | None = None
) -> dict[int, dict[int, NDArray[np.float64]]]:
    """By place and step, multiplied by ``factor``; all of them in one copy."""
    found: dict[int, dict[int, NDArray[np.float64]]] = {}
    if not norms:
        return found
    together = torch.cat([*norms.values()]).cpu().numpy()
    together = together if factor is None else together * factor
    end = 0
    for (t, place), one in norms.items():
        begin, end = end, end + len(one)
        found.setdefault(place, {})[t] = together[begin:end]
    return found


class _Edges:
    """How many of the elements of a state lie at the end of ±1, and whether any lies beyond."""

    kinds = ("saturated", "beyond", "zero", "negative", "all")

    def __init__(self, bounded: bool | None) -> None:
        self._bounded = bounded
        self._counts = np.zeros(len(self.kinds))

    def add(self, states: Sequence[Tensor]) -> Iterator[NDArray[np.float64]]:
        """Count those of all steps, and give the norms ``(B,)`` of each."""
        for part in portions(states):
            rows = [_by_sequence(state) for state in states[part]]
            together = torch.cat(rows)
            both = torch.cat([_norms(together), _edges(together, self._bounded)]).cpu().numpy()
            self._counts += both[-len(self.kinds) :]
            yield from np.split(
                both[: -len(self.kinds)], np.cumsum([len(row) for row in rows])[:-1]
            )

    @property
    def saturation(self) -> dict[str, float]:
        """The share, of a state that is bounded or, where nobody knows, has been so."""
        saturated, beyond, *_, size = self._counts
        if not size or self._bounded is False or (self._bounded is None and beyond):
            return {}
        return {"": float(saturated / size)}

    @property
    def inactive(self) -> float | None:
        """The share that is exactly 0, of a state without negative elements."""
        *_, zero, negative, size = self._counts
        return float(zero / size) if zero and not negative else None


def _edges(state: Tensor, bounded: bool | None) -> Tensor:
    """``(5,)``, as ``_Edges.kinds``; a NaN lies beyond. Of a bounded state, the first is enough."""
    sizes = state.abs()
    found = [sizes > SATURATED]
    if not bounded:
        found += [~(sizes <= 1), state == 0, ~(state >= 0)]
    counts = [torch.count_nonzero(one).double() for one in found]
    counts += [torch.zeros_like(counts[0])] * (4 - len(counts))
    counts.append(torch.full_like(counts[0], state.numel()))
    return torch.stack(counts)


def _through(
    states: Sequence[Sequence[GradientTarget]],
    products: Sequence[Sequence[GradientEdge]],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    initial: Sequence[Tensor],
) -> tuple[_ByState, _ByState, _Steps, _Steps, _Steps] | None:
    """Norms of both passes, where a gradient arrived, and the sequences' positions, first and last
    steps.

    The position of a sequence that ended before others is where its last state was made; the first
    step of one that begins later, where its first state was made.
    """
    there = [
        (t, place, state)
        for t, step in enumerate(states)
        for place, state in enumerate(step)
        if isinstance(state, GradientEdge) or state.requires_grad
    ]
    ends = sum(t == there[0][0] for t, _, _ in there)
    totals = _Totals(there)
    with each_gradient([state for _, _, state in there], ends=ends) as passes:
        passes(roots, gradients, totals.visit)
        position = totals.position
        if position is None or not bool((position >= 0).any()):
            return None
        back: _ByState = {}
        held = Held(states, int(position[position >= 0].min()))

        def visit(number: int, gradient: Tensor) -> None:
            t, place, _ = there[number]
            back[t, place] = _norms(gradient)
            held.state(t, place, gradient)

        outputs, seeds = _seeds(states, totals.last(position), position)
        passes(outputs, seeds, visit)

        def used(t: int) -> list[Tensor | None]:
            """The gradients on the products of a step."""
            return gradients_of(outputs, products[t], seeds) if products[t] else []

        def again(see: Callable[[int, int, Tensor], None]) -> None:
            """The second pass once more."""
            passes(outputs, seeds, lambda number, one: see(*there[number][:2], one))

        position_of = position.cpu().numpy()
        at = held.back(position_of, used)
        first = held_first(states, at, held, again, used, initial)
    last = np.where(at < position_of, at, last_of(states, position_of))
    return totals.norms, back, at, first, last


class _Totals:
    """What is kept of the whole loss's gradient on each state.

    Args:
        states: step, place and tensor, or edge of the graph, of each.
    """

    def __init__(self, states: list[tuple[int, int, GradientTarget]]) -> None:
        self.norms: _ByState = {}
        self.position: Tensor | None = None
        """``(B,)``: each sequence's last step with a gradient: nothing comes after it, so that
        it is a direct one. -1 where there is none; None before any gradient has come."""
        self._count = max(lead_size(state) for _, _, state in states)
        self._states = states
        self._least = -1
        """The first step that is a position."""
        self._whole: dict[tuple[int, int], Tensor] = {}

    def visit(self, number: int, gradient: Tensor) -> None:
        """The gradient on a state, usually a later one's before an earlier one's."""
        t, place, _ = self._states[number]
        self.norms[t, place] = _norms(gradient)
        if t < self._least:
            return  # every sequence has a later position
        nonzero = (_by_sequence(gradient) != 0).any(-1)
        if self.position is None:
            self.position = torch.full((self._count,), -1, device=gradient.device)
        position = self.position[: len(nonzero)]
        last = nonzero & (position <= t)
        if bool(last.any()):
            self._whole[t, place] = gradient
            position[last] = t
            self._least = int(self.position.min())

    def last(self, position: Tensor) -> dict[int, dict[int, Tensor]]:
        """By step that is some sequence's last, and by place: the gradients."""
        found: dict[int, dict[int, Tensor]] = {}
        for (t, place), gradient in self._whole.items():
            found.setdefault(t, {})[place] = gradient
        return {t: found[t] for t in sorted(set(position.tolist()) - {-1})}


def stacks_of(chains: Mapping[str, Sequence[Chain]]) -> list[list[str]]:
    """Which modules are stacked, by path: those that are fed each other's states step by step.

    Args:
        chains: by path, in the order in which the modules ran.
    """
    stacks: list[list[str]] = []
    for path, own in chains.items():
        under = [stack for stack in stacks if any(_lies_on(own, chains[other]) for other in stack)]
        joined = [*(other for stack in under for other in stack), path]
        stacks = [*(stack for stack in stacks if stack not in under), joined]
    return stacks


def _lies_on(upper: Sequence[Chain], lower: Sequence[Chain]) -> bool:
    """Whether the last state below goes into the last step above, and not into the first.

    Into the first one goes that of an encoder, or of the other direction.
    """
    return [len(chain) for chain in upper] == [len(chain) for chain in lower] and all(
        _feeds(below[-1], above[-1]) and (len(above) == 1 or not _feeds(below[-1], above[0]))
        for above, below in zip(upper, lower, strict=True)
    )


def _feeds(lower: StateStep, upper: StateStep) -> bool:
    """Whether what ``upper`` was called with depends on a state of ``lower``.

    Where a path in the graph is no answer: all steps may be stacked into one tensor in between.
    """
    found = gradients_of(upper.given, lower.outputs, [uneven(x) for x in upper.given])
    return any(gradient is not None and bool((gradient != 0).any()) for gradient in found)


def _seeds(
    states: Sequence[Sequence[GradientTarget]],
    totals: Mapping[int, Mapping[int, Tensor]],
    position: Tensor,
) -> tuple[list[GradientTarget], list[Tensor]]:
    """Each sequence's states at its position, and the direct gradients on them."""
    outputs: list[GradientTarget] = []
    seeds: list[Tensor] = []
    for t, found in totals.items():
        step = [(states[t][place], found[place]) for place in sorted(found)]
        for (state, _), direct in zip(step, _directs(step), strict=True):
            lead = lead_of(direct)
            mask = (position[: len(lead)] == t).view(-1, *[1] * (lead.dim() - 1))
            outputs.append(state)
            seeds.append(torch.where(mask, lead, 0).view_as(direct))
    return outputs, seeds


def _directs(step: Sequence[tuple[GradientTarget, Tensor]]) -> list[Tensor]:
    """The gradient on each state of a step that did not come through another one of them.

    An LSTM's h is made of its c, a stack's layers of each other: what goes through is not to be
    counted twice. Each round takes the paths off that are one link longer.
    """
    directs = [total for _, total in step]
    for _ in step[1:]:
        taken = []
        for state, total in step:
            for (other, _), direct in zip(step, directs, strict=True):
                if other is not state:
                    (through,) = gradients_of([other], [state], [direct])
                    total = total if through is None else total - through
            taken.append(total)
        directs = taken
    return directs


def _by_sequence(state: Tensor) -> Tensor:
    """``(B, units)``."""
    lead = lead_of(state)
    return lead if lead.dim() == 2 else lead.flatten(1)


def _norms(state: Tensor) -> Tensor:
    """``(B,)``."""
    dtype = torch.complex128 if state.is_complex() else torch.float64
    norms: Tensor = torch.linalg.vector_norm(_by_sequence(state), dim=-1, dtype=dtype)
    return norms

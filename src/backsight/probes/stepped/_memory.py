"""How much of the states of a module that is called once a step depends on what lies further back.

What each call was given is kept, and the calls are made again: with the states that come out, in
the place of those that went in. What else a call was given is its input, whatever it was made of.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from backsight.layers import LayerAdapter
from backsight.probes._deep import LayerRun
from backsight.probes._memory import Losses, MemoryProfile, compared_of, memory
from backsight.probes._memory_lanes import Advance, Carried, Fed
from backsight.probes._readout import Readout
from backsight.probes._rerun import as_it_was, autocast_now, may_run_again, taken_apart
from backsight.probes._sequences import spacing
from backsight.probes._state_handoff import NEAR
from backsight.probes._steps import StateStep, StepCall, nodes_of
from backsight.probes._tensors import Unchanged, made_of

__all__ = ["StepRun", "call_of", "followed", "steps_to_run"]


@dataclass(frozen=True, slots=True)
class _Slots:
    """What the arguments of a call are, by their place among its leaves."""

    states: dict[int, int]
    """The state that is handed on there: its place among the outputs of the call before."""
    inputs: tuple[int, ...]
    """A row for each sequence."""
    fixed: tuple[int, ...]
    """The same in all calls."""


def call_of(
    module: nn.Module,
    args: Any,
    kwargs: Any,
    result: Any,
    outputs: Sequence[Tensor],
    previous: StateStep | None,
    *,
    of_kind: bool,
) -> StepCall | None:
    """What it takes to make a call again; None where its arguments cannot be taken apart.

    Args:
        module: what was called.
        args: with these,
        kwargs: and these by name.
        result: what it returned.
        outputs: the tensors in the result that may be states.
        previous: the call whose state it was given.
        of_kind: whether it is a layer of a registered kind; of others, an input that is made of the
            state before is looked for, in the first call that is given one.
    """
    given, returned = taken_apart((args, kwargs)), taken_apart(result)
    if given is None or returned is None:
        return None
    (leaves, spec), (made, _) = given, returned
    places = [n for out in outputs for n, one in enumerate(made) if one is out]
    if len(places) != len(outputs):
        return None
    kept = [Unchanged(one) if isinstance(one, Tensor) else one for one in leaves]
    handed: dict[int, int] = {}
    changed = False
    if previous is not None:
        handed = {
            n: place
            for n, one in enumerate(leaves)
            if isinstance(one, Tensor)
            for place, mark in enumerate(previous.marks)
            if mark.is_in(one)
        }
        if not of_kind and previous.previous is None:
            nodes = nodes_of([previous])
            others = [one for n, one in enumerate(leaves) if n not in handed]
            others = [one for one in others if isinstance(one, Tensor) and one.requires_grad]
            changed = any(made_of(one, nodes, NEAR) is not None for one in others)
    return StepCall(module, kept, spec, places, handed, autocast_now(outputs[0]), changed)


@dataclass(frozen=True, slots=True, eq=False)
class StepRun:
    """Calls to be made again; nothing of a graph is held.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes.stepped import StepRun
        >>> def again(cell):
        ...     def advance(inputs, state):
        ...         for x in inputs[0]:
        ...             state = (cell(x, state[0]),)
        ...         return state
        ...     return advance
        >>> cell, x, h = nn.GRUCell(3, 4), torch.randn(6, 2, 3), torch.zeros(2, 4)
        >>> run = StepRun(cell, again(cell), (x,), (h,), [6, 6], 2, again, [0, 1], None)
        >>> run.memory().lags.tolist()
        [1, 2, 4, 6]
    """

    module: nn.Module
    advance: Advance
    inputs: tuple[Tensor, ...]
    """``(T, B, …)`` each."""
    state: Carried
    """What the sequences begin with."""
    lengths: list[int]
    """Steps of each up to its position."""
    compared: int
    again: Callable[[nn.Module], Advance]
    """``advance``, of a copy of the module in float64."""
    rows: list[int]
    """Which of the batch each sequence is."""
    autocast: torch.dtype | None
    """What the calls were computed in, where that was under autocast."""

    def in_double(self) -> LayerRun:
        """The same of a copy of the module in float64, which computes as in evaluation."""
        return LayerRun(
            self.again(copy.deepcopy(self.module).double().eval()),
            tuple(_double(one) for one in self.inputs),
            tuple(_double(one) for one in self.state),
            self.lengths,
        )

    def memory(self, readout: Readout | None = None) -> MemoryProfile | None:
        """None where nothing can be told, as of sequences that are but a step long.

        Args:
            readout: what may lie between a state and the loss.
        """

        def worth(own: Tensor) -> Losses | None:
            told = None if readout is None else readout.rows(own, [self.rows[: len(own)]])
            if readout is None or told is None:
                return None
            rows = told
            return lambda h, members: readout.losses(h, [rows[member] for member in members])

        advance, begin = _as_one_layer(self.advance, self.state)
        with as_it_was(self.module, self.state[0], self.autocast):
            (found,) = memory(
                advance,
                self.inputs,
                begin,
                lengths=self.lengths,
                compared=self.compared,
                worth=worth,
            )
        return found if found.tells else None


def _as_one_layer(advance: Advance, state: Carried) -> tuple[Advance, Carried]:
    """The same where the hidden state is a row for each sequence, as of a memory's slots
    ``(B, slots, H)``: they are no layers."""
    hidden, *others = state
    if hidden.dim() == 2:
        return advance, state
    shape = hidden.shape[1:]

    def flat(inputs: Fed, given: Carried) -> Carried:
        h, *rest = advance(inputs, (given[0].view(-1, *shape), *given[1:]))
        return (h.flatten(1), *rest)

    return flat, (hidden.flatten(1), *others)


def steps_to_run(
    chain: Sequence[StateStep],
    places: Sequence[int],
    positions: Sequence[int],
    *,
    adapter: LayerAdapter | None,
    sequences: int | None,
    alone: bool = False,
) -> StepRun | None:
    """What it takes to measure the memory of one module; None where it cannot be run again.

    Args:
        chain: its calls, in their order, with their states alone as outputs.
        places: of the states, among all outputs, ascending; the first is the hidden state.
        positions: of each sequence, the step whose state is measured; negative where there is none.
        adapter: its kind, where it is registered: then it is given its input and its states alone.
        sequences: how many to follow, as of :class:`ReaderSettings`.
        alone: whether a single sequence will do, which has no other one to be compared with.
    """
    calls = [step.call for step in chain if step.call is not None]
    batch = len(positions)
    if len(calls) < max(len(chain), 2) or not _is_plain_chain(chain, batch):
        return None
    slots = _slots(calls, places, batch, of_kind=adapter is not None)
    rows = followed(positions, sequences, 1 if alone else 2)
    compared = compared_of(batch, len(rows))
    if (
        slots is None
        or not rows
        or (compared < 1 and not alone)
        or not may_run_again(calls[0].module)
    ):
        return None
    zero = adapter is not None and adapter.begins_at_zero
    begin = _initial(chain[0], calls, places, slots, zero=zero)
    inputs = None if begin is None else _inputs(calls[begin[1] :], slots, rows)
    if begin is None or not inputs:
        return None
    state, skipped = begin
    lengths = [positions[row] + 1 - skipped for row in rows]
    if min(lengths) < 1:
        return None
    return StepRun(
        calls[0].module,
        _advance(calls[1], slots, places),
        inputs,
        tuple(one[rows] for one in state),
        lengths,
        compared,
        partial(_advance, calls[1], slots, places),
        rows,
        calls[1].autocast,
    )


def _is_plain_chain(chain: Sequence[StateStep], batch: int) -> bool:
    """Whether every call has the same sequences, and none begins anew or sits a step out."""
    return all(
        step.anew is None
        and step.idle is None
        and all(out.dim() > 1 and out.shape[0] == batch for out in step.outputs)
        for step in chain
    )


def _slots(
    calls: Sequence[StepCall], places: Sequence[int], batch: int, *, of_kind: bool
) -> _Slots | None:
    """None where calls differ in more than their inputs, or where a state is not handed on as it
    was made."""
    _, second, *later = calls
    found = second.handed
    if any(call.handed != found or call.spec != second.spec for call in later):
        return None
    if sorted(found.values()) != [*places] or any(call.changed for call in calls):
        return None
    numbers = [one for one in second.leaves if not isinstance(one, Unchanged)]
    if any([x for x in call.leaves if not isinstance(x, Unchanged)] != numbers for call in later):
        return None
    inputs, fixed = [], []
    for n, leaf in enumerate(second.leaves):
        if not isinstance(leaf, Unchanged) or n in found:
            continue
        each = [call.leaves[n].tensor for call in calls[1:]]
        first = each[0]
        if first is None or any(one is None for one in each):
            return None  # overwritten since
        if first.dim() and first.shape[0] == batch:
            inputs.append(n)
        elif all(_same(one, first) for one in each):
            fixed.append(n)
        else:
            return None
    if of_kind and (len(inputs) != 1 or fixed):
        return None
    return _Slots(found, tuple(inputs), tuple(fixed))


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


def followed(positions: Sequence[int], sequences: int | None, least: int = 2) -> list[int]:
    """Some of those that have a position, evenly spaced.

    Example:
        >>> from backsight.probes.stepped import followed
        >>> followed([3, -1, 5, 2], None)
        [0, 2, 3]
    """
    known = [row for row, at in enumerate(positions) if at >= 0]
    count, step = spacing(sequences, len(known)) if len(known) >= least else (0, 1)
    return known[::step][:count]


def _initial(
    step: StateStep, calls: Sequence[StepCall], places: Sequence[int], slots: _Slots, *, zero: bool
) -> tuple[Carried, int] | None:
    """What all sequences begin with, and how many calls are made by then.

    Where the first call was given no state, it may take ``zero``; of others, the state that it
    returned is the first one that is known.
    """
    first, second, *_ = calls
    if first.spec == second.spec:
        at = {place: n for n, place in slots.states.items()}
        given = [first.leaves[at[place]] for place in places]
        kept = [one.tensor if isinstance(one, Unchanged) else None for one in given]
        known = [one for one in kept if one is not None]
        if [one.shape for one in known] == [out.shape for out in step.outputs]:
            return tuple(known), 0
    made = tuple(out.detach() for out in step.outputs)
    if zero:
        return tuple(torch.zeros_like(one) for one in made), 0
    if not all(mark.is_in(out) for mark, out in zip(step.marks, step.outputs, strict=False)):
        return None  # written into since
    return tuple(one.clone() for one in made), 1


def _inputs(
    calls: Sequence[StepCall], slots: _Slots, rows: Sequence[int]
) -> tuple[Tensor, ...] | None:
    """``(T, B, …)`` by place; None where they are not alike in all calls."""
    found = []
    for n in slots.inputs:
        each = []
        for call in calls:
            leaf = call.leaves[n] if n < len(call.leaves) else None
            tensor = leaf.tensor if isinstance(leaf, Unchanged) else None
            if tensor is None:
                return None
            each.append(tensor)
        if len({(one.shape, one.dtype) for one in each}) > 1:
            return None
        found.append(torch.stack([one[rows] for one in each]))
    return tuple(found)


def _double(one: Tensor) -> Tensor:
    one = one.detach()
    return one.double() if one.is_floating_point() else one


def _advance(
    call: StepCall, slots: _Slots, places: Sequence[int], module: nn.Module | None = None
) -> Advance:
    """Calls the module once a step, or a copy of it that computes in float64."""
    at = {place: n for n, place in enumerate(places)}
    plain = [one.tensor if isinstance(one, Unchanged) else one for one in call.leaves]
    called = module or call.module
    if module is not None:
        plain = [_double(one) if isinstance(one, Tensor) else one for one in plain]

    def advance(inputs: Fed, state: Carried) -> Carried:
        for step in zip(*inputs, strict=True):
            leaves = list(plain)
            for n in slots.fixed:
                leaves[n] = cast(Tensor, plain[n]).clone()  # it may be written into
            for n, one in zip(slots.inputs, step, strict=True):
                leaves[n] = one
            for n, place in slots.states.items():
                leaves[n] = state[at[place]]
            args, kwargs = tree.tree_unflatten(leaves, call.spec)
            made = tree.tree_flatten(called(*args, **kwargs))[0]
            state = tuple(made[call.places[place]] for place in places)
        return state

    return advance

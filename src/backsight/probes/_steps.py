"""Calls of a module that is called once a step, and which of them hand their state on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node

from backsight.probes._autograd import GradientTarget, gradients_of
from backsight.probes._state_handoff import NEAR, slope_of, starts_anew
from backsight.probes._tensors import SameTensor, Unchanged, made_of, uneven

__all__ = [
    "HELD",
    "CellInput",
    "Chain",
    "StateStep",
    "StepCall",
    "StepLog",
    "StepStates",
    "begun_of",
    "chains_of",
    "first_of",
    "idle_of",
    "lead_of",
    "lead_size",
    "nodes_of",
    "source_of",
]

HELD = 8192
"""Calls held at most: their graphs live as long. A longer loop is left unmeasured."""


SPARE = 256
"""Calls that a single sequence may always have: an episode may be many times as long as the one
before."""

MORE = 4
"""Times as many calls are allowed for after there were too many: a curriculum may double lengths,
and a sample that is lost is not lost again."""


class StepStates(Protocol):
    """One step of a recurrence, by the states that it has made."""

    @property
    def outputs(self) -> Sequence[GradientTarget]:
        """The states."""

    @property
    def anew(self) -> Tensor | None:
        """As of :class:`StateStep`."""

    @property
    def idle(self) -> Tensor | None:
        """As of :class:`StateStep`."""

    @property
    def initial(self) -> Sequence[Unchanged]:
        """As of :class:`StateStep`."""

    @property
    def products(self) -> Sequence[GradientEdge]:
        """Where the values of states are not known: products of the step, a row a sequence."""


@dataclass(eq=False)
class CellInput:
    """What a call of a cell was given: aliases without a graph."""

    module: nn.Module
    x: Unchanged
    state: tuple[Unchanged, ...]


@dataclass(eq=False)
class StepCall:
    """What it takes to make a call again: its arguments taken apart, without their graph."""

    module: nn.Module
    leaves: list[Any]
    """Each tensor as an :class:`Unchanged`."""
    spec: Any
    """How to put them together."""
    places: list[int]
    """Of each output, its place among the leaves of what was returned."""
    handed: dict[int, int] = field(default_factory=dict)
    """By place among the leaves, which output of the call before is handed on there, unchanged."""
    autocast: torch.dtype | None = None
    """What it was computed in, where that was under autocast."""
    changed: bool = False
    """Whether anything else that it was given is made of what the call before has returned."""


@dataclass(eq=False)
class StateStep:
    """One call of a module that is called once a step."""

    outputs: list[Tensor]
    previous: "StateStep | None"
    """The call whose state it was given."""
    marks: list[SameTensor]
    training: bool = True
    given: list[Tensor] = field(default_factory=list)
    """What it was called with, as far as a gradient goes on into it."""
    anew: Tensor | None = None
    """``(B,)``: sequences that begin with this step, nothing being handed on to them."""
    idle: Tensor | None = None
    """``(B,)``: sequences that sit this step out: what it made of them is not handed on, and what
    it was given is."""
    states: list[Tensor] = field(default_factory=list)
    """The states that it was given, as far as a gradient goes on into them."""
    initial: list[Unchanged] = field(default_factory=list)
    """Of a first call, where that is known: the initial states."""
    began_with: list[Unchanged] = field(default_factory=list)
    """Of a first call, until there is a second one: all that it was given."""
    fed: "CellInput | None" = None
    """Of a cell with gates: what they are computed from."""
    products: tuple[GradientEdge, ...] = ()
    call: "StepCall | None" = None
    """Where it is to be made again."""


Chain = list[StateStep]
"""Calls that hand their state on, in their order."""


class StepLog:
    """The calls of an iteration so far, by path."""

    def __init__(self) -> None:
        self.calls: dict[str, list[StateStep]] = {}
        self._usual: dict[str, int] = {}
        """Calls in the pass that was measured last, by path."""

    def of(self, path: str) -> list[StateStep]:
        """To be added to."""
        return self.calls.setdefault(path, [])

    def piles_up(self, path: str) -> bool:
        """Whether no backward comes for the calls there are, as in a validation with gradients.

        They are let go, then; the next time more may come, as where sequences have become longer.
        """
        calls, most = self.of(path), self.most(path)
        if len(calls) < most:
            return False
        calls.clear()
        self._usual[path] = min(MORE * most, HELD)
        return True

    def most(self, path: str) -> int:
        """Calls of it that are kept without a backward pass."""
        most = min(2 * self._usual.get(path, HELD), 2 * HELD)
        if most >= SPARE or any(call.previous is None for call in self.of(path)[1:]):
            return most
        return min(SPARE, 2 * HELD)

    def finish(self) -> None:
        """A pass has been measured: so many calls are usual."""
        self._usual |= {path: len(calls) for path, calls in self.calls.items() if calls}

    def forget(self) -> None:
        """Let every graph go."""
        self.calls = {}


def begun_of(anew: Sequence[Sequence[Tensor | None]], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(B,)``: where the sequence that has each position began; 0 where it never began anew.

    Args:
        anew: by step and by layer, ``StateStep.anew``: it does where no layer hands anything on.
        at: positions ``(B,)``.
    """
    begun = np.zeros_like(at)
    for t, layers in enumerate(anew):
        told = [one for one in layers if one is not None]
        if len(told) == len(layers):
            rows = np.flatnonzero(torch.stack(told).all(0).cpu().numpy())
            begun[rows] = np.where(at[rows] >= t, t, begun[rows])
    return begun


def first_of(
    anew: Sequence[Sequence[Tensor | None]], counts: Sequence[int], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``(B,)``: the first step of each sequence, before which nothing was ever handed on to it.

    Args:
        anew: as of :func:`begun_of`.
        counts: by step, how many sequences there are: a batch may grow.
        at: positions ``(B,)``.
    """
    first = np.array([next(t for t, n in enumerate(counts) if n > b) for b in range(len(at))])
    waiting = first == 0
    for t, layers in enumerate(anew[1:], 1):
        told = [one for one in layers if one is not None]
        if len(told) < len(layers) or not waiting.any():
            break
        rows = torch.stack(told).all(0).cpu().numpy()
        waiting = (
            waiting[: len(rows)] & rows[: len(waiting)] & (at[: len(rows)] >= t)[: len(waiting)]
        )
        first[: len(waiting)][waiting] = t
    return first


def idle_of(
    idle: Sequence[Sequence[Tensor | None]], at: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """``(T, B)``: which sequences sit a step out, in all layers; None where none does.

    Args:
        idle: by step and by layer, ``StateStep.idle``.
        at: positions ``(B,)``.
    """
    found = np.zeros((len(idle), len(at)), dtype=bool)
    for t, layers in enumerate(idle):
        told = [one for one in layers if one is not None]
        if len(told) == len(layers):
            rows = torch.stack(told).all(0).cpu().numpy()
            found[t, : len(rows)] = rows
    if not found.any():
        return None
    found[-1] = found[-2] & (at < len(found) - 1)  # after which no call tells
    return found


def chains_of(calls: Sequence[StateStep]) -> list[Chain]:
    """Calls sorted into those that hand their state on."""
    chains: list[Chain] = []
    ending: dict[int, Chain] = {}
    for call in calls:
        chain = ending.pop(id(call.previous), None)
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(call)
        ending[id(call)] = chain
    return chains


def lead_of(state: Tensor) -> Tensor:
    """With sequences first: ``(B, …)``; a single unbatched state, or ``(1, B, …)``, as such."""
    if state.dim() == 1:
        return state[None]
    return state[0] if state.dim() == 3 and state.shape[0] == 1 else state


def lead_size(state: GradientTarget) -> int:
    """How many sequences a state has, whose values may not be known."""
    if isinstance(state, Tensor):
        return lead_of(state).shape[0]
    shape = tuple(map(int, state.node._input_metadata[state.output_nr].shape))
    if len(shape) == 1:
        return 1
    return shape[1] if len(shape) == 3 and shape[0] == 1 else shape[0]


def nodes_of(calls: Sequence[StateStep]) -> dict[Node, StateStep]:
    """Which call made what the caller's graph holds."""
    return {out.grad_fn: call for call in calls for out in call.outputs if out.grad_fn is not None}


def source_of(
    calls: Sequence[StateStep], states: Sequence[Tensor], batch: int
) -> tuple[StateStep | None, Tensor | None]:
    """The call whose states were changed on the way to ``states``, and what begins anew with them.

    A mask, a norm, another number of sequences: the graph leads back. A copy without a graph has
    the values of the newest call's states. A sequence to which that call
    hands nothing on may go on from the state before, and has then sat that call out.

    Args:
        calls: the latest ones.
        states: what a call is given.
        batch: how many sequences it is given.
    """
    nodes = nodes_of(calls)
    previous = next(filter(None, (made_of(state, nodes, NEAR) for state in states)), None)
    if previous is None:
        return (calls[-1] if calls and _copied(calls[-1], states) else None), None
    states = states[: len(previous.outputs)]  # a mask may have been given behind them
    made = previous.outputs[-len(states) :]
    slopes = [
        slope_of(state, one) if state.requires_grad else None
        for state, one in zip(states, made, strict=True)
    ]
    anew = starts_anew(slopes, batch)
    if anew is None or not bool(anew.any()):
        return previous, anew
    kept = _kept(states, previous, batch)
    if kept is not None:
        previous.idle = anew & kept
        anew = anew & ~kept
    return previous, anew


def _copied(call: StateStep, states: Sequence[Tensor]) -> bool:
    """Whether a state is that of a call, and has gone through NumPy, or was copied."""
    return any(
        state.device.type == "cpu"
        and not state.requires_grad
        and state.shape == made.shape
        and bool(state.any())
        and torch.equal(state, made.detach())
        for state, made in zip(states, call.outputs, strict=False)
    )


def _kept(states: Sequence[Tensor], previous: StateStep, batch: int) -> Tensor | None:
    """``(batch,)``: the sequences that go on from what ``previous`` was given, where that came from
    an earlier step."""
    given = [one for one in previous.states if lead_of(one).shape[0] == batch]
    if previous.previous is None or not given:
        return None
    seeds = [uneven(state) for state in states]
    found = [one for one in gradients_of(states, given, seeds) if one is not None]
    if not found:
        return None
    kept = torch.stack([(lead_of(one).flatten(1) != 0).any(-1) for one in found]).any(0)
    return kept if previous.anew is None else kept & ~previous.anew

"""The gradient through time on the caller's own graph, just before it is used and freed.

For what no closed form is known of: a loop over a cell, a module of the user's own that is
called once a step, and any other sequence model by its input embeddings. The gradient on every
state is asked of autograd; then, for the reach, again from each sequence's last position alone.
Two backward passes over that part of the graph, of all sequences; ``.grad`` is not touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backsight.probes._profile import GradientProfile, Tally, profile_of
from backsight.probes._tensors import SameTensor, tensors_in

__all__ = ["GraphProbe", "may_be_stepped"]

HELD = 8192
"""Calls held at most: their graphs live as long. A longer loop is left unmeasured."""


@dataclass(eq=False)
class _Step:
    """One call of a module that is called once a step."""

    outputs: list[Tensor]
    previous: "_Step | None"
    """The call whose state it was given."""
    marks: list[SameTensor]


def may_be_stepped(module: nn.Module) -> bool:
    """Whether a loop may call it once a step: a cell, or a user's own module without layers
    inside that are measured themselves."""
    if isinstance(module, nn.RNNCellBase):
        return True
    own = not type(module).__module__.startswith("torch.")
    inner = (nn.RNNBase, nn.RNNCellBase)
    return own and not any(isinstance(part, inner) for part in module.modules())


class GraphProbe:
    """Catches states while its hooks are in place and :attr:`armed` is true.

    Args:
        force: follow also frozen cells on plain inputs, whose outputs need no gradient.
        batch_first: the layout of a named input.
    """

    def __init__(self, *, force: bool = False, batch_first: bool = True) -> None:
        self.armed = True
        self._force = force
        self._batch_first = batch_first
        self._steps: dict[str, list[_Step]] = {}
        self._places: dict[str, set[int]] = {}
        """By path, which outputs of a module have been handed on to its next call."""
        self._lstms: set[str] = set()
        self._fused = False
        self._inputs: dict[str, Tensor] = {}
        self._results: list[Tensor] = []

    # -- catching --------------------------------------------------------------------------

    def stepped(self, path: str, module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
        """A module that may be called once a step has run."""
        if not self.armed:
            return
        outputs = list(dict.fromkeys(tensors_in(result)))  # a state may be the output as well
        for tensor in outputs if self._force else ():
            if not tensor.requires_grad and tensor.is_floating_point():
                tensor.requires_grad_()
        calls = self._steps.setdefault(path, [])
        if len(calls) > HELD or not any(tensor.requires_grad for tensor in outputs):
            return
        cell = isinstance(module, nn.RNNCellBase)
        if isinstance(module, nn.LSTMCell):
            self._lstms.add(path)
            self._fused = outputs[0].device.type != "cpu"
        places = self._places.setdefault(path, set(range(len(outputs))) if cell else set())
        given = [*tensors_in(inputs), *tensors_in(named)]
        previous = None
        for call in reversed(calls):
            handed = {
                place
                for place, mark in enumerate(call.marks)
                if any(mark.is_in(tensor) for tensor in given)
            }
            places |= handed
            if handed:
                previous = call
                break
        if previous is None and calls and cell:
            # Changed on the way (a mask, a norm): the graph still leads back. No state, or one
            # without a graph: a sequence of its own.
            state = given[1:]
            if any(tensor.grad_fn is not None for tensor in state):
                previous = calls[-1]
        calls.append(_Step(outputs, previous, [SameTensor(t) for t in outputs]))

    def embedded(self, path: str, result: Any) -> None:
        """The named input module has run."""
        found = next(tensors_in(result), None)
        if self.armed and found is not None:
            if self._force and not found.requires_grad:
                found.requires_grad_()
            if found.requires_grad:
                self._inputs[path] = found

    def returned(self, result: Any) -> None:
        """The whole model has run."""
        if self.armed and self._inputs:
            self._results = [t for t in tensors_in(result) if t.requires_grad]

    def forget(self) -> None:
        """Let every graph go."""
        self._steps, self._inputs, self._results = {}, {}, []

    # -- measuring -------------------------------------------------------------------------

    def measure(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> dict[str, GradientProfile]:
        """Profiles by name of what was caught, which is forgotten.

        Args:
            roots: what backward is about to be called on.
            gradients: with these gradients.
            scale: what the loss was multiplied by (AMP): divided out.
        """
        steps, inputs, results = self._steps, self._inputs, self._results
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found: dict[str, GradientProfile] = {}
        handed = {path for path in steps if self._places[path]}
        for path in sorted(handed):
            calls, stem = steps[path], f"{path}." if path else ""
            inner = any(other != path and other.startswith(stem) for other in handed)
            if len(calls) <= HELD and not inner:
                profiles = _of_steps(path, calls, sorted(self._places[path]), roots, gradients,
                                     factor)  # fmt: skip
                found |= self._with_cell(path, profiles) if path in self._lstms else profiles
        for path, embedded in inputs.items():
            found |= _of_input(path, embedded, results, roots, gradients, factor, self._batch_first)
        if any(profile.outcome != "not enough data" for profile in found.values()):
            self.forget()  # else it was another model's loss
        return found

    def _with_cell(
        self, path: str, profiles: dict[str, GradientProfile]
    ) -> dict[str, GradientProfile]:
        """One profile of an LSTM cell's two states.

        A GPU's kernel makes ``h`` and ``c`` in one, so that the path from ``c`` through ``h`` is
        not in the gradient that autograd gives for ``c``: then nothing is said of it.
        """
        h, c = profiles[path], profiles[f"{path}.state1"]
        return {path: replace(h, grad_time_cell=None if self._fused else c.grad_time)}


def _grad(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """``autograd.grad`` that leaves the graph for the caller; None where there is no path."""
    if not outputs:
        return [None] * len(inputs)
    return list(
        torch.autograd.grad(outputs, inputs, gradients, retain_graph=True, allow_unused=True)
    )


def _of_steps(
    path: str,
    calls: list[_Step],
    places: list[int],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
) -> dict[str, GradientProfile]:
    names = [path if not place else f"{path}.state{place}" for place in range(len(places))]
    tallies = [(Tally(), Tally(), Tally()) for _ in places]
    for chain in _chains(calls):
        states = [[call.outputs[place] for place in places] for call in chain]
        flat = [state for step in states for state in step if state.requires_grad]
        found = dict(zip(map(id, flat), _grad(roots, flat, gradients), strict=True))
        totals = [[found.get(id(state)) for state in step] for step in states]
        position = _last_position(totals)
        if position is None:
            continue
        outputs, seeds = _seeds(states, totals, position)
        found = dict(zip(map(id, flat), _grad(outputs, flat, seeds), strict=True))
        at = position.cpu().numpy()
        for place, (time, lags, hidden) in enumerate(tallies):
            for t, step in enumerate(states):
                state = step[place]
                where = np.full(len(at), t)
                time.add(where, _norms(totals[t][place], state) * factor)
                lags.add(at - t, _norms(found.get(id(state)), state))
                hidden.add(where, _norms(state.detach(), state))
    return {
        name: profile_of(time=time, lags=lags, hidden=hidden, cell=None, saturation={}, exact=True)
        for name, (time, lags, hidden) in zip(names, tallies, strict=True)
    }


def _chains(calls: list[_Step]) -> list[list[_Step]]:
    chains: list[list[_Step]] = []
    ending: dict[int, list[_Step]] = {}
    for call in calls:
        chain = ending.pop(id(call.previous), None)
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(call)
        ending[id(call)] = chain
    return chains


def _last_position(totals: list[list[Tensor | None]]) -> Tensor | None:
    """``(B,)``: the last step with a gradient: nothing comes after it, so it is a direct one."""
    position: Tensor | None = None
    for t, step in enumerate(totals):
        for total in step:
            if total is not None:
                there = (_by_sequence(total) != 0).any(-1)
                if position is None:
                    position = torch.full((len(there),), -1, device=there.device)
                position = torch.where(there, t, position)
    return None if position is None or int(position.max()) < 0 else position


def _seeds(
    states: list[list[Tensor]], totals: list[list[Tensor | None]], position: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Each sequence's states at its position, and the direct gradients on them."""
    outputs: list[Tensor] = []
    seeds: list[Tensor] = []
    for t in sorted(set(position[position >= 0].tolist())):
        step = [(s, g) for s, g in zip(states[t], totals[t], strict=True) if g is not None]
        for state, total in step:
            direct = total
            for other, gradient in step:
                if other is not state:  # an LSTM's h is made of its c: not to be counted twice
                    (through,) = _grad([other], [state], [gradient])
                    direct = direct if through is None else direct - through
            mask = (position == t).view(-1, *[1] * (_lead(state).dim() - 1))
            outputs.append(state)
            seeds.append(torch.where(mask, _lead(direct), 0).view_as(state))
    return outputs, seeds


def _lead(state: Tensor) -> Tensor:
    """With sequences first: ``(B, …)``; a single unbatched state, or ``(1, B, …)``, as such."""
    if state.dim() == 1:
        return state[None]
    return state[0] if state.dim() == 3 and state.shape[0] == 1 else state


def _by_sequence(state: Tensor) -> Tensor:
    """``(B, units)``."""
    return _lead(state).flatten(1)


def _norms(state: Tensor | None, like: Tensor) -> Any:
    """``(B,)`` on the host; zero where no gradient arrived."""
    if state is None:
        return np.zeros(len(_lead(like)))
    return torch.linalg.vector_norm(_by_sequence(state), dim=-1, dtype=torch.float64).cpu().numpy()


def _of_input(
    path: str,
    embedded: Tensor,
    results: list[Tensor],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    batch_first: bool,
) -> dict[str, GradientProfile]:
    """The reach on input embeddings ``(B, T, …)``, from the model's output at one position."""

    def by_step(x: Tensor) -> Tensor:
        """``(B, T)`` norms."""
        x = x if batch_first else x.transpose(0, 1)
        norms: Tensor = torch.linalg.vector_norm(x.flatten(2), dim=-1, dtype=torch.float64)
        return norms

    name = f"input:{path}"
    nothing = GradientProfile(np.empty(0), np.empty(0), np.empty(0))
    if embedded.dim() < 3:
        return {name: nothing}
    same = [r for r in results if r.dim() >= 3 and r.shape[:2] == embedded.shape[:2]]
    total, *found = _grad(roots, [embedded, *same], gradients)
    if total is None:
        return {name: nothing}
    alone, place = total, total
    for result, direct in zip(same, found, strict=True):
        if direct is not None:
            t = torch.arange(embedded.shape[1 if batch_first else 0], device=direct.device)
            last = torch.where(by_step(direct) != 0, t, -1).amax(1)
            mask = last[:, None] == t
            mask = mask if batch_first else mask.T
            mask = mask.view(*mask.shape, *[1] * (direct.dim() - 2))
            (back,) = _grad([result], [embedded], [torch.where(mask, direct, 0)])
            alone, place = total if back is None else back, direct
            break
    steps = np.arange(by_step(total).shape[1])
    time, lags, hidden = Tally(), Tally(), Tally()
    last = np.where(by_step(place).cpu().numpy() != 0, steps, -1).max(1)
    where = np.broadcast_to(steps, (len(last), len(steps)))
    time.add(where, by_step(total).cpu().numpy() * factor)
    hidden.add(where, by_step(embedded.detach()).cpu().numpy())
    lags.add(last[:, None] - where, by_step(alone).cpu().numpy())
    return {
        name: profile_of(time=time, lags=lags, hidden=hidden, cell=None, saturation={}, exact=True)
    }

"""Reads what is called once a step, on the caller's own graph, just before it is used and freed.

For what no closed form is known of: a loop over a cell, and a module of the user's own. The
gradient on every state is asked of autograd; then, for the reach, again from each sequence's last
position alone. Two backward passes over that part of the graph, of all sequences; ``.grad`` is not
touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backsight.layers import LayerAdapter, adapter_of
from backsight.probes._modules import named_modules
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import ReaderSettings, Readings
from backsight.probes._state_handoff import NEAR, TRIES, keeps_rows
from backsight.probes._steps import (
    HELD,
    CellInput,
    Chain,
    StateStep,
    StepLog,
    chains_of,
    lead_of,
    nodes_of,
    source_of,
)
from backsight.probes._tensors import SameTensor, Unchanged, made_of, tensors_in
from backsight.probes.stepped._gates import gate_saturation
from backsight.probes.stepped._memory import call_of, steps_to_run
from backsight.probes.stepped._profiles import profiles_of_steps, stacks_of
from backsight.probes.stepped._runs_reader import RunsReader, any_arrived

__all__ = ["SteppedReader", "may_be_stepped"]

MANY = 8
"""Calls, above which a module is called once a step rather than once a layer."""


def may_be_stepped(module: nn.Module) -> bool:
    """Whether a loop may call it once a step: a cell, or a user's own module without layers
    inside that are measured themselves.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import may_be_stepped
        >>> [may_be_stepped(module) for module in (nn.GRUCell(3, 4), nn.Linear(3, 4))]
        [True, False]
    """
    adapter = adapter_of(module)
    if adapter is not None:
        return adapter.reading == "stepped"
    own = not type(module).__module__.startswith("torch.")
    return own and all(adapter_of(part) is None for _, part in named_modules(module))


class SteppedReader(RunsReader):
    """Of cells, and of modules that hand a state on from call to call.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import probe
        >>> cell, x = nn.GRUCell(3, 4), torch.randn(6, 2, 3)
        >>> def loss(state=None):
        ...     for step in x:
        ...         state = cell(step, state)
        ...     return state.sum()
        >>> probe(nn.ModuleDict({"cell": cell}), loss)["cell"].reach.shape
        (6,)
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._log = StepLog()
        self._places: dict[str, set[int]] = {}
        """By path, which outputs of a module have been handed on to its next call."""
        self._hopeless: set[str] = set()
        self._measured: set[str] = set()
        """Paths that have had a profile: what lies inside is a part of their step."""
        self._bounded: dict[str, bool | None] = {}
        """By path, whether a cell's state stays within ±1; None of a user's own module."""
        self._joined: set[str] = set()
        """Paths of cells whose states leave a kernel together."""

    @property
    def names(self) -> list[str]:
        """Of what hands its state on."""
        return [path for path in self._log.calls if self._places[path]]

    @property
    def needs_graph(self) -> bool:
        """Whether anything was caught."""
        return bool(self.names)

    def ignore(self, path: str) -> None:
        """Its calls so far are let go, too."""
        super().ignore(path)
        self._log.calls.pop(path, None)

    def has_time(self, path: str) -> bool:
        """A user's own module: once an output of it has gone into its next call."""
        return super().has_time(path) or bool(self._places.get(path))

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Keep its states, and see which call they come from."""
        if not self.armed or path in self._hopeless or path in self._ignored:
            return
        # An index or a mask has no gradient; a loss of its own, or a sparse matrix, is no state.
        outputs = [
            tensor
            for tensor in tensors_in(result)
            if (tensor.is_floating_point() or tensor.is_complex())
            and tensor.layout == torch.strided
            and tensor.dim()
        ]
        for tensor in outputs if self.settings.force else ():
            if not tensor.requires_grad and tensor.is_floating_point():
                tensor.requires_grad_()
        adapter = self._adapters.get(path)
        self._bounded[path] = None if adapter is None else adapter.bounded(module)
        calls = self._log.of(path)
        places = self._places.setdefault(path, set())
        if module.training and calls and not calls[-1].training:
            calls.clear()  # a validation's
        most = self._log.most(path)
        if self._log.piles_up(path):
            if module.training:
                self.leave_out("calls pile up", path, limit=most)
                self.begin(False)
            return
        if not any(tensor.requires_grad for tensor in outputs):
            return
        if adapter is not None:
            places |= set(range(len(outputs)))
            together = outputs[0].device.type != "cpu" or outputs[0].dim() == 1
            (self._joined.add if together else self._joined.discard)(path)
        given = [*tensors_in(args), *tensors_in(kwargs)]
        previous = None
        if len(calls) == TRIES and not places:
            self._give_up(path, given, calls)  # called again and again, and hands nothing on
            return
        for call in reversed(calls[-TRIES:]):
            handed = {
                place
                for place, mark in enumerate(call.marks)
                if any(mark.is_in(tensor) for tensor in given)
            }
            places |= handed
            if handed:
                previous = call
                break
        anew = None
        count = lead_of(outputs[0]).shape[0]
        changed = previous is None and adapter is not None
        if changed:
            previous, anew = source_of(calls[-TRIES:], given[1:], count)
        before = count if previous is None else lead_of(previous.outputs[0]).shape[0]
        if before == 1 < count:
            previous = anew = None  # one state for all
        elif previous is not None and not (
            # A batch that loses its last rows, or gets more behind them, is sorted by length.
            before == count or (changed and _same_rows(given[1:], previous))
        ):
            self._moved(path)
            return
        marks = [SameTensor(t) for t in outputs]
        fed = None
        if adapter is not None and adapter.gates:
            x = cast(Tensor, self.input_of(args, kwargs))
            states = tuple(Unchanged(one) for one in given if one is not x)
            fed = CellInput(module, Unchanged(x), states)
        step = StateStep(outputs, previous, marks, module.training, anew=anew, fed=fed)
        step.given = [tensor for tensor in given if tensor.requires_grad]
        if adapter is not None:
            step.states = [tensor for tensor in given[1:] if tensor.requires_grad]
        elif previous is None:
            step.began_with = [Unchanged(x) for x in given]
        elif previous.began_with:
            previous.initial = _initial_of(previous, given)
        if self.remembers:
            known = adapter is not None
            step.call = call_of(module, args, kwargs, result, outputs, previous, of_kind=known)
        calls.append(step)

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """Profiles of what was caught; of a stack, together."""
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found = Readings()
        chains = self._chains()
        try:
            stacks = stacks_of(chains)
        except Exception as error:  # noqa: BLE001 - comes back
            found.errors = dict.fromkeys(chains, error)
            return found
        for stack in stacks:
            try:
                together = {path: chains[path] for path in stack}
                told: list[NDArray[np.int64] | None] = []
                profiles = profiles_of_steps(
                    together, roots, gradients, factor, self._bounded, told
                )
                if self.remembers:
                    self._keep_runs(together, told)
                for path in stack:
                    adapter = self._adapters.get(path)
                    if adapter is not None and adapter.has_cell_state:
                        self._join_cell(path, profiles)
                    if adapter is not None and adapter.gates:
                        self._add_gates(path, adapter, chains[path], profiles)
                found.profiles |= profiles
            except Exception as error:  # noqa: BLE001 - costs that stack alone
                found.errors |= dict.fromkeys(stack, error)
        found.arrived = any_arrived(found.profiles)
        for path in chains:
            profile = found.profiles.get(path)
            if profile is not None and profile.outcome != "not enough data":
                self._measured.add(path)
                self.unmeasured.pop(path, None)
                self._parts_are_known(path)
            elif profile is not None and path not in self._adapters:
                self.leave_out("no gradient", path)
        return found

    def finish(self) -> None:
        """What hands nothing on in a whole pass is not called once a step."""
        self._log.finish()
        for path, calls in list(self._log.calls.items()):
            if calls and not self._places[path]:
                self._give_up(path, calls[-1].given, calls[:-1])
        super().finish()

    def _keep_runs(
        self, stack: Mapping[str, Sequence[Chain]], positions: Sequence[NDArray[np.int64] | None]
    ) -> None:
        """Of each module, the longest chain of calls that can be made again."""
        for path, chains in stack.items():
            places, adapter = sorted(self._places[path]), self._adapters.get(path)
            for chain, at in zip(chains, positions, strict=True):
                longest = self._runs.get(path)
                if at is None or (longest and len(longest.inputs[0]) >= len(chain)):
                    continue
                run = steps_to_run(
                    chain,
                    places,
                    at.tolist(),
                    adapter=adapter,
                    sequences=self.settings.sequences,
                    alone=self.settings.deep,
                )
                if run is not None:
                    self._runs[path] = run

    def _moved(self, path: str) -> None:
        """Nobody knows which sequence a row is."""
        self._hopeless.add(path)
        self._log.calls.pop(path, None)
        self.leave_out("rows move", path)

    def _give_up(self, path: str, given: Sequence[Tensor], before: Sequence[StateStep]) -> None:
        """It is not called once a step, or its state is changed on the way to the next call."""
        self._hopeless.add(path)
        if len(before) < MANY or any(path.startswith(f"{p}.".lstrip(".")) for p in self._measured):
            return
        nodes = nodes_of(before[-TRIES:])
        if any(made_of(tensor, nodes, NEAR) is not None for tensor in given):
            self.leave_out("changed on its way", path)

    def _parts_are_known(self, path: str) -> None:
        """What lies inside of what is measured, and hands on no state as it is, needs no word."""
        stem = f"{path}." if path else ""
        for part in [p for p in self.unmeasured if p != path and p.startswith(stem)]:
            if self.unmeasured[part].cause == "changed on its way":
                del self.unmeasured[part]

    def forget(self) -> None:
        """Let every graph go."""
        self._log.forget()
        self._runs = {}

    def _chains(self) -> dict[str, list[Chain]]:
        """By path, the states of what is to be measured."""
        handed = self.names
        chains: dict[str, list[Chain]] = {}
        for path in handed:
            # Calls in eval mode, where there are others, were a validation's.
            calls = [call for call in self._log.of(path) if call.training] or self._log.of(path)
            stem = f"{path}." if path else ""
            inner = next((p for p in handed if p != path and p.startswith(stem)), None)
            if inner is not None:
                self.leave_out("made of parts", path, other=inner)
            elif len(calls) > HELD:
                self.leave_out("too many calls", path, len(calls), HELD)
            elif calls:
                places = sorted(self._places[path])
                chains[path] = [
                    [replace(call, outputs=[call.outputs[p] for p in places]) for call in chain]
                    for chain in chains_of(calls)
                ]
        return chains

    def _add_gates(
        self,
        path: str,
        adapter: LayerAdapter,
        chains: list[Chain],
        profiles: dict[str, GradientProfile],
    ) -> None:
        """Beside the saturation of the states."""
        calls = [call for chain in chains for call in chain]
        with torch.no_grad():
            gates = gate_saturation(adapter, calls, self.settings.sequences)
        profile = profiles[path]
        profiles[path] = replace(profile, saturation={**profile.saturation, **gates})

    def _join_cell(self, path: str, profiles: dict[str, GradientProfile]) -> None:
        """One profile of an LSTM cell's two states.

        A GPU's kernel makes ``h`` and ``c`` in one, and of an unbatched cell they leave the kernel
        by separate ways: the path from ``c`` through ``h`` is not in the gradient that autograd
        gives for ``c``, and nothing is said of it.
        """
        h, c = profiles[path], profiles.pop(f"{path}.state1".lstrip("."))
        profiles[path] = replace(h, grad_time_cell=None if path in self._joined else c.grad_time)


def _same_rows(states: Sequence[Tensor], previous: StateStep) -> bool:
    """Whether row b is the same sequence as it was, where there are more or fewer of them."""
    made = previous.outputs[-len(states) :]
    return all(
        keeps_rows(state, one)
        for state, one in zip(states[: len(made)], made, strict=True)
        if state.requires_grad
    )


def _initial_of(first: StateStep, given: Sequence[Tensor]) -> list[Unchanged]:
    """What a first call was given in the places in which the next one is given its states."""
    began, first.began_with = first.began_with, []
    if len(began) != len(given):
        return []
    return [
        one
        for one, state in zip(began, given, strict=True)
        if any(mark.is_in(state) for mark in first.marks)
    ]

"""Reads layers whose linear recurrence runs over a whole sequence in one call, as by a scan."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backsight.layers import LayerAdapter
from backsight.probes._memory import compared_of
from backsight.probes._memory_lanes import Advance, Carried, Fed
from backsight.probes._precision import norm_dtype, on_host
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import HiddenNorms, ReaderSettings, Readings
from backsight.probes._rerun import autocast_now, may_run_again
from backsight.probes._steps import CellInput, StateStep
from backsight.probes._tensors import Unchanged
from backsight.probes.scanned._calls import ScanCall, ScanChain, chained
from backsight.probes.scanned._profiles import profiles_of_scans, stacked_scans
from backsight.probes.stepped import (
    RunsReader,
    StepRun,
    any_arrived,
    followed,
    gate_saturation,
)

__all__ = ["ScanReader"]

HELD = 512
"""Calls of a layer held at most: their graphs live as long."""


class ScanReader(RunsReader):
    """Of layers with a diagonal transition that are called with whole sequences.

    Example:
        >>> import torch
        >>> from backsight import probe
        >>> from backsight.nn import build_cell
        >>> rnn, x = build_cell("mingru", 3, 4), torch.randn(2, 6, 3)
        >>> list(probe(rnn, lambda: rnn(x)[0][:, -1].sum()))
        ['l0']
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._calls: dict[str, list[ScanCall]] = {}

    @property
    def names(self) -> list[str]:
        """Of every layer that ran on a graph."""
        return [path for path, calls in self._calls.items() if calls]

    @property
    def needs_graph(self) -> bool:
        """Whether anything was caught."""
        return bool(self.names)

    def ignore(self, path: str) -> None:
        """Its calls so far are let go, too."""
        super().ignore(path)
        self._calls.pop(path, None)

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Keep its states."""
        if not self.armed or path in self._ignored:
            return
        states = cast(Tensor, result)
        if self.settings.force and not states.requires_grad:
            states.requires_grad_()
        calls = self._calls.setdefault(path, [])
        if module.training and calls and not calls[-1].training:
            calls.clear()  # a validation's
        if len(calls) >= HELD:
            calls.clear()
            if module.training:
                self.leave_out("calls pile up", path, limit=HELD)
                self.begin(False)
            return
        if states.requires_grad:
            x = cast(Tensor, self.input_of(args, kwargs))
            before = _state_of(args, kwargs)
            given = None if before is None else Unchanged(before)
            adapter = self._adapters[path]
            cast_to = autocast_now(states)
            calls.append(
                ScanCall(adapter, module, states, Unchanged(x), given, module.training, cast_to)
            )

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """Profiles of what was caught; of a stack, together."""
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found = Readings()
        chains = {path: chained(_of_mode(self._calls[path])) for path in self.names}
        try:
            stacks = stacked_scans(chains)
        except Exception as error:  # noqa: BLE001 - comes back
            found.errors = dict.fromkeys(chains, error)
            return found
        for stack in stacks:
            together = {path: chains[path] for path in stack}
            told: list[NDArray[np.int64] | None] = []
            try:
                profiles = profiles_of_scans(together, roots, gradients, factor, told)
                if self.remembers:
                    self._keep_runs(together, told)
                for path in stack:
                    profiles[path] = self._with_gates(chains[path], profiles[path])
                found.profiles |= profiles
            except Exception as error:  # noqa: BLE001 - costs that stack alone
                found.errors |= dict.fromkeys(stack, error)
        found.arrived = any_arrived(found.profiles)
        return found

    def forget(self) -> None:
        """Let every graph go."""
        self._calls, self._runs = {}, {}

    def states(
        self,
        adapter: LayerAdapter,
        path: str,
        module: nn.Module,
        args: Any,
        kwargs: Any,
        result: Any,
        *,
        profile: bool,
    ) -> dict[str, HiddenNorms]:
        """Of every state."""
        states = cast(Tensor, result).detach()
        if not states.numel():
            return {}
        each = torch.linalg.vector_norm(states, dim=-1, dtype=norm_dtype(states))
        norms = HiddenNorms(
            each.mean(0) if profile else None, each.sum(), each.amax(), each.numel()
        )
        return {path: norms}

    def ends_finite(self, result: Any) -> bool:
        """Of the last state."""
        if not isinstance(result, Tensor) or not on_host(result):
            return False
        return math.isfinite(result.detach()[:, -1].sum().item())

    def extent(
        self, module: nn.Module, args: Any, kwargs: Any, result: Any
    ) -> tuple[int, int] | None:
        """From ``(B, T, P)``."""
        batch, steps = result.shape[:2]
        return (steps, batch * steps) if batch and steps else None

    def _with_gates(self, chains: Sequence[ScanChain], profile: GradientProfile) -> GradientProfile:
        """Beside its reach, the saturation of its gates."""
        calls = [_as_steps(call) for chain in chains for call in chain]
        adapter = chains[0][0].adapter
        if not adapter.gates or None in calls:
            return profile
        with torch.no_grad():
            gates = gate_saturation(adapter, [call for call in calls if call is not None], None)
        return replace(profile, saturation=gates)

    def _keep_runs(
        self,
        stack: Mapping[str, Sequence[ScanChain]],
        positions: Sequence[NDArray[np.int64] | None],
    ) -> None:
        """Of each layer, its longest chain."""
        for path, chains in stack.items():
            for chain, at in zip(chains, positions, strict=True):
                longest = self._runs.get(path)
                run = None
                if at is not None:
                    count, alone = self.settings.sequences, self.settings.deep
                    run = _run_of(chain, at.tolist(), count, alone=alone)
                if run is None or (longest and len(longest.inputs[0]) >= len(run.inputs[0])):
                    continue
                self._runs[path] = run


def _state_of(args: Any, kwargs: Any) -> Tensor | None:
    """The state that a call was given."""
    given = [*args[1:], *(value for key, value in kwargs.items() if args or key != "x")]
    return next((one for one in given if isinstance(one, Tensor)), None)


def _of_mode(calls: list[ScanCall]) -> list[ScanCall]:
    """Calls in eval mode, where there are others, were a validation's."""
    return [call for call in calls if call.training] or calls


def _begin(call: ScanCall) -> Tensor | None:
    """``(B, P)``; None where it was overwritten."""
    states = call.states.detach()
    return torch.zeros_like(states[:, 0]) if call.before is None else call.before.tensor


def _as_steps(call: ScanCall) -> StateStep | None:
    """All of its steps as one call of a cell, whose sequences they are."""
    x, begin, states = call.x.tensor, _begin(call), call.states.detach()
    if x is None or begin is None:
        return None
    before = torch.cat([begin[:, None], states[:, :-1]], 1)
    fed = CellInput(call.module, Unchanged(x.flatten(0, 1)), (Unchanged(before.flatten(0, 1)),))
    return StateStep([states.flatten(0, 1)], None, [], fed=fed)


def _run_of(
    chain: ScanChain, positions: Sequence[int], sequences: int | None, *, alone: bool
) -> StepRun | None:
    """What it takes to run it again; None where it cannot be.

    Args:
        chain: its calls.
        positions: of each sequence, the step whose state is measured; negative where there is none.
        sequences: how many to follow, as of :class:`ReaderSettings`.
        alone: whether a single sequence will do, which has no other one to be compared with.
    """
    first = chain[0]
    rows = followed(positions, sequences, 1 if alone else 2)
    compared = compared_of(len(positions), len(rows))
    inputs = [call.x.tensor for call in chain]
    known, begin = [x for x in inputs if x is not None], _begin(first)
    if not rows or (compared < 1 and not alone) or begin is None or len(known) < len(inputs):
        return None
    if not may_run_again(first.module):
        return None
    return StepRun(
        first.module,
        _advance(first.module),
        (torch.cat(known, 1)[rows].transpose(0, 1),),
        (begin[rows],),
        [positions[row] + 1 for row in rows],
        compared,
        _advance,
        rows,
        first.autocast,
    )


def _advance(module: nn.Module) -> Advance:
    """Calls the layer with some steps."""

    def advance(inputs: Fed, state: Carried) -> Carried:
        (x,) = inputs
        return (module(x.transpose(0, 1), state[0])[:, -1],) if len(x) else state

    return advance

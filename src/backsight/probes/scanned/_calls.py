"""Calls of a layer that runs over a whole sequence, and which of them go on from each other."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backsight.layers import LayerAdapter
from backsight.probes._tensors import Unchanged

__all__ = ["Chain", "ScanCall", "chained", "decays_of"]


@dataclass(eq=False)
class ScanCall:
    """One call."""

    adapter: LayerAdapter
    module: nn.Module
    states: Tensor
    """``(B, T, P)``, on the caller's graph."""
    x: Unchanged
    """``(B, T, I)``."""
    before: Unchanged | None
    """``(B, P)``: the state that it was given."""
    training: bool
    autocast: torch.dtype | None
    """What it was computed in, where that was under autocast."""


Chain = list[ScanCall]
"""Calls that each go on from the last state of the one before."""


def chained(calls: list[ScanCall]) -> list[Chain]:
    """Calls of one layer, in their order, by chain; others are further sequences."""
    chains: list[Chain] = []
    for call in calls:
        given = None if call.before is None else call.before.tensor
        if chains and given is not None and _ends_with(chains[-1][-1], given):
            chains[-1].append(call)
        else:
            chains.append([call])
    return chains


def _ends_with(call: ScanCall, given: Tensor) -> bool:
    """By their values, as a stack hands its last states on as one tensor."""
    last = call.states.detach()[:, -1]
    return last.shape == given.shape and last.dtype == given.dtype and torch.equal(last, given)


def decays_of(call: ScanCall) -> Tensor:
    """``(T, C)`` or ``(B, T, C)``: what is kept of each unit at each step, complex where they are.

    Raises:
        ValueError: its input has been written into since, or its kind does not say.
    """
    x = call.x.tensor
    if x is None:
        raise ValueError("the input of the layer has been overwritten since it ran")
    with torch.no_grad():
        a = call.adapter.decays(call.module, x)
    if a is None:
        raise ValueError(f"the layer kind {call.adapter.kind!r} does not give its decays")
    return a

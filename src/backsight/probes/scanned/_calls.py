"""Calls of a layer that runs over a whole sequence, and which of them go on from each other."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from backsight.layers import LayerAdapter
from backsight.probes._tensors import Unchanged

__all__ = ["Diagonal", "ScanCall", "ScanChain", "chained", "decays_of"]


@runtime_checkable
class Diagonal(Protocol):
    """What a :class:`~backsight.layers.LayerAdapter` with the reading ``scanned`` has to tell.

    Its modules are called with a whole sequence, as ``module(x, state)`` with ``x`` ``(B, T, I)``
    and the state before it ``(B, P)``, if there is one. They return all states ``(B, T, P)`` of a
    recurrence whose transitions ``∂h_t / ∂h_{t-1}`` are diagonal.

    Example:
        >>> import torch
        >>> from backsight.layers import adapter_of
        >>> from backsight.nn import build_cell
        >>> from backsight.probes import Diagonal
        >>> (layer,) = build_cell("mingru", 3, 4).children()
        >>> adapter = adapter_of(layer)
        >>> isinstance(adapter, Diagonal), adapter.decays(layer, torch.zeros(2, 6, 3)).shape
        (True, torch.Size([2, 6, 4]))
    """

    def decays(self, module: nn.Module, x: Tensor) -> Tensor:
        """The diagonal of each transition.

        Args:
            module: a layer of this kind.
            x: ``(B, T, I)``, without a graph.

        Returns:
            ``(B, T, P)``, or ``(T, P)`` where it is the same for all sequences; of complex units
            whose real and imaginary parts lie side by side, ``P / 2`` complex ones.
        """


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


ScanChain = list[ScanCall]
"""Calls that each go on from the last state of the one before."""


def chained(calls: list[ScanCall]) -> list[ScanChain]:
    """Calls of one layer, in their order, by chain; others are further sequences."""
    chains: list[ScanChain] = []
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
    if not isinstance(call.adapter, Diagonal):
        raise ValueError(f"the layer kind {call.adapter.kind!r} has no method decays(module, x)")
    narrow = call.autocast is not None
    with torch.no_grad(), torch.autocast(x.device.type, call.autocast, enabled=narrow):
        return call.adapter.decays(call.module, x)

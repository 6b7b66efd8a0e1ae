"""A state that is changed on its way from one call to the next, and the derivative of the change.

It is asked of autograd while the caller's graph is whole (a mask where an episode ends, dropout, a
decay). What mixes units or sequences has none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from backsight.probes._autograd import gradients_of
from backsight.probes._tensors import uneven

__all__ = ["NEAR", "TRIES", "keeps_rows", "slope_of", "starts_anew"]

NEAR = 64
"""Operations between one call's state and the next one's, at most: a mask, a norm, a slice."""

TRIES = 16
"""Calls back that a state which was changed may come from: sequences may take turns."""

ROUNDING = 1e-3
"""Between two derivatives of one unit, relative to the largest."""


def slope_of(state: Tensor, made: Tensor | GradientEdge) -> Tensor | None:
    """``∂state/∂made`` by unit, as ``state`` is shaped; None where a unit is made of others too."""
    if not state.numel():
        return None
    alike, seed = torch.ones_like(state), uneven(state)
    (slope,), (other,) = (gradients_of([state], [made], [one]) for one in (alike, seed))
    if slope is None or other is None or slope.shape != state.shape:
        return None
    off = (slope * seed - other).abs() > ROUNDING * other.abs().amax()
    return None if bool(off.any()) else slope


def keeps_rows(state: Tensor, made: Tensor) -> bool:
    """Whether row b of ``state`` is made of row b of ``made``, of which it has more or fewer.

    Args:
        state: ``(batch, units)``.
        made: the same, of another number of sequences.
    """
    (back,) = gradients_of([state], [made], [uneven(state)])
    (again,) = gradients_of([state], [made], [torch.ones_like(state)])
    if back is None or again is None or state.dim() != 2 or made.shape[1:] != state.shape[1:]:
        return False
    n = min(len(state), len(made))
    expected = uneven(state)[:n] * again[:n]
    off = (expected - back[:n]).abs() > ROUNDING * back.abs().amax()
    return not bool(off.any()) and not bool((again[n:] != 0).any())


def starts_anew(slopes: Sequence[Tensor | None], batch: int) -> Tensor | None:
    """``(batch,)``: the sequences of which nothing was handed on; None where that is not asked.

    Args:
        slopes: by state, each ``(…, batch, units)``, without its second last axis where a batch
            has none: what a gradient is multiplied by; None where a state was not changed, was
            detached, or mixed.
        batch: how many sequences.
    """
    if not slopes or any(slope is None for slope in slopes):
        return None
    gone = [(slope == 0).all(-1).reshape(-1, batch) for slope in slopes if slope is not None]
    return torch.cat(gone).all(0)

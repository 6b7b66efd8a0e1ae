"""The reach of any sequence model, taken on its input embeddings instead of hidden states."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from backsight.probes._autograd import Gradient
from backsight.probes._lag_tally import LagTally
from backsight.probes._profile import GradientProfile, Tally, profile_of
from backsight.probes.inputs._positions import Positions, find_positions
from backsight.probes.inputs._untold import Untold

__all__ = ["input_profile"]


def input_profile(
    name: str,
    embedded: Tensor,
    results: list[Tensor],
    gradient_of: Gradient,
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    batch_first: bool,
) -> dict[str, GradientProfile]:
    """The reach on input embeddings ``(B, T, …)``, from the model's output at one position.

    An output is one by position if it is ``(B, T, …)`` or flattened to ``(B·T, …)``. Where there
    is none, the positions are found in the graph of the loss. Where that makes one loss a
    sequence (a classifier), it counts as made at the last position.
    """
    if embedded.dim() < 3 or not embedded.numel():
        return {name: _nothing()}
    leading = embedded.shape[:2]

    def by_step(x: Tensor) -> Tensor:
        """``(B, T, units)``."""
        x = x.detach().reshape(*leading, -1)
        return x if batch_first else x.transpose(0, 1)

    same = [r for r in results if r.dim() >= 3 and r.shape[:2] == leading]
    same = same or [r for r in results if r.dim() == 2 and len(r) == leading.numel() > leading[0]]
    total, *found = gradient_of(roots, [embedded, *same], gradients)
    if total is None:
        return {name: _nothing()}
    alone, place = total, total
    for result, direct in zip(same, found, strict=True):
        if direct is not None:
            there = (by_step(direct) != 0).any(-1)
            t = torch.arange(there.shape[1], device=there.device)
            mask = torch.where(there, t, -1).amax(1, keepdim=True) == t
            mask = (mask if batch_first else mask.T)[..., None]
            seed = torch.where(mask, direct.reshape(*leading, -1), 0).view_as(direct)
            (back,) = gradient_of([result], [embedded], [seed])
            alone, place = total if back is None else back, direct
            break
    else:
        n0, n1 = leading
        positions = find_positions(roots, gradients, [get_gradient_edge(embedded)], (n0, n1))
        if isinstance(positions, Positions) and not positions.only_first(int(batch_first)):
            place = positions.there.to(total.dtype)
            (back,) = positions.from_only(positions.last(int(batch_first)), [embedded])
            alone = torch.zeros_like(total) if back is None else back
        elif isinstance(positions, Untold) and (positions.cause, positions.rows) != (
            "one loss a sequence",
            leading[0 if batch_first else 1],
        ):
            return {name: _nothing(positions.words)}
    norms = [torch.linalg.vector_norm(by_step(x), dim=-1, dtype=torch.float64).cpu().numpy()
             for x in (total, alone, embedded, place)]  # fmt: skip
    steps = np.arange(norms[0].shape[1])
    where = np.broadcast_to(steps, norms[0].shape)
    last = np.where(norms[3] != 0, steps, -1).max(1)
    time, lags, hidden = Tally(), LagTally(), Tally()
    time.add(where, norms[0] * factor)
    lags.add_sized(last[:, None] - where, norms[1], last[:, None] + 1)
    hidden.add(where, norms[2])
    return {
        name: profile_of(
            time=time,
            lags=lags,
            hidden=hidden,
            cell=None,
            saturation={},
            exact=True,
            share=lags.shares(),
        )
    }


def _nothing(reason: str = "") -> GradientProfile:
    return GradientProfile(np.empty(0), np.empty(0), np.empty(0), reason=reason)

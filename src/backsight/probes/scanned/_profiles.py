"""The gradient through layers whose linear recurrence runs over a whole sequence in one call.

Two passes through the caller's graph give the gradient on each state but through the later states
of its own layer: of the whole loss, and of each sequence's last position alone. What comes back
through the recurrence is a closed form, as its transition is diagonal:
``g_t = d_t + conj(a_{t+1}) g_{t+1}``, where a lag is a product of the ``a``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.probes._autograd import gradients_of
from backsight.probes._precision import least_norm, norm_dtype
from backsight.probes._profile import GradientProfile, profile_of
from backsight.probes._tensors import uneven
from backsight.probes.scanned._calls import ScanChain, decays_of
from backsight.probes.stepped import StateTally

__all__ = ["profiles_of_scans", "stacked_scans"]

_ByCall = list[list[Tensor | None]]
"""By layer and call: gradients ``(B, T, P)``; None where the graph does not lead."""


def profiles_of_scans(
    stack: Mapping[str, Sequence[ScanChain]],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    positions: list[NDArray[np.int64] | None],
) -> dict[str, GradientProfile]:
    """Profiles of the layers of a stack, by path.

    Args:
        stack: by path, the lowest first: chains that go together.
        roots: what backward is about to be called on.
        gradients: with these gradients.
        factor: what ``grad_time`` is multiplied by (AMP).
        positions: where the position ``(B,)`` of each sequence is put, chain by chain, -1 where no
            gradient arrives; None of a chain in which none arrives at all.
    """
    tallies = {path: StateTally() for path in stack}
    least = dict.fromkeys(stack, 0.0)
    for layers in zip(*stack.values(), strict=True):
        direct = _asked(layers, roots, gradients)
        at = _positions(layers, direct)
        if at is None or not bool((at >= 0).any()):
            positions.append(None)
            continue
        seeds = _seeds(layers, direct, at)
        alone = _asked(layers, [state for state, _ in seeds], [seed for _, seed in seeds])
        place = at.cpu().numpy()
        positions.append(place)
        for number, (path, calls) in enumerate(zip(stack, layers, strict=True)):
            decays = [decays_of(call) for call in calls]
            totals = _norms(calls, direct[number], decays)
            back = _norms(calls, alone[number], decays)
            steps, nothing = sum(call.states.shape[1] for call in calls), np.zeros_like(place)
            tallies[path].add_gradients(
                {t: norms * factor for t, norms in totals.items()},
                back,
                np.full(steps, len(place)),
                place,
                (nothing, nothing, np.full_like(place, steps - 1)),
                None,
            )
            states = torch.cat([call.states.detach() for call in calls], 1)
            norms = torch.linalg.vector_norm(states, dim=-1, dtype=norm_dtype(states))
            tallies[path].add_states(range(steps), [*norms.T.double().cpu().numpy()])
            least[path] = least_norm(states)
    return {
        path: profile_of(
            time=tally.time,
            lags=tally.lags,
            hidden=tally.hidden,
            cell=None,
            saturation={},
            exact=True,
            share=tally.lags.shares(),
            graph_end=tally.end if tally.end >= 0 else None,
            least=least[path],
        )
        for path, tally in tallies.items()
    }


def stacked_scans(chains: Mapping[str, Sequence[ScanChain]]) -> list[list[str]]:
    """Which layers are stacked, by path: each is fed the states of the one before, step by step.

    Args:
        chains: by path, in the order in which the layers ran.
    """
    stacks: list[list[str]] = []
    for path, own in chains.items():
        if stacks and _lies_on(own, chains[stacks[-1][-1]]):
            stacks[-1].append(path)
        else:
            stacks.append([path])
    return stacks


def _lies_on(upper: Sequence[ScanChain], lower: Sequence[ScanChain]) -> bool:
    """Whether the first state above is made of the first one below, and of no later one.

    It is made of later ones in a decoder, or in the other direction.
    """
    if _extents(upper) != _extents(lower):
        return False
    above, below = upper[0][0].states, lower[0][0].states
    seed = torch.zeros_like(above)
    seed[:, 0] = uneven(above[:, 0])
    (found,) = gradients_of([above], [below], [seed])
    return found is not None and bool(found[:, 0].any()) and not bool(found[:, 1:].any())


def _extents(chains: Sequence[ScanChain]) -> list[list[torch.Size]]:
    return [[call.states.shape[:2] for call in chain] for chain in chains]


def _asked(
    layers: Sequence[ScanChain], roots: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> _ByCall:
    """The gradient on the states of each call, but through later states of that call."""
    found = iter(gradients_of(roots, [call.states for c in layers for call in c], gradients))
    return [[next(found) for _ in calls] for calls in layers]


def _positions(layers: Sequence[ScanChain], direct: _ByCall) -> Tensor | None:
    """``(B,)``: the last step with a gradient, in any layer; -1 where there is none."""
    there = [
        torch.cat(
            [
                torch.zeros_like(call.states[..., 0], dtype=torch.bool)
                if one is None
                else (one != 0).any(-1)
                for call, one in zip(calls, found, strict=True)
            ],
            1,
        )
        for calls, found in zip(layers, direct, strict=True)
    ]
    any_layer = torch.stack(there).any(0)
    steps = torch.arange(any_layer.shape[1], device=any_layer.device)
    return torch.where(any_layer, steps, -1).amax(1)


def _seeds(layers: Sequence[ScanChain], direct: _ByCall, at: Tensor) -> list[tuple[Tensor, Tensor]]:
    """States of the calls that have positions, with the gradient there that came through no layer
    above: what did is not to be counted twice."""
    seeds: list[tuple[Tensor, Tensor]] = []
    for calls, found in zip(reversed(layers), reversed(direct), strict=True):
        (through,) = _asked([calls], [state for state, _ in seeds], [seed for _, seed in seeds])
        own = []
        for call, start, whole, above in zip(calls, _starts(calls), found, through, strict=True):
            place = at - start
            if bool(((place >= 0) & (place < call.states.shape[1])).any()) and whole is not None:
                left = whole if above is None else whole - above
                own.append((call.states, _masked(left, place)))
        seeds += own
    return seeds


def _starts(calls: ScanChain) -> list[int]:
    """The first step of each call."""
    sizes = [call.states.shape[1] for call in calls]
    return [sum(sizes[:number]) for number in range(len(sizes))]


def _masked(gradient: Tensor, at: Tensor) -> Tensor:
    """``(B, T, P)``, with zeros but at step ``at`` of each sequence."""
    steps = torch.arange(gradient.shape[1], device=gradient.device)
    return torch.where((steps == at[:, None])[..., None], gradient, 0)


def _norms(
    calls: ScanChain, direct: Sequence[Tensor | None], decays: Sequence[Tensor]
) -> dict[int, NDArray[np.float64]]:
    """``(B,)`` by step, where the graph leads: of the whole gradient on its state."""
    found: dict[int, NDArray[np.float64]] = {}
    for start, one, a in zip(_starts(calls), direct, decays, strict=True):
        if one is not None:
            whole = _carried_back(a, one)
            norms = torch.linalg.vector_norm(whole, dim=-1, dtype=norm_dtype(whole))
            found |= {start + t: row for t, row in enumerate(norms.T.double().cpu().numpy())}
    return found


def _carried_back(a: Tensor, direct: Tensor) -> Tensor:
    """``g_t = d_t + conj(a_{t+1}) g_{t+1}``, step by step: the slow twin of the scan's backward."""
    direct = direct.to(torch.promote_types(direct.dtype, torch.float32))
    if a.is_complex():
        direct = torch.view_as_complex(direct.reshape(*direct.shape[:-1], -1, 2))
        a = a.conj()
    a = a.to(direct.dtype)
    whole = direct.clone()
    for t in reversed(range(direct.shape[1] - 1)):
        whole[:, t] += a[..., t + 1, :] * whole[:, t + 1]
    return torch.view_as_real(whole).flatten(-2) if whole.is_complex() else whole

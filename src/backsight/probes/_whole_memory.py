"""The memory of a module that can only be run over whole sequences.

Where a state at one step depends on later inputs as well, as in a stack of bidirectional layers, no
state in the middle tells all that is carried on. The module is run again over each sequence with
its older inputs replaced, all lags in one batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.probes._memory import (
    FORWARDS,
    MemoryProfile,
    ladder,
    profiles_of,
    relative_memory,
    spans_of,
)

__all__ = ["Lanes", "RunWhole", "affordable", "memory_of_whole", "thinned"]


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Sequences to run, some with another one's past. Shapes: ``N`` lanes.

    Example:
        >>> import torch
        >>> from backsight.probes import memory_of_whole
        >>> def told(lanes):
        ...     print(lanes.own.tolist(), lanes.other.tolist())
        ...     return lanes.inputs[-1:].transpose(0, 1)
        >>> x = torch.randn(1, 2, 1)
        >>> _ = memory_of_whole(
        ...     told, x, [], lengths=[1, 1], positions=[0, 0], compared=1, most=8
        ... )
        [0, 0, 0] [0, 1, 1]
    """

    inputs: Tensor
    """``(T, N, …)``, padded at their ends."""
    lengths: Tensor
    """``(N,)``: steps of each."""
    positions: Tensor
    """``(N,)``: the step whose state is wanted."""
    own: Tensor
    """``(N,)``: the sequence that each is."""
    other: Tensor
    """``(N,)``: the sequence whose past it has."""


RunWhole = Callable[[Lanes], Tensor]
"""Gives the states ``(N, L, H)`` of ``L`` layers at each lane's position."""


def affordable(batch: int, window: int, share: float = 1.0) -> tuple[int, int]:
    """Of how many sequences the past is replaced, and at how many lags beside the last.

    Args:
        batch: sequences of the whole batch.
        window: steps of the longest one.
        share: of what a measurement may cost.

    Example:
        >>> from backsight.probes import affordable
        >>> affordable(32, 100), affordable(4, 100), affordable(1, 100)
        ((8, 7), (1, 7), (0, 0))
    """
    lanes, lags = int(share * FORWARDS * batch), len(ladder(window)) - 1
    if lanes < 4:
        return 0, 0
    return (lanes // (3 + lags), lags) if lanes >= 3 + lags else (1, lanes - 3)


def thinned(lags: Sequence[int], most: int) -> list[int]:
    """At most ``most`` lags beside the last, evenly spaced among them.

    Example:
        >>> from backsight.probes import thinned
        >>> thinned([1, 2, 4, 8, 16, 20], 3)
        [1, 4, 16, 20]
    """
    if len(lags) - 1 <= most:
        return [*lags]
    places = np.linspace(0, len(lags) - 2, most).round().astype(int)
    return [*(lags[place] for place in places), lags[-1]]


def memory_of_whole(
    run: RunWhole,
    inputs: Tensor,
    state: Sequence[Tensor],
    *,
    lengths: Sequence[int],
    positions: Sequence[int],
    compared: int,
    most: int,
) -> tuple[MemoryProfile, ...]:
    """The memory of each layer.

    Args:
        run: runs the module over whole sequences.
        inputs: ``(T, B, …)``, each sequence from its first step on, in the order in which the
            states to be measured are made.
        state: what the sequences begin with, ``(B, …)`` each; only compared with each other.
        lengths: steps of each sequence.
        positions: the step of each whose state is measured.
        compared: of how many sequences, from the first one on, the past is replaced.
        most: how many lags to measure beside the last.

    Example:
        >>> import torch
        >>> from backsight.probes import memory_of_whole
        >>> x = torch.tensor([[[1.0], [2.0]]] * 4)
        >>> def mean(lanes):
        ...     total = lanes.inputs.cumsum(0)[lanes.positions, torch.arange(len(lanes.own))]
        ...     return (total / 4)[:, None]
        >>> sizes = dict(lengths=[4, 4], positions=[3, 3])
        >>> (profile,) = memory_of_whole(mean, x, [], **sizes, compared=1, most=8)
        >>> profile.lags.tolist(), profile.memory.tolist()
        ([1, 2, 4], [0.75, 0.5, 0.0])
    """
    with torch.no_grad():
        steps = [at + 1 for at in positions]
        spans = spans_of(inputs, state, steps, compared)
        window = max((span.steps for span in spans), default=0)
        lags = thinned(ladder(window), most)
        if not lags:
            return ()
        parts = [(0, b, b) for b in range(compared)]  # its own past, whatever the lag
        parts += [(k, b, (b + 1) % len(steps)) for k in (0, *lags) for b in range(compared)]
        h = run(_lanes(inputs, parts, lengths, steps))
        table = h.view(len(lags) + 2, compared, *h.shape[1:])
        alike: dict[tuple[int, ...], list[int]] = {}
        """Places of the lags at which the same sequences are compared."""
        for place, k in enumerate(lags):
            last = k == window
            members = tuple(
                b for b, span in enumerate(spans) if k < span.steps or (last and k == span.steps)
            )
            alike.setdefault(members, []).append(place)
        rows: dict[int, NDArray[np.float64] | None] = {}
        for members, places in alike.items():
            some = table[:, [*members]]
            found = relative_memory(some[0], some[1], some[[2 + place for place in places]])
            rows |= {p: None if found is None else found[n] for n, p in enumerate(places)}
        return profiles_of(lags, [rows[place] for place in range(len(lags))], h.shape[1], spans)


def _lanes(
    inputs: Tensor,
    parts: Sequence[tuple[int, int, int]],
    lengths: Sequence[int],
    steps: Sequence[int],
) -> Lanes:
    """Of each part: the last ``k`` steps up to its position, and those behind it, are a sequence's
    own, and what is older is another's."""
    older = [max(0, steps[other] - k) for k, _, other in parts]
    begins = [steps[own] - k for k, own, _ in parts]
    own_steps = [lengths[own] - begin for (_, own, _), begin in zip(parts, begins, strict=True)]
    whole = [a + b for a, b in zip(older, own_steps, strict=True)]
    t = np.zeros((max(whole), len(parts)), np.int64)
    column = np.zeros_like(t)
    for lane, (_, own, other) in enumerate(parts):
        n, size = older[lane], whole[lane]
        t[:n, lane], column[:n, lane] = np.arange(n), other
        t[n:size, lane], column[n:size, lane] = np.arange(begins[lane], lengths[own]), own

    def on_device(values: object) -> Tensor:
        return torch.as_tensor(values, device=inputs.device)

    at = [n + k - 1 for n, (k, _, _) in zip(older, parts, strict=True)]
    return Lanes(
        inputs[on_device(t), on_device(column)],
        on_device(whole),
        on_device(at),
        on_device([own for _, own, _ in parts]),
        on_device([other for _, _, other in parts]),
    )

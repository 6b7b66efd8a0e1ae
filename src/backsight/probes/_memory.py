"""How much of a recurrent state depends on what lies further back.

``M(k) = E_b‖h_t - h_t^(k)‖ / E_b‖h_t - h_t^(0)‖``, where ``t`` is the position of sequence ``b``,
and ``h^(k)`` has the same last ``k`` inputs, and another sequence's older inputs and initial state:
those of the next sequence of the batch. What a bias drives by itself is in all of them, so that it
counts for nothing, as it would not if the past were replaced by rest.

The past is counted back from the position, so that sequences of different lengths end together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.errors import SettingError
from backsight.probes._memory_lanes import Advance, Fed, MemoryLanes
from backsight.probes._precision import norm_dtype
from backsight.signals import Lag, ReachMeasures, measure_memory, memory_words, unmoved_words

__all__ = [
    "FORWARDS",
    "Losses",
    "MemoryProfile",
    "Worth",
    "compared_of",
    "ladder",
    "memory",
    "profiles_of",
    "relative_memory",
    "spans_of",
]

Losses = Callable[[Tensor, Sequence[int]], Tensor]
"""The loss ``(n,)`` of states ``(n, H)`` of the last layer, and of which sequences they are."""
Worth = Callable[[Tensor], Losses | None]
"""Told the states ``(n, H)`` of the sequences that are compared, what a state is worth; None where
that is not known."""

RESOLVED = 100
"""Times the rounding of a state: by so much, another past has to move it for it to be measured."""

FAINT = 1e-3
"""Of the size of a state: where its whole past moves it by less, ``M`` is relative to that."""

FORWARDS = 2.5
"""Forward passes of the whole batch that one measurement may take."""


class Span(NamedTuple):
    """Where a sequence differs from the one whose past it is given."""

    steps: int
    """How many steps lie from its position back to the oldest difference."""
    anew: bool
    """Whether that is all of them and the two begin differently, too."""
    alike: float
    """Of the last steps, in how many they are alike; infinite where they do not differ."""


@dataclass(frozen=True)
class MemoryProfile:
    """How much of the state of one layer depends on what lies further back, by lag.

    Example:
        >>> import numpy as np
        >>> from backsight.probes import MemoryProfile
        >>> profile = MemoryProfile(np.array([1, 2, 4, 8]), np.array([0.6, 0.3, 0.05, 0.0]))
        >>> profile.length.steps, profile.words()
        (4, 'the state holds the last 4 of 8 steps')
    """

    lags: NDArray[np.int64]
    """``(n,)``: 1, 2, 4, … and the number of steps over which the sequences differ; empty where
    another past moves the state by no more than rounding."""
    memory: NDArray[np.float64]
    """``(n,)``: ``M(k)`` at these lags."""
    losses: NDArray[np.float64] | None = None
    """``(n,)``: the mean loss of the compared sequences at these lags, where it is known: with what
    is older replaced."""
    alike: float | None = None
    """Where another past moves the state by no more than rounding: in how many of their last steps
    the compared sequences are alike; infinite where they do not differ at all."""

    @property
    def tells(self) -> bool:
        """Whether there is more than a step to tell of, or why there is nothing."""
        return self.alike is not None or (len(self.lags) > 0 and bool(self.lags[-1] > 1))

    @property
    def length(self) -> Lag | None:
        """The smallest of the lags with ``M(k) ≤ 0.1``, censored where the window ends first; None
        where nothing was measured, or where it is not finite."""
        return measure_memory(self.lags, self.memory).length

    def words(self, reach: ReachMeasures | None = None) -> str:
        """What it means, beside the reach of the same layer where that is known."""
        if self.alike is not None:
            return unmoved_words(self.alike)
        return memory_words(self.lags, self.memory, reach)


def memory(
    advance: Advance,
    inputs: Fed,
    state: Sequence[Tensor],
    *,
    lengths: Sequence[int] | None = None,
    compared: int | None = None,
    worth: Worth | None = None,
) -> tuple[MemoryProfile, ...]:
    """The memory of a module whose state after a step tells all that it carries on.

    The module runs once over the sequences that are compared, and the next one. Where the last
    ``k`` steps begin, each sequence also goes on from the state that the next sequence has there:
    all of these run together. A step of a sequence is therefore computed at most four times, and
    three times where all sequences begin with the same state; more often where steps are so small
    that it takes no longer (:mod:`backsight.probes._memory_lanes`).

    Args:
        advance: ``advance(inputs, state)`` runs the module over the steps of ``inputs`` and returns
            its next state, row by row: what it makes of one sequence must not depend on the others.
        inputs: ``(T, B, …)``, or a tuple of such tensors, each sequence from its first step on.
        state: what the sequences begin with, ``(B, …)`` each. The first tensor is the hidden state,
            ``(B, H)``, or ``(B, L, H)`` of ``L`` layers.
        lengths: steps of each sequence up to its position; all of them by default.
        compared: of how many sequences, from the first one on, the past is replaced; all by
            default.
        worth: what states of the last layer are worth, where that is known.

    Returns:
        a profile for each layer.

    Raises:
        SettingError: there are fewer than two sequences, or no steps.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import memory
        >>> rnn, seed = nn.RNN(1, 1, bias=False, nonlinearity="relu"), torch.manual_seed(0)
        >>> for weight in rnn.parameters():
        ...     _ = nn.init.constant_(weight, 0.5)
        >>> def advance(x, state):
        ...     return (rnn(x, state[0][None])[1][0],)
        >>> x = torch.ones(8, 2, 1)
        >>> x[:, 1] = 2.0
        >>> (profile,) = memory(advance, x, [torch.zeros(2, 1)])
        >>> profile.lags.tolist(), profile.memory.round(2).tolist()
        ([1, 2, 4, 8], [0.5, 0.25, 0.06, 0.0])
    """
    first = inputs if isinstance(inputs, Tensor) else inputs[0]
    steps, count = first.shape[:2]
    if count < 2 or not steps:
        raise SettingError(
            f"memory compares sequences with each other, and needs two of at least one step: "
            f"inputs of shape (T, B, …), not {tuple(first.shape)}"
        )
    sizes = [steps] * count if lengths is None else [*lengths]
    most = count if compared is None else min(compared, count)
    if most + 1 < count:  # of the others, nobody is given the past
        inputs = _first(inputs, most + 1)
        state, sizes = [one[: most + 1] for one in state], sizes[: most + 1]
    with torch.no_grad():
        aligned, _ = _aligned(inputs, sizes)
        spans = spans_of(inputs, state, sizes, most)
        return _measured(MemoryLanes(advance, aligned, tuple(state), sizes), spans, worth)


def compared_of(batch: int, followed: int) -> int:
    """Of how many sequences the past is replaced, so that a batch costs no more than it may.

    Every sequence that is followed costs one run, and the replacements up to three more.

    Example:
        >>> from backsight.probes import compared_of
        >>> [compared_of(batch, min(batch, 8)) for batch in (1, 2, 3, 4, 8, 16)]
        [0, 1, 1, 2, 4, 8]
    """
    if followed < 2:
        return 0
    return min(followed, int((FORWARDS * batch - followed) / 3))


def ladder(window: int) -> list[int]:
    """Lags 1, 2, 4, … below ``window``, and that.

    Example:
        >>> from backsight.probes import ladder
        >>> ladder(10), ladder(1)
        ([1, 2, 4, 8, 10], [1])
    """
    if window < 1:
        return []
    return [1 << power for power in range((window - 1).bit_length())] + [window]


def relative_memory(own: Tensor, other: Tensor, replaced: Tensor) -> NDArray[np.float64] | None:
    """``M``, shape ``(L,)``, of some sequences at one lag, or ``(K, L)`` at several; None of no
    layer: -1 where another past moves the state of a layer by no more than rounding.

    Sequences may be alike in their last steps, as in the pause of a copying task. What a state
    that forgets has left of their differences is faint then, but all from further back: relative
    to itself, it would look like a perfect memory.

    Args:
        own: their states ``(n, L, H)``.
        other: those with all of their past replaced.
        replaced: those with what is older than the lag replaced, ``(K, n, L, H)`` of several lags.
    """
    dtype = norm_dtype(own)
    here = own.to(dtype)
    size = torch.linalg.vector_norm(here, dim=-1).sum(0)
    # All that moves it at once: on small tensors, each operation counts.
    several = replaced[None] if replaced.dim() == 3 else replaced
    moved = torch.cat([other[None], several]).to(dtype) - here
    far = torch.cat([size[None], torch.linalg.vector_norm(moved, dim=-1).sum(1)])
    (least, whole, *others) = far.double().cpu().numpy()
    told = (whole > RESOLVED * torch.finfo(own.dtype).eps * least) | ~np.isfinite(whole)
    if not told.any():
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # ∞/∞ is NaN, as it should be
        found = np.where(told, np.array(others) / np.maximum(whole, FAINT * least), -1.0)
    return found if replaced.dim() == 4 else found[0]


def _measured(
    lanes: MemoryLanes, spans: Sequence[Span], worth: Worth | None
) -> tuple[MemoryProfile, ...]:
    """A profile for each layer.

    Args:
        lanes: that have not run.
        spans: as of :func:`spans_of`.
        worth: as of :func:`memory`.
    """
    window = max((span.steps for span in spans), default=0)
    members = {
        k: [b for b, span in enumerate(spans) if k < span.steps or k == span.steps == window]
        for k in ladder(window)
    }
    # Where nothing of another's is left, nothing has to be run.
    h = lanes.run(
        {k: [b for b in own if k < spans[b].steps or spans[b].anew] for k, own in members.items()}
    )
    rows = _rows(lanes, h, members)
    *lower, last = profiles_of([*members], rows, h.shape[1], spans)
    compared = range(len(spans))
    losses = None
    if worth is not None and len(last.lags):
        losses = worth(h[:, -1].index_select(0, _index(lanes.own(compared), h)))
    if losses is not None:
        at = [lane for k, own in members.items() for lane in lanes.of_lag(own, k)]
        every = [b for own in members.values() for b in own]
        each = losses(h[:, -1].index_select(0, _index(at, h)), every).double().cpu().numpy()
        ends = np.cumsum([len(own) for own in members.values()])[:-1]
        last = replace(last, losses=np.array([part.mean() for part in np.split(each, ends)]))
    return (*lower, last)


def _rows(
    lanes: MemoryLanes, h: Tensor, members: dict[int, list[int]]
) -> list[NDArray[np.float64] | None]:
    """``M`` at each lag; of lags that the same sequences are compared at, together: a few
    operations on small tensors take as long as a step of a layer."""
    found: dict[int, NDArray[np.float64] | None] = {}
    alike: dict[tuple[int, ...], list[int]] = {}
    for lag, own in members.items():
        alike.setdefault(tuple(own), []).append(lag)
    for compared, lags in alike.items():
        own, count = [*compared], len(compared)
        other = lanes.own([(b + 1) % lanes.count for b in own])
        replaced = [lane for lag in lags for lane in lanes.of_lag(own, lag)]
        every = h.index_select(0, _index([*lanes.own(own), *other, *replaced], h))
        rest = every[2 * count :].view(len(lags), count, *h.shape[1:])
        rows = relative_memory(every[:count], every[count : 2 * count], rest)
        found |= {lag: None if rows is None else rows[n] for n, lag in enumerate(lags)}
    return [found[lag] for lag in members]


def profiles_of(
    lags: Sequence[int],
    rows: Sequence[NDArray[np.float64] | None],
    layers: int,
    spans: Sequence[Span],
) -> tuple[MemoryProfile, ...]:
    """Of each layer, without the lags at which nothing can be told of it."""
    alike = min((span.alike for span in spans), default=math.inf)
    nothing = np.full(layers, -1.0)
    table = np.array([nothing if row is None else row for row in rows]).reshape(len(rows), layers)
    at = np.array(lags, np.int64)
    found = []
    for row in table.T:
        known = row != -1  # a NaN is a value
        if len(row) and known.all():
            found.append(MemoryProfile(at, row))
        else:  # where only the sequences that are longer tell nothing, neither do all
            unmoved = None if known.any() else alike
            found.append(MemoryProfile(at[:0], row[:0], alike=unmoved))
    return tuple(found)


def _aligned(inputs: Fed, sizes: list[int]) -> tuple[Fed, int]:
    """Fed whose sequences end together, and how many steps they have."""
    longest = max(sizes)
    if isinstance(inputs, tuple):
        return tuple(_align(one, sizes, longest) for one in inputs), longest
    return _align(inputs, sizes, longest), longest


def _align(inputs: Tensor, sizes: list[int], longest: int) -> Tensor:
    if min(sizes) == longest:
        return inputs[:longest]
    size = torch.tensor(sizes, device=inputs.device)
    at = size - longest + torch.arange(longest, device=inputs.device)[:, None]
    rows = torch.arange(len(sizes), device=inputs.device).expand_as(at)
    return inputs[at.clamp(min=0), rows]


def spans_of(inputs: Fed, state: Sequence[Tensor], sizes: list[int], most: int) -> list[Span]:
    """Of each sequence that is compared, where it differs from the next one.

    Fed that two sequences have in common, such as padding before both, tell nothing of what is
    held: beyond the oldest one that differs, ``M`` would be 0 whatever the module does.
    """
    inputs, longest = _aligned(inputs, sizes)
    own, other = [*range(most)], [(b + 1) % len(sizes) for b in range(most)]
    each = inputs if isinstance(inputs, tuple) else (inputs,)
    parts = [_differ(one, other, 1) for one in each]  # (T, most)
    begins = [_differ(one, other, 0)[None] for one in state]  # (1, most)
    both = torch.cat([*parts, *begins]).cpu().numpy()
    steps = np.logical_or.reduce(both[: longest * len(parts)].reshape(len(parts), longest, most))
    anew = np.logical_or.reduce(both[longest * len(parts) :])
    found = []
    for b, p in zip(own, other, strict=True):
        begun = bool(anew[b]) or sizes[b] != sizes[p]
        shared = min(sizes[b], sizes[p])
        where = shared - np.flatnonzero(steps[longest - shared :, b])  # steps back, from 1 on
        furthest = sizes[b] if begun else int(max(where, default=0))
        nearest = min(where, default=shared + 1 if begun else math.inf)
        found.append(Span(furthest, begun, float(nearest) - 1))
    return found


def _differ(one: Tensor, other: list[int], axis: int) -> Tensor:
    """Whether the first sequences differ from others; ``(T, n)``, or ``(n,)`` of states."""
    unequal = one.narrow(axis, 0, len(other)) != one.index_select(axis, _index(other, one))
    return unequal.flatten(axis + 1).any(-1) if unequal.dim() > axis + 1 else unequal


def _first(inputs: Fed, count: int) -> Fed:
    return (
        tuple(one[:, :count] for one in inputs) if isinstance(inputs, tuple) else inputs[:, :count]
    )


def _index(rows: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor([*rows], device=like.device)

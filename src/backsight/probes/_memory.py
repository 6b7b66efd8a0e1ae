"""How much of a recurrent state depends on what lies further back.

``M(k) = E_b‖h_t - h_t^(k)‖ / E_b‖h_t - h_t^(0)‖``, where ``t`` is the position of sequence ``b``,
and ``h^(k)`` has the same last ``k`` inputs, and another sequence's older inputs and initial state:
those of the next sequence of the batch. What a bias drives by itself is in all of them, so that it
counts for nothing, as it would not if the past were replaced by rest.

The past is counted back from the position, so that sequences of different lengths end together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.errors import SettingError
from backsight.probes._precision import norm_dtype
from backsight.signals import Lag, ReachMeasures, measure_memory, memory_words

__all__ = [
    "FORWARDS",
    "Advance",
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

Carried = tuple[Tensor, ...]
"""All that a module carries from step to step, ``(N, …)`` each; the hidden state first."""
Fed = Tensor | tuple[Tensor, ...]
"""What it is given, ``(S, N, …)``."""
Losses = Callable[[Tensor, Sequence[int]], Tensor]
"""The loss ``(n,)`` of states ``(n, H)`` of the last layer, and of which sequences they are."""
Worth = Callable[[Tensor], Losses | None]
"""Told the states ``(n, H)`` of the sequences that are compared, what a state is worth; None where
that is not known."""
Advance = Callable[[Any, Carried], Carried]
"""Runs a module over some steps from a state: inputs ``(S, N, …)``, one tensor or a tuple as it was
given, and states ``(N, …)``."""

RESOLVED = 100
"""Times the rounding of a state: by so much, another past has to move it for it to be measured."""

FAINT = 1e-3
"""Of the size of a state: where its whole past moves it by less, ``M`` is relative to that."""

FORWARDS = 2.5
"""Forward passes of the whole batch that one measurement may take."""


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

    @property
    def length(self) -> Lag | None:
        """The smallest of the lags with ``M(k) ≤ 0.1``, censored where the window ends first; None
        where nothing was measured, or where it is not finite."""
        return measure_memory(self.lags, self.memory).length

    def words(self, reach: ReachMeasures | None = None) -> str:
        """What it means, beside the reach of the same layer where that is known."""
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

    The module runs over all sequences once. Where the last ``k`` steps begin, each sequence also
    goes on from the state that the next sequence has there: all of these run together. A step of a
    sequence is therefore computed at most four times, and three times where all sequences begin
    with the same state.

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
    with torch.no_grad():
        aligned = _aligned(inputs, sizes)
        spans = spans_of(inputs, state, sizes, most)
        lanes = _Lanes(advance, aligned, tuple(state), sizes)
        return lanes.run(spans, worth)


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
    whole = _distance(own, other, dtype)
    moved = _distance(own, replaced, dtype)
    size = torch.linalg.vector_norm(own, dim=-1, dtype=dtype).sum(0)
    told = whole > RESOLVED * torch.finfo(own.dtype).eps * size
    told |= ~whole.isfinite()
    if not bool(told.any()):
        return None
    whole = torch.maximum(whole, FAINT * size)
    return torch.where(told, moved / whole, -1.0).double().cpu().numpy()


class _Lanes:
    """Runs of sequences that end together, some with another one's past."""

    def __init__(
        self, advance: Advance, aligned: tuple[Fed, int], state: Carried, sizes: list[int]
    ) -> None:
        self._advance, (self._inputs, self._steps) = advance, aligned
        self._initial, self._sizes = state, sizes
        self._device = state[0].device
        self._columns: list[int] = []
        """Of each lane, whose inputs it is given."""
        self._own: dict[int, int] = {}
        """Of each sequence, the lane that it has to itself."""
        self._replaced: dict[tuple[int, int], int] = {}
        """Of a lag and a sequence, the lane with what is older replaced."""
        self._state: Carried = ()

    def run(
        self, spans: Sequence[tuple[int, bool]], worth: Worth | None
    ) -> tuple[MemoryProfile, ...]:
        """A profile for each layer.

        Args:
            spans: as of :func:`spans_of`.
            worth: as of :func:`memory`.
        """
        window = max((span for span, _ in spans), default=0)
        lags = ladder(window)
        members = {
            k: [b for b, (span, _) in enumerate(spans) if k < span or k == span == window]
            for k in lags
        }
        begun = {  # where nothing of another's is left, nothing has to be run
            k: [b for b in own if k < spans[b][0] or spans[b][1]] for k, own in members.items()
        }
        ends = sorted({*self._sizes, *(k for k, own in begun.items() if own)}, reverse=True)
        for begin, end in zip(ends, [*ends[1:], 0], strict=True):
            self._begin(begin, begun.get(begin, ()))
            inputs = _part(self._inputs, slice(self._steps - begin, self._steps - end))
            self._state = self._advance(_rows(inputs, self._columns, 1), self._state)
        h = self._state[0]
        h = h[:, None] if h.dim() == 2 else h
        rows = self._rows(h, members)
        *lower, last = profiles_of(lags, rows, h.shape[1])
        own = h[[self._own[b] for b in range(len(spans))], -1]
        losses = None if worth is None or not len(last.lags) else worth(own)
        if losses is not None:
            each = [losses(h[self._of_lag(members[k], k), -1], members[k]).mean() for k in lags]
            last = replace(last, losses=torch.stack(each).double().cpu().numpy())
        return (*lower, last)

    def _of_lag(self, members: list[int], lag: int) -> list[int]:
        """The lanes with what is older replaced; where nothing of it is another's, their own."""
        return [self._replaced.get((lag, b), self._own[b]) for b in members]

    def _begin(self, lag: int, replaced: Sequence[int]) -> None:
        """Add the sequences that begin ``lag`` steps before their end, and those that go on there
        from another one's state."""
        fresh = [b for b, size in enumerate(self._sizes) if size == lag]
        if fresh:
            self._add(cast(Carried, _rows(self._initial, fresh, 0)), fresh)
            self._own |= {b: len(self._columns) - len(fresh) + n for n, b in enumerate(fresh)}
        if not replaced:
            return
        others = [(b + 1) % len(self._sizes) for b in replaced]
        parts = [
            [one[self._own[p]] if self._sizes[p] >= lag else begin[p] for p in others]
            for one, begin in zip(self._state, self._initial, strict=True)
        ]
        self._add(tuple(torch.stack(part) for part in parts), replaced)
        last = len(self._columns) - len(replaced)
        self._replaced |= {(lag, b): last + n for n, b in enumerate(replaced)}

    def _add(self, state: Carried, columns: Sequence[int]) -> None:
        if self._state:
            pairs = zip(self._state, state, strict=True)
            self._state = tuple(torch.cat([before, one.to(before.dtype)]) for before, one in pairs)
        else:
            self._state = state
        self._columns += columns

    def _rows(self, h: Tensor, members: dict[int, list[int]]) -> list[NDArray[np.float64] | None]:
        """``M`` at each lag; of lags that the same sequences are compared at, together: a few
        operations on small tensors take as long as a step of a layer."""
        found: dict[int, NDArray[np.float64] | None] = {}
        alike: dict[tuple[int, ...], list[int]] = {}
        for lag, own in members.items():
            alike.setdefault(tuple(own), []).append(lag)
        for compared, lags in alike.items():
            own, count = [*compared], len(compared)
            other = [self._own[(b + 1) % len(self._sizes)] for b in own]
            replaced = [lane for lag in lags for lane in self._of_lag(own, lag)]
            every = h.index_select(0, _index([*(self._own[b] for b in own), *other, *replaced], h))
            rest = every[2 * count :].view(len(lags), count, *h.shape[1:])
            rows = relative_memory(every[:count], every[count : 2 * count], rest)
            found |= {lag: None if rows is None else rows[n] for n, lag in enumerate(lags)}
        return [found[lag] for lag in members]


def profiles_of(
    lags: Sequence[int], rows: Sequence[NDArray[np.float64] | None], layers: int
) -> tuple[MemoryProfile, ...]:
    """Of each layer, without the lags at which nothing can be told of it."""
    nothing = np.full(layers, -1.0)
    table = np.array([nothing if row is None else row for row in rows]).reshape(len(rows), layers)
    at = np.array(lags, np.int64)
    found = []
    for row in table.T:
        known = row != -1  # a NaN is a value
        whole = known.all()  # else the sequences that are longer tell nothing: neither do all
        found.append(MemoryProfile(at if whole else at[:0], row if whole else row[:0]))
    return tuple(found)


def _distance(one: Tensor, other: Tensor, dtype: torch.dtype) -> Tensor:
    """``(…, L)``: the sum over sequences."""
    distance: Tensor = torch.linalg.vector_norm(one.to(dtype) - other.to(dtype), dim=-1).sum(-2)
    return distance


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


def spans_of(
    inputs: Fed, state: Sequence[Tensor], sizes: list[int], most: int
) -> list[tuple[int, bool]]:
    """Of each sequence that is compared, the steps over which it differs from the next one, and
    whether that is all of them and the two begin differently, too.

    Fed that two sequences have in common, such as padding before both, tell nothing of what is
    held: beyond the oldest one that differs, ``M`` would be 0 whatever the module does.
    """
    inputs, longest = _aligned(inputs, sizes)
    own, other = [*range(most)], [(b + 1) % len(sizes) for b in range(most)]
    each = inputs if isinstance(inputs, tuple) else (inputs,)
    differs = torch.stack([_differ(one, own, other, 1) for one in each]).any(0)  # (T, most)
    begins = torch.zeros_like(differs[0])  # (most,)
    for one in state:
        begins |= _differ(one, own, other, 0)
    both = torch.cat([differs, begins[None]]).cpu().numpy()
    found = []
    for b, p in zip(own, other, strict=True):
        if both[-1, b] or sizes[b] != sizes[p]:
            found.append((sizes[b], True))
            continue
        where = np.flatnonzero(both[longest - sizes[b] : -1, b])
        found.append((sizes[b] - int(where[0]) if len(where) else 0, False))
    return found


def _differ(one: Tensor, own: list[int], other: list[int], axis: int) -> Tensor:
    """Whether sequences differ from others; ``(T, n)``, or ``(n,)`` of states."""
    unequal = one.index_select(axis, _index(own, one)) != one.index_select(axis, _index(other, one))
    return unequal.flatten(axis + 1).any(-1) if unequal.dim() > axis + 1 else unequal


def _rows(inputs: Fed, rows: Sequence[int], axis: int) -> Fed:
    if isinstance(inputs, tuple):
        return tuple(one.index_select(axis, _index(rows, one)) for one in inputs)
    return inputs.index_select(axis, _index(rows, inputs))


def _part(inputs: Fed, steps: slice) -> Fed:
    return tuple(one[steps] for one in inputs) if isinstance(inputs, tuple) else inputs[steps]


def _index(rows: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor([*rows], device=like.device)

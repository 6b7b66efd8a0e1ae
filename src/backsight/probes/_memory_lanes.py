"""Runs of sequences that end together, some with another one's past.

A *lane* is such a run. All lanes that are under way advance together, from one moment at which
lanes begin to the next. On small tensors, each of these moments costs a dozen operations, which is
as much as a whole forward pass may take: lanes then begin earlier than they have to, together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Advance", "Carried", "Fed", "MemoryLanes", "begins_of"]

Carried = tuple[Tensor, ...]
"""All that a module carries from step to step, ``(N, …)`` each; the hidden state first."""
Fed = Tensor | tuple[Tensor, ...]
"""What it is given, ``(S, N, …)``."""
Advance = Callable[[Any, Carried], Carried]
"""Runs a module over some steps from a state: inputs ``(S, N, …)``, one tensor or a tuple as it was
given, and states ``(N, …)``."""

SPARE = 2**19
"""Products that lanes may add by beginning early, where that saves a moment, whose operations take
about as long on a core: of 0 and the powers of 2 up to 22, 19 was among the fastest three for an
RNN of 16, 32 and 64 units."""


def begins_of(lanes: dict[int, int], steps: int, units: int) -> dict[int, int]:
    """How many steps before their end the lanes of each lag begin, so that more begin at once.

    Args:
        lanes: how many there are, by lag.
        steps: of the sequences, which begin in any case.
        units: of a state; a step of a lane takes about their square in products.
    """
    begins: dict[int, int] = {}
    begin, spent = steps, 0
    for lag in sorted(lanes, reverse=True):
        spent += (begin - lag) * lanes[lag] * units**2
        if spent > SPARE:
            begin, spent = lag, 0
        begins[lag] = begin
    return begins


class MemoryLanes:
    """Sequences, each on a lane of its own, and any of them again with another one's past.

    Args:
        advance: see :data:`Advance`.
        inputs: ``(T, B, …)``, or a tuple of such tensors, which all end together.
        state: what the sequences begin with, ``(B, …)`` each.
        sizes: steps of each sequence.
    """

    def __init__(self, advance: Advance, inputs: Fed, state: Carried, sizes: Sequence[int]) -> None:
        self._advance, self._tuple = advance, isinstance(inputs, tuple)
        self._inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        self._flat: Carried = ()
        self._steps, self.count = self._inputs[0].shape[:2]
        self._initial, self._sizes = state, [*sizes]
        self._lanes: list[tuple[int, int, int]] = []
        """Of each lane: whose it is, whose older past it has, and how many steps are its own."""
        self._at: dict[int, int] = {}
        """Of each sequence, the lane that it has to itself."""
        self._replaced: dict[tuple[int, int], int] = {}
        """Of a lag and a sequence, the lane with what is older replaced."""
        self._state: Carried = ()

    def run(self, replaced: Mapping[int, Sequence[int]]) -> Tensor:
        """Every lane's last hidden state, ``(N, L, H)``.

        Args:
            replaced: by lag, the sequences whose older past the next sequence's is to replace.
        """
        lanes = {lag: len(own) for lag, own in replaced.items() if own}
        begins = {lag: lag for lag in lanes}
        if min(self._sizes) == self._steps:  # else another one may begin in between
            begins = begins_of(lanes, self._steps, self._initial[0][0].numel())
        moments = sorted({*self._sizes, *begins.values()}, reverse=True)
        for begin, end in zip(moments, [*moments[1:], 0], strict=True):
            self._begin(begin, {k: replaced[k] for k, moment in begins.items() if moment == begin})
            self._state = self._advance(self._fed(begin, end), self._state)
        h = self._state[0]
        return h[:, None] if h.dim() == 2 else h

    def own(self, sequences: Sequence[int]) -> list[int]:
        """The lanes that sequences have to themselves."""
        return [self._at[b] for b in sequences]

    def of_lag(self, sequences: Sequence[int], lag: int) -> list[int]:
        """The lanes with what is older replaced; where nothing of it is another's, their own."""
        return [self._replaced.get((lag, b), self._at[b]) for b in sequences]

    def _begin(self, moment: int, replaced: Mapping[int, Sequence[int]]) -> None:
        """Add the sequences that begin so many steps before their end, and those that go on there
        from another one's state."""
        under_way = len(self._lanes)
        source = []
        """Where each new lane's state comes from: a lane's, or an initial one, behind those."""
        for b, size in enumerate(self._sizes):
            if size == moment:
                self._at[b] = len(self._lanes)
                self._lanes.append((b, b, size))
                source.append(under_way + b)
        for lag, own in replaced.items():
            for b in own:
                other = (b + 1) % self.count
                self._replaced[lag, b] = len(self._lanes)
                self._lanes.append((b, other, lag))
                goes_on = self._sizes[other] > moment
                source.append(self._at[other] if goes_on else under_way + other)
        if source:
            self._state = _gathered(self._state, self._initial, under_way, source)

    def _fed(self, begin: int, end: int) -> Fed:
        """What the lanes are given from ``begin`` to ``end`` steps before their end."""
        own, other, last = np.array(self._lanes).T
        left = np.arange(begin, end, -1)[:, None]
        columns = np.where(left <= last, own, other)
        if columns.shape[1] == self.count and (columns == np.arange(self.count)).all():
            parts = tuple(x[self._steps - begin : self._steps - end] for x in self._inputs)
            return parts if self._tuple else parts[0]
        if not self._flat:
            self._flat = tuple(x.flatten(0, 1) for x in self._inputs)
        rows = torch.from_numpy(((self._steps - left) * self.count + columns).ravel())
        parts = tuple(
            x.index_select(0, rows.to(x.device)).view(*columns.shape, *x.shape[1:])
            for x in self._flat
        )
        return parts if self._tuple else parts[0]


def _gathered(state: Carried, initial: Carried, under_way: int, source: Sequence[int]) -> Carried:
    """States of the lanes under way, and of new ones, from those and from the initial ones."""
    if not state and source == [*range(len(initial[0]))]:
        return initial
    if not state:
        pool = initial
    elif max(source) < under_way:
        pool = state
    else:
        both = zip(state, initial, strict=True)
        pool = tuple(torch.cat([one, begin.to(one.dtype)]) for one, begin in both)
    index = torch.tensor([*range(under_way), *source], device=pool[0].device)
    return tuple(one.index_select(0, index.to(one.device)) for one in pool)

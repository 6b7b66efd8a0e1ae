"""How much of what a block of a stack returns depends on what lies further back.

A block maps whole sequences, and may look ahead: it is run again over each sequence as a whole,
with the older steps of what it was called with replaced, all lags in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils import _pytree as tree

from backsight.probes._memory import MemoryProfile
from backsight.probes._rerun import as_it_was, autocast_now, may_run_again, taken_apart
from backsight.probes._sequences import spacing
from backsight.probes._tensors import Unchanged, tensors_in
from backsight.probes._whole_memory import Lanes, affordable, memory_of_whole
from backsight.probes.inputs._points import Layout

__all__ = ["BlockCall", "BlockRun", "block_call", "block_to_run"]


@dataclass(frozen=True, slots=True, eq=False)
class BlockCall:
    """What a block was called with, without its graph."""

    module: nn.Module
    leaves: list[Any]
    spec: Any
    taken: int
    """The place of the sequence among the leaves."""
    made: int
    """Which of the tensors that were returned is the new one."""
    autocast: torch.dtype | None
    """What it was computed in, where that was under autocast."""


def block_call(
    module: nn.Module, args: Any, kwargs: Any, taken: Tensor, result: Any, made: Tensor
) -> BlockCall | None:
    """None where its arguments cannot be taken apart.

    Args:
        module: the block.
        args: what it was called with,
        kwargs: by name, too.
        taken: the sequence among them.
        result: what it returned.
        made: the new sequence in it.
    """
    parts = taken_apart((args, kwargs))
    if parts is None:
        return None
    leaves, spec = parts
    places = [n for n, one in enumerate(leaves) if one is taken]
    found = [n for n, one in enumerate(tensors_in(result)) if one is made]
    if len(places) != 1 or len(found) != 1:
        return None
    kept = [Unchanged(one) if isinstance(one, Tensor) else one for one in leaves]
    return BlockCall(module, kept, spec, places[0], found[0], autocast_now(made))


@dataclass(frozen=True, slots=True, eq=False)
class BlockRun:
    """A block to be run again."""

    call: BlockCall
    layout: Layout
    x: Tensor
    """``(T, B, features)`` of the sequences that are followed."""
    rows: list[int]
    """Which sequences of the batch these are."""
    batch: int
    at: int
    """The step whose output is measured."""
    compared: int
    lags: int

    def memory(self) -> MemoryProfile | None:
        """None where nothing can be told, as of sequences that are but a step long."""
        steps = len(self.x)
        with as_it_was(self.call.module, self.x, self.call.autocast):
            found = memory_of_whole(
                self._run,
                self.x,
                (),
                lengths=[steps] * len(self.rows),
                positions=[self.at] * len(self.rows),
                compared=self.compared,
                most=self.lags,
            )
        known = [one for one in found if one.tells]
        return known[0] if known else None

    def _run(self, lanes: Lanes) -> Tensor:
        own = torch.tensor(self.rows, device=self.x.device)[lanes.own]
        x = lanes.inputs if self.layout == "time" else lanes.inputs.transpose(0, 1)
        leaves = [self._leaf(n, leaf, x, own) for n, leaf in enumerate(self.call.leaves)]
        args, kwargs = tree.tree_unflatten(leaves, self.call.spec)
        made = [*tensors_in(self.call.module(*args, **kwargs))][self.call.made]
        by_time = made if self.layout == "time" else made.transpose(0, 1)
        lane = torch.arange(len(own), device=made.device)
        return by_time[lanes.positions, lane][:, None]

    def _leaf(self, place: int, leaf: Any, x: Tensor, own: Tensor) -> Any:
        if not isinstance(leaf, Unchanged):
            return leaf
        if place == self.call.taken:
            return x.contiguous()
        tensor = leaf.tensor
        assert tensor is not None
        return tensor[own] if tensor.dim() and len(tensor) == self.batch else tensor.clone()


def block_to_run(
    call: BlockCall, layout: Layout, at: NDArray[np.int64], sequences: int | None
) -> BlockRun | None:
    """What it takes to measure the memory of one block; None where it cannot be run again.

    Args:
        call: of the block.
        layout: of the sequence that it was called with.
        at: ``(B,)``: each sequence's position; negative where there is none. Those with the last
            one are compared: what a block makes of a step may depend on its number.
        sequences: how many to follow, as of :class:`ReaderSettings`.
    """
    tensors = [one.tensor for one in call.leaves if isinstance(one, Unchanged)]
    if any(one is None for one in tensors):
        return None  # overwritten since
    taken = call.leaves[call.taken].tensor
    by_time = taken if layout == "time" else taken.transpose(0, 1)
    steps, batch = by_time.shape[:2]
    place = int(at.max(initial=-1))
    known = np.flatnonzero(at == place).tolist()
    if place < 1 or len(known) < 2 or not _rows_are_told(tensors, taken, steps, batch):
        return None
    compared, lags = affordable(batch, place + 1)
    count, step = spacing(sequences, len(known))
    rows = known[::step][:count]
    if compared < 1 or not may_run_again(call.module):
        return None
    x = by_time[:, rows].clone()  # whatever becomes of it until the pass is over
    return BlockRun(call, layout, x, rows, batch, place, min(compared, len(rows)), lags)


def _rows_are_told(tensors: Sequence[Tensor | None], taken: Tensor, steps: int, batch: int) -> bool:
    """Whether it is known of all that is given beside the sequence which axis has a row a sequence:
    the first, or none."""
    beside = [one for one in tensors if one is not None and one is not taken]
    return all(
        not one.dim() or (len(one) == batch and batch != steps) or batch not in one.shape
        for one in beside
    )

"""Which steps of a fused layer's output a loss reads: those that a gradient arrives at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._tensors import tensors_in

__all__ = ["StepsRead"]


@dataclass(eq=False)
class StepsRead:
    """One call of ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``; shapes ``T`` steps, ``B`` sequences, ``D``
    directions. What it holds is its own: neither a tensor of the caller's nor a graph.

    Example:
        >>> import torch
        >>> from backsight.probes import StepsRead
        >>> gru = torch.nn.GRU(3, 4, bidirectional=True)
        >>> result = gru(torch.randn(6, 2, 3))
        >>> read = StepsRead.of(gru, result, lambda: True)
        >>> result[0][-1].sum().backward()
        >>> read.output.any(2).int().tolist(), read.final_read
        ([[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]], False)
    """

    steps: int
    batch: int
    directions: int
    lengths: Tensor
    """``(B,)``: steps of each sequence, in the order of processing."""
    packed: bool
    output: Tensor | None = None
    """``(D, T, B)``: whether a gradient has arrived at the output there."""
    final: Tensor | None = None
    """``(D,)``: whether one has arrived at a final state, of any layer and sequence."""
    units: Tensor | None = None
    """``(D·H,)``: whether one has arrived at the output of that unit, at any step."""
    rows: Tensor | None = None
    """``(B,)``: whether one has arrived at the output or a final state of that sequence; None where
    they are packed."""
    width: int = 1
    """``H``: units of the output in one direction."""
    failed: list[Exception] = field(default_factory=list)
    """What went wrong in a gradient hook, in which it could not be raised."""

    @classmethod
    def of(cls, layer: nn.RNNBase, result: Any, asked: Callable[[], bool]) -> "StepsRead | None":
        """Watch what a call has returned; None where no gradient can arrive, or of one sequence.

        Args:
            layer: that was called.
            result: what it returned.
            asked: whether a gradient that arrives now is the caller's own.
        """
        output, final = result
        directions = 2 if layer.bidirectional else 1
        batch_first = layer.batch_first
        if isinstance(output, PackedSequence):
            data, sizes = output.data, output.batch_sizes
            steps, batch = len(sizes), int(sizes[0])
            lengths = (sizes[:, None] > torch.arange(batch, device=sizes.device)).sum(0)
            place = (torch.arange(batch, device=sizes.device) < sizes[:, None]).nonzero().t()
        else:
            data, place = output, None
            if data.dim() != 3:
                return None
            steps, batch = data.transpose(0, 1).shape[:2] if batch_first else data.shape[:2]
            lengths = torch.full((batch,), steps, device="cpu")
        if not data.requires_grad or not data.numel():
            return None
        units = data.shape[-1] // directions
        one = cls(steps, batch, directions, lengths, place is not None, width=units)

        def arrived(gradient: Tensor) -> None:
            each = gradient != 0
            one.units = _joined(one.units, each.flatten(0, -2).any(0))
            there = each.view(*gradient.shape[:-1], directions, units).any(-1)
            if place is not None:
                whole = there.new_zeros(steps, batch, directions)
                whole[place[0].to(there.device), place[1].to(there.device)] = there
                there = whole
            elif batch_first:
                there = there.transpose(0, 1)
            there = there.movedim(-1, 0)
            one.output = _joined(one.output, there)
            if place is None:
                one.rows = _joined(one.rows, there.flatten(0, 1).any(0))

        def ended(gradient: Tensor) -> None:
            each = (gradient != 0).any(2)
            one.final = _joined(one.final, each.any(1).view(-1, directions).any(0))
            if place is None:
                one.rows = _joined(one.rows, each.any(0))

        one._watch(data, arrived, asked)
        for state in tensors_in(final):
            one._watch(state, ended, asked)
        return one

    @property
    def full(self) -> bool:
        """Whether all sequences have all steps."""
        return int(self.lengths.min()) == self.steps

    @property
    def arrived(self) -> bool:
        """Whether any gradient has."""
        return self.output is not None or self.final is not None

    @property
    def final_read(self) -> bool:
        """Whether one that is not zero has arrived at a final state."""
        return self.final is not None and bool(self.final.any())

    def _watch(
        self, tensor: Tensor, told: Callable[[Tensor], None], asked: Callable[[], bool]
    ) -> None:
        """On the node, not on the tensor: writing into the tensor does not take that away."""
        node, number = tensor.grad_fn, tensor.output_nr
        if node is None:
            return

        def hook(gradients: Any) -> None:
            gradient = gradients[number]
            if gradient is None or not asked():
                return
            try:
                with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
                    told(gradient.detach())
            except Exception as error:  # noqa: BLE001 - must not end the caller's backward
                self.failed.append(error)

        node.register_prehook(hook)

    def read_at(self, direction: int) -> Tensor | None:
        """``(B,)``: the one step that is read of each sequence, -1 where none is; None where
        several are read of any.

        Args:
            direction: 0 forward, 1 in reverse.
        """
        if self.output is None:
            return None
        read = self.output[direction]
        counts = read.sum(0)
        if bool((counts > 1).any()):
            return None
        return read.int().argmax(0).masked_fill(counts == 0, -1)


def _joined(before: Tensor | None, there: Tensor) -> Tensor:
    return there if before is None else before | there

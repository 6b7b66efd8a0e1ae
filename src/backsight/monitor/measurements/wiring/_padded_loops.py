"""Padding in what a loop is given step by step, and errors that it counts in."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backsight.monitor.measurements.wiring._padded_steps import PaddedSteps
from backsight.probes import (
    LossOperations,
    LossTarget,
    is_padding,
    loop_inputs,
    may_be_padded,
    padding_of,
)

__all__ = ["counts_errors", "padded_in_turn"]

FEWEST = 3
"""Steps."""

NEAR = 1e-6
"""Of the largest number: rounding errors of single precision."""

ALIKE = 0.5
"""Of the padded steps, as many predictions are exactly the target: they were masked before."""


def padded_in_turn(made: LossOperations, losses: Sequence[LossTarget]) -> PaddedSteps | None:
    """Where the sequences end that a loop reads, if they end in padding.

    Args:
        made: the operations of the loss, while the graph is whole.
        losses: its targets. Numbers that end in no padding are not looked for in the loop, which
            takes long.
    """
    nodes = [node for _, node in made.those({"Embedding"})]
    if not nodes:
        if not any(_may_be_padded(one) for one in losses):
            return None
        read = loop_inputs(made)
        if read is None or not read.is_floating_point():
            return None
        at_end, inside = padding_of(read.movedim(1, 0))
        return PaddedSteps(at_end, inside) if is_padding(at_end, inside) else None
    nodes.sort(key=lambda node: node._sequence_nr())
    each: list[Tensor] = [node._saved_indices for node in nodes]  # type: ignore[attr-defined]
    if len(each) < FEWEST or each[0].dim() != 1 or len({x.shape for x in each}) != 1:
        return None
    found = PaddedSteps.embedded(torch.stack(each).detach())
    return found if found is not None and found.certain else None


def _may_be_padded(loss: LossTarget) -> bool:
    """Whether the targets of an error of each step end in one number."""
    y = loss.target
    if loss.of_classes or y.dim() not in (2, 3) or min(y.shape[:2]) < FEWEST:
        return False
    return may_be_padded(y) or may_be_padded(y.transpose(0, 1))


@torch.no_grad()
def counts_errors(loss: LossTarget, padding: PaddedSteps, *, whole: bool) -> bool:
    """Whether an error counts at all steps: neither weighted nor masked.

    Args:
        loss: one of ``loss_targets``, or an error by hand.
        padding: of the sequences.
        whole: whether what is made of an error by hand is known to be a mean or sum of all of it.
    """
    plain = loss.reduction != "none" and getattr(loss.node, "_saved_weight", None) is None
    by_hand = loss.by_hand or loss.rounded
    if loss.of_classes or not (whole if by_hand else plain):
        return False
    if loss.prediction.numel() != loss.target.numel():
        return False
    off = (loss.prediction.reshape(-1) - loss.target.reshape(-1)).abs()
    near = NEAR * float(loss.prediction.abs().max() + loss.target.abs().max())
    return int((off <= near).sum()) < ALIKE * int(padding.at_end.sum())

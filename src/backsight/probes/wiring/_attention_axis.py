"""Attentions, and softmaxes, that run over the sequences of a batch in place of their steps."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from backsight.probes._operations import saved, saved_axes, shape_of
from backsight.probes._time_axis import moves_across, padded_across
from backsight.probes.loss import LossOperations, LossTarget

__all__ = ["attends_across", "attentions", "softmax_across"]

FUSED = frozenset(
    f"ScaledDotProduct{kind}Attention{device}"
    for kind, device in (("Flash", ""), ("Flash", "ForCpu"), ("Efficient", ""), ("Cudnn", ""))
)
BY_HAND = frozenset({"SafeSoftmax", "Softmax"})

FEWEST = 3
"""Steps, and sequences."""


def attends_across(
    made: LossOperations, targets: Sequence[LossTarget], sizes: Sequence[tuple[int, int]] = ()
) -> bool:
    """Whether each attention of a model runs over what are its sequences.

    The loss has a target for each of what it takes for steps, and each of these is a row of the
    model's answers; or the symbols that were embedded move on, or end in padding, along the axis
    that it takes for the batch.

    Args:
        made: the operations of the loss, while the graph is whole.
        targets: its targets.
        sizes: steps and sequences of each call of a recurrent layer, where there are any: then it
            is known which is which.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, attends_across, loss_targets
        >>> x, y = torch.randn(7, 5, 8), torch.randint(8, (7,))  # 7 sequences
        >>> for first in (False, True):
        ...     layer = torch.nn.TransformerEncoderLayer(8, 2, 8, batch_first=first)
        ...     loss = torch.nn.functional.cross_entropy(layer(x).mean(1), y)
        ...     made = LossOperations([loss])
        ...     attends_across(made, loss_targets(made))
        True
        False
    """
    found = attentions(made)
    if len(found) != 1:
        return False
    ((steps, rows),) = found
    if sizes:
        clear = {*sizes} == {(sizes[0][0], steps)} and rows % sizes[0][0] == 0 != rows % steps
        return clear and any(_one_each(given, steps) for given in targets)
    if min(steps, rows) < FEWEST or rows % steps == 0:
        return False  # a window is attended to along each of its axes
    if any(_one_each(given, steps) for given in targets):
        return True
    for _, node in made.those({"Embedding"}):
        indices: Tensor = saved(node, "indices").detach()
        if indices.dim() != 2 or indices.shape[0] != steps or rows % indices.shape[1]:
            continue
        if any(moves_across(indices, one.target, one.counted) for one in targets if one.of_classes):
            return True
        if padded_across(indices):
            return True
    return False


def attentions(made: LossOperations) -> set[tuple[int, int]]:
    """Steps and rows of each attention of a sequence to itself; rows of all heads, where they lie
    side by side."""
    found = set()
    for _, node in made.those(FUSED):
        rows, _, steps, _ = saved(node, "query").shape
        if saved(node, "key").shape[2] == steps:
            found.add((steps, rows))
    for _, node in made.those(BY_HAND):
        shape = shape_of(node, 0)
        is_square = len(shape) in (3, 4) and shape[-1] == shape[-2]
        if is_square and saved_axes(node, len(shape)) == [len(shape) - 1]:
            found.add((shape[-1], shape[0]))
    return found


def _one_each(given: LossTarget, rows: int) -> bool:
    """Whether a loss asks each row of the answers for one class, or number."""
    answers = given.prediction
    if given.target.dim() != 1 or len(given.target) != rows or not answers.dim():
        return False
    return len(answers) == rows and (answers.dim() == 2 or answers.numel() == rows)


def softmax_across(made: LossOperations, axes: Mapping[tuple[int, ...], int]) -> bool:
    """Whether a softmax makes weights that add up to 1 over the sequences of a batch.

    Args:
        made: the operations of the loss, while the graph is whole.
        axes: as of :func:`batch_axes`.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, batch_axes, softmax_across
        >>> states = torch.randn(7, 5, 8, requires_grad=True)  # 7 sequences of 5 steps
        >>> for axis in (0, 1):
        ...     pooled = (states.sum(2, keepdim=True).softmax(axis) * states).sum()
        ...     softmax_across(LossOperations([pooled]), batch_axes([(5, 7)]))
        True
        False
    """
    for _, node in made.those(BY_HAND) if axes else ():
        shape = shape_of(node, 0)
        axis = axes.get(shape[:2])
        if axis is None or saved_axes(node, len(shape)) != [axis]:
            continue
        if len(shape) > 2 or axis == 0:  # of rows and classes, the second axis is no batch
            return True
    return False

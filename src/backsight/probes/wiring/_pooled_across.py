"""Whether what a layer takes for sequences is pooled, and its steps are kept apart."""

from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor

from backsight.probes._operations import (
    LAYERS,
    POINTWISE,
    SAME_ORDER,
    Edge,
    operation,
    saved_axes,
    shape_of,
)
from backsight.probes.loss import LossOperations, loss_targets, row_keys
from backsight.probes.wiring._data_behind import is_weight

__all__ = ["SameRows", "pooled_across"]

POOLS = {"Amax", "Amin", "Logsumexp", "Max", "Mean", "Median", "Min", "Sum"}

BETWEEN = POINTWISE | SAME_ORDER | LAYERS | {"Cat", "LogSoftmax", "NativeBatchNorm", "Softmax"}
"""Between what is pooled and the loss."""

FAR = 24
"""Operations between them."""

AGAIN = 8
"""Rows that come again in another order: a few may be alike by chance."""

EITHER_WAY = 0.25
"""Of the neighbours: half of those that are shuffled go against the others, and of three a third;
few do where a film is cut and put together again."""

MOST = 4096
"""Rows that are remembered."""


def pooled_across(made: LossOperations, axes: Mapping[tuple[int, ...], int]) -> int:
    """Steps of a layer, if a loss asks for one answer of each, which is made of all sequences.

    That may be meant, of several objects that are seen together: whether the steps are rows of a
    data set is for :class:`SameRows` to say.

    Args:
        made: the operations of the loss, while the graph is whole.
        axes: as of :func:`batch_axes`.

    Returns:
        0 where that is not so, or not known.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, batch_axes
        >>> from backsight.probes.wiring import pooled_across
        >>> output = torch.randn(7, 5, 8, requires_grad=True).tanh()  # 7 steps of 5 sequences
        >>> for axis, answers in ((0, 5), (1, 7)):
        ...     pooled = output.max(dim=axis).values @ torch.ones(8, 1)
        ...     loss = torch.nn.functional.mse_loss(pooled, torch.zeros(answers, 1))
        ...     pooled_across(LossOperations([loss]), batch_axes([(7, 5)]))
        0
        7
    """
    losses = loss_targets(made) if axes else []
    if len(losses) != 1 or losses[0].target.dim() not in (1, 2):
        return 0
    steps, wanted = len(losses[0].target), [losses[0].edge]
    pooled = False
    for _ in range(FAR):
        if not wanted:
            break
        node, number = wanted.pop()
        if shape_of(node, number)[:1] != (steps,):
            return 0
        given = _given((node, number))
        if operation(node) in POOLS and len(given) == 1:
            shape = shape_of(*given[0])
            axis = axes.get(shape[:2]) if len(shape) == 3 else None
            if axis is None or saved_axes(node, 3) != [axis] or shape[1 - axis] != steps:
                return 0
            pooled = True
        elif operation(node) not in BETWEEN or not given:
            return 0
        else:
            wanted += given
    return steps if pooled and not wanted else 0


def _given(edge: Edge) -> list[Edge]:
    """What an operation was given, without weights."""
    above = edge[0].next_functions
    return [(one, number) for one, number in above if one is not None and not is_weight(one)]


class SameRows:
    """Whether what a layer takes for steps are rows of a data set: the same ones come again, with
    the same answers, and in another order than before. No time does that.

    Frames that are left out, taken at another stride or played backwards come behind other ones,
    too, but those that two batches share follow each other one way.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring import SameRows
        >>> rows, answers, same = torch.randn(30, 4), torch.randn(30), SameRows()
        >>> for order in (torch.arange(30), torch.arange(0, 30, 2).flip(0), torch.randperm(30)):
        ...     same.add(rows[order], answers[order])
        ...     print(same.shuffled)
        False
        False
        True
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int, int]] = {}
        """By row, its answer, the newest batch that it was in, and its place there."""
        self._batches = 0
        self._against = self._compared = 0
        """Neighbours of an earlier batch's rows that go against most of them, and how many."""
        self._told = True
        """Whether rows differ from each other, and none has come again as time would."""

    def add(self, given: Tensor, asked: Tensor) -> None:
        """Look at one batch.

        Args:
            given: ``(T, B)`` or ``(T, B, F)``, as the layer takes it.
            asked: ``(T, ·)``, what the loss asks for.
        """
        keys, asked_keys = row_keys(given), row_keys(asked)
        if keys is None or asked_keys is None:
            self._told = False
            return
        rows, answers = keys.tolist(), asked_keys.tolist()
        self._told = self._told and len({*rows}) == len(rows) == len(answers)
        if not self._told:
            return
        self._batches += 1
        before: dict[int, list[int]] = {}
        for place, (row, answer) in enumerate(zip(rows, answers, strict=True)):
            known = self._known.get(row)
            if known is not None:
                self._told = self._told and known[0] == answer
                before.setdefault(known[1], []).append(known[2])
            if known is not None or len(self._known) < MOST:
                self._known[row] = answer, self._batches, place
        for places in before.values():
            ahead = sum(one < other for one, other in pairwise(places))
            self._against += min(ahead, len(places) - 1 - ahead)
            self._compared += len(places) - 1 if len(places) > 2 else 0

    @property
    def may_tell(self) -> bool:
        """Whether more batches may tell, or have."""
        return self.shuffled or (self._told and len(self._known) < MOST)

    @property
    def shuffled(self) -> bool:
        """Whether that is known."""
        most = max(AGAIN, EITHER_WAY * self._compared)
        return self._told and self._against >= most

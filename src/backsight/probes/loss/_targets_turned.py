"""Targets that are flattened in another order than the predictions they are held against."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import SAME_ORDER, operation, saved, shape_of
from backsight.probes._padding import is_padding, may_be_padded, padding_of
from backsight.probes._time_axis import symbols_of
from backsight.probes.loss._answer_given import inputs_read
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget, loss_targets

__all__ = ["StepTargets", "step_targets", "steps_given", "targets_turned"]

FAR = 8
"""Operations between a loss and the view that has made rows of steps and sequences."""

VARIED = 3
"""Different symbols, at least."""

SHORTEST = 3


class StepTargets(NamedTuple):
    """Targets of all steps of all sequences, flattened.

    Example:
        >>> from backsight.probes.loss import StepTargets
        >>> StepTargets._fields
        ('given', 'right', 'other')
    """

    given: LossTarget
    right: Tensor
    """``(T, B)``: as the predictions are flattened."""
    other: Tensor
    """``(T, B)``: if they were flattened in the other order of steps and sequences."""


def step_targets(made: LossOperations, steps: int, batch: int) -> Iterator[StepTargets]:
    """Of each loss of so many of them whose predictions show which axes were joined.

    Args:
        made: the operations of the loss, while the graph is whole.
        steps: of each sequence.
        batch: sequences; another number.

    Example:
        >>> import torch
        >>> from backsight.probes.loss import LossOperations, step_targets
        >>> z = torch.zeros(5, 2, 3, requires_grad=True)
        >>> loss = torch.nn.functional.cross_entropy(z.flatten(0, 1), torch.zeros(10).long())
        >>> [one.other.shape for one in step_targets(LossOperations([loss]), 5, 2)]
        [torch.Size([5, 2])]
    """
    for given in loss_targets(made)[:SHORTEST] if steps != batch else ():
        target = given.target
        shape = _rows(given.edge[0]) if target.numel() == len(target) == steps * batch else ()
        if shape not in ((steps, batch), (batch, steps)):
            continue
        by_step, by_row = target.view(steps, batch), target.view(batch, steps).t()
        if shape == (steps, batch):
            yield StepTargets(given, by_step, by_row)
        else:
            yield StepTargets(given, by_row, by_step)


def steps_given(made: LossOperations, sizes: Collection[tuple[int, int]]) -> list[Tensor]:
    """``(T, B)`` symbols that were embedded; without any, ``(T, B, F)`` that layers were given.

    Args:
        made: the operations of the loss, while the graph is whole.
        sizes: steps and sequences.

    Example:
        >>> import torch
        >>> from backsight.probes.loss import LossOperations, steps_given
        >>> z = torch.nn.Embedding(9, 4)(torch.zeros(2, 5).long())
        >>> [one.shape for one in steps_given(LossOperations([z.sum()]), {(5, 2)})]
        [torch.Size([5, 2])]
    """
    symbols = _symbols(made, sizes)
    if symbols:
        return symbols
    found = [
        read.given.transpose(0, 1) if read.steps else read.given
        for read in inputs_read(made)
        if read.given.dim() == 3
    ]
    return [one for one in found[:SHORTEST] if tuple(one.shape[:2]) in sizes]


def targets_turned(made: LossOperations, sizes: Collection[tuple[int, int]]) -> list[LossTarget]:
    """Losses of classes whose targets run along the other axis than their predictions do.

    The targets of the next step, and those that end in padding as the symbols do, tell which axis
    is which: they have to be so in the other order alone.

    Args:
        made: the operations of the loss, while the graph is whole.
        sizes: steps and sequences of what recurrent layers were given.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, targets_turned
        >>> embed, rnn = torch.nn.Embedding(9, 9), torch.nn.RNN(9, 9)
        >>> text = torch.randint(9, (12, 31))
        >>> z = rnn(embed(text[:, :-1].t()))[0].reshape(-1, 9)  # step by step
        >>> for target in (text[:, 1:], text[:, 1:].t()):
        ...     loss = torch.nn.functional.cross_entropy(z, target.reshape(-1))
        ...     len(targets_turned(LossOperations([loss]), {(30, 12)}))
        1
        0
    """
    asked = {
        size: [one for one in step_targets(made, *size) if one.given.of_classes]
        for size in sizes
        if min(size) >= SHORTEST
    }
    found: dict[int, LossTarget] = {}
    for read in _symbols(made, asked) if any(asked.values()) else ():
        for one in asked[read.shape[0], read.shape[1]]:
            if _is_turned(one, read):
                found[id(one.given.node)] = one.given
    return [*found.values()]


def _symbols(made: LossOperations, sizes: Collection[tuple[int, int]]) -> list[Tensor]:
    """``(T, B)`` each."""
    found = []
    for _, node in made.those({"Embedding"}) if sizes else ():
        indices = saved(node, "indices").detach()
        if tuple(indices.shape) in sizes:
            found.append(indices)
        elif tuple(indices.shape[::-1]) in sizes and indices.dim() == 2:
            found.append(indices.t())
    for read in inputs_read(made) if sizes and not found else ():
        given = symbols_of(read.given) if read.given.dim() == 3 else None
        if given is not None:
            found.append(given.t() if read.steps else given)
    return [one for one in found[:SHORTEST] if tuple(one.shape) in sizes]


@torch.no_grad()
def _is_turned(asked: StepTargets, read: Tensor) -> bool:
    fits = _is_next, _ends_alike
    return any(fit(read, asked.other) and not fit(read, asked.right) for fit in fits)


def _rows(node: Node | None) -> tuple[int, ...]:
    """The two axes that were joined to the rows of the predictions."""
    for _ in range(FAR):
        if node is None:
            return ()
        name = operation(node)
        below, number = node.next_functions[0] if node.next_functions else (None, 0)
        if below is None or name not in SAME_ORDER | {"Cat", "LogSoftmax"}:
            return ()
        if name == "Cat":  # of what a loop has answered at each step
            shapes = {() if n is None else shape_of(n, i) for n, i in node.next_functions}
            first = shapes.pop() if len(shapes) == 1 else ()
            return (len(node.next_functions), first[0]) if len(first) == 2 else ()
        before, after = shape_of(below, number), shape_of(node, 0)
        if len(before) > 1 and after[0] == before[0] * before[1] and before[2:] in _behind(after):
            return before[:2]
        node = below
    return ()


def _behind(rows: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """What stands behind the two axes that were joined to these rows."""
    return (rows[1:], (1,)) if len(rows) == 1 else (rows[1:],)


def _is_next(read: Tensor, asked: Tensor) -> bool:
    same = torch.equal(read[1:], asked[:-1].to(read.dtype))
    return same and len(torch.unique(read[1:])) >= VARIED


def _ends_alike(read: Tensor, asked: Tensor) -> bool:
    """Whether both end in padding, after the same number of steps."""
    if not may_be_padded(read.t()) or not may_be_padded(asked.t()):
        return False
    ends, inside = padding_of(read.t())
    theirs, within = padding_of(asked.t())
    if not is_padding(ends, inside) or not is_padding(theirs, within):
        return False
    return torch.equal(ends, theirs)

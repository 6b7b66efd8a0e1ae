"""Targets that end in a filler, where nothing that the model is given does."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    LAYERS,
    POINTWISE,
    SAME_ORDER,
    operation,
    shape_of,
)
from backsight.probes._padding import is_padding, padding_of
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget, loss_targets
from backsight.probes.loss._loss_terms import LossTerm
from backsight.probes.loss._padded_loss import class_counts, counts_all

__all__ = ["data_read", "filled_targets", "is_filled"]

FAR = 12
"""Operations between a loss of rows and the view that has made them of steps and sequences."""

FEWEST = 8
"""Sequences, and steps, of which anything is said."""

VARIED = 3
"""Different classes before the filler."""

BOTH_WAYS = 0.1
"""Share of the steps in which classes rise, and in which they fall: a count does one of them."""

KEPT = {"Addmm": "mat1", "Convolution": "input", "Embedding": "indices", "Mm": "self"}


@torch.no_grad()
def filled_targets(made: LossOperations, terms: Sequence[LossTerm] = ()) -> float:
    """Of the classes that a loss asks for at each step, the share of a filler at the ends.

    Args:
        made: the operations of the loss, while the graph is whole.
        terms: what the loss is the sum of, without which a cross-entropy by hand is no loss.

    Returns:
        0 where none ends in one, where it is ignored, or where a layer is given data at each step:
        then the classes may be what these data mean.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, filled_targets
        >>> _ = torch.manual_seed(0)
        >>> plan, steps, read = torch.randn(12, 3), torch.randn(9, 3), torch.nn.Linear(3, 7)
        >>> lengths = torch.randint(2, 10, (12, 1))
        >>> text = torch.randint(1, 7, (12, 9)) * (torch.arange(9) < lengths)
        >>> states = torch.nn.Linear(3, 3)(plan)[:, None] + steps
        >>> def share(**settings):
        ...     logits = read(states).transpose(1, 2)
        ...     loss = torch.nn.functional.cross_entropy(logits, text, **settings)
        ...     return filled_targets(LossOperations([loss]))
        >>> share() == float((text == 0).float().mean()), share(ignore_index=0)
        (True, 0.0)
    """
    found = 0.0
    for given in loss_targets(made):
        if not counts_all(given, terms):
            continue
        rows = _by_step(given)
        if rows is None or min(rows.shape) < FEWEST:
            continue
        for each in (rows, rows.t()):
            at_end, inside = padding_of(each)
            if is_filled(each, at_end, inside) and class_counts(given, int(each[at_end][0])):
                found = max(found, float(at_end.float().mean()))
                break
        if found and _is_read_by_step(made, rows.numel()):
            return 0.0
    return found


def is_filled(rows: Tensor, at_end: Tensor, inside: Tensor) -> bool:
    """Whether classes end in a filler: one that is nowhere else, behind others that vary.

    Args:
        rows: ``(B, T)`` classes.
        at_end, inside: as of :func:`padding_of`.

    Example:
        >>> import torch
        >>> from backsight.probes import is_filled, padding_of
        >>> text = torch.tensor([[3, 1, 4, 0, 0, 0], [1, 5, 2, 6, 0, 0], [2, 4, 1, 3, 5, 0]])
        >>> countdown = torch.tensor([[3, 2, 1, 0, 0, 0], [4, 3, 2, 1, 0, 0], [5, 4, 3, 2, 1, 0]])
        >>> [is_filled(x, *padding_of(x)) for x in (text, countdown)]
        [True, False]
    """
    if bool(inside.any()) or not is_padding(at_end, inside):
        return False
    if len(torch.unique(rows[~at_end])) < VARIED:
        return False
    pairs = ~at_end[:, 1:]
    change = rows.diff(dim=1)[pairs]
    if not change.numel():
        return False
    rises, falls = float((change > 0).float().mean()), float((change < 0).float().mean())
    if min(rises, falls) < BOTH_WAYS:
        return False
    # The end may be marked by a symbol of its own: then the one before it varies.
    last = rows.shape[1] - at_end.sum(1) - 1
    for back in (0, 1):
        place = (last - back)[last >= back]
        if len(torch.unique(rows[last >= back].gather(1, place[:, None]))) >= VARIED:
            return True
    return False


def _by_step(loss: LossTarget) -> Tensor | None:
    """``(B, T)`` or ``(T, B)`` targets."""
    target = loss.target
    if target.dim() > 1:
        sizes = [size for size in target.shape[1:] if size > 1]
        return target.reshape(len(target), -1) if len(sizes) == 1 else None
    count = target.numel()
    edge: tuple[Node | None, int] = loss.edge
    if loss.by_hand and len(shape_of(*loss.edge)) == 3:
        old = shape_of(*loss.edge)[:2]
        return target.reshape(old) if math.prod(old) == count else None
    for _ in range(FAR):
        below = edge[0]
        if below is None:
            return None
        if operation(below) in SAME_ORDER:
            inner = below.next_functions[0]
            old = () if inner[0] is None else shape_of(*inner)  # type: ignore[arg-type]
            if len(old) == 3 and old[0] * old[1] == count:
                return target.reshape(old[:2])
        elif operation(below) not in POINTWISE | LAYERS | {"LogSoftmax"}:
            return None
        given = [
            one
            for one in below.next_functions
            if one[0] is not None and (shape_of(*one)[:1] or (0,))[0] == count  # type: ignore[arg-type]
        ]
        if operation(below) in SAME_ORDER:
            given = [*below.next_functions[:1]]
        if len(given) != 1:
            return None
        (edge,) = given
    return None


def _is_read_by_step(made: LossOperations, count: int) -> bool:
    """Whether an embedding, or another operation with weights, is given about as many data."""
    if any("Rnn" in name and _holds_data(node) for name, node in made.named()):
        return True
    return any(2 * sum(each.values()) >= count for each in data_read(made).values())


def data_read(made: LossOperations, steps: int = 0) -> dict[object, dict[tuple[int, int], int]]:
    """How many data that vary each weight is given, by where they are.

    Args:
        made: the operations of the loss, while the graph is whole.
        steps: of a sequence; what is given again at each of so many steps counts once, as it does
            not tell where a sequence ends.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.loss import data_read
        >>> read = torch.nn.Linear(3, 2)
        >>> loss = read(torch.randn(9, 3)).sum() + read(torch.zeros(9, 3)).sum()
        >>> [sum(each.values()) for each in data_read(LossOperations([loss])).values()]
        [9]
    """
    read: dict[object, dict[tuple[int, int], int]] = {}
    for name, node in made.named():
        if "Rnn" in name and _holds_data(node):
            whole = getattr(node, "_saved_input", None)
            if isinstance(whole, Tensor) and _varies(whole):
                read[node] = {(whole.data_ptr(), 0): _counted(whole[..., 0].numel(), whole, steps)}
        if name not in KEPT:
            continue
        data = getattr(node, f"_saved_{KEPT[name]}", None)
        weight = _weight(node, name)
        if not isinstance(data, Tensor) or weight is None or data.requires_grad:
            continue
        if not _varies(data):
            continue
        rows = _counted(_rows(name, data), data, steps)
        read.setdefault(weight, {})[data.data_ptr(), rows] = rows
    return read


def _varies(data: Tensor) -> bool:
    """Whether it tells anything: a decoder that runs by itself may be given zeros."""
    return bool(data.numel()) and bool((data != data.reshape(-1)[0]).any())


def _counted(rows: int, data: Tensor, steps: int) -> int:
    """The number of rows; of sequences that are the same at each step, that of the sequences."""
    if not steps or rows % steps or rows == steps or data.numel() % rows:
        return rows
    each = data.reshape(rows, -1)
    by_step = (
        each.view(steps, rows // steps, -1),
        each.view(-1, steps, each.shape[1]).transpose(0, 1),
    )
    return rows // steps if any(bool((x == x[0]).all()) for x in by_step) else rows


def _rows(name: str, data: Tensor) -> int:
    """How many data there are: of an image, one."""
    if name == "Embedding":
        return data.numel()
    if name == "Convolution":
        return len(data) * (data.shape[-1] if data.dim() == 3 else 1)
    return data[..., 0].numel()


def _holds_data(node: Node) -> bool:
    """Of a whole layer in one operation, whether its input is data."""
    return bool(node.next_functions) and node.next_functions[0][0] is None


def _weight(node: Node, name: str) -> object | None:
    """The parameter that an operation with weights has."""
    place = {"Addmm": 2, "Convolution": 1, "Embedding": 0, "Mm": 1}[name]
    below = node.next_functions[place][0] if len(node.next_functions) > place else None
    while below is not None and operation(below) in ("T", "Transpose", "ToCopy"):
        below = below.next_functions[0][0]
    return None if below is None else id(getattr(below, "variable", below))

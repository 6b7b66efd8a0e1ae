"""Numbers that an error is taken of, and that end in a filler."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved, unpacked
from backsight.probes._padding import is_padding, padding_of
from backsight.probes.loss._errors_by_hand import errors_by_hand
from backsight.probes.loss._filled_targets import data_read
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget, loss_targets
from backsight.probes.loss._loss_weights import weights_of

__all__ = ["filled_numbers", "note_answer"]

NOTE = "backsight answer"
"""In the ``metadata`` of the operation that made a model's answer; it lives and dies with it."""

LARGEST = 1 << 20
"""Numbers of an answer that is noted."""

FEWEST = 8
"""Sequences, and steps, of which anything is said."""

ERRORS = frozenset({"HuberLoss", "L1Loss", "MseLoss", "SmoothL1Loss"})
"""Of numbers that may be filled up."""

NEAR = 1e-6
"""Of the largest number: rounding errors of single precision."""

DIFFERENT = 0.5
"""Share of the numbers before a filler that are no others: counts and levels repeat."""

ABRUPT = 0.5
"""How far from a filler the step before it is, of what the others are, by their medians: what comes
to rest, or fades, is near to it by then."""


@torch.no_grad()
def filled_numbers(made: LossOperations, roots: Sequence[Tensor]) -> float:
    """Of the numbers that an error is taken of, the share of steps that are filled up at the ends.

    All numbers of such a step are one, which is that of no other step; the steps before it hold
    many different ones, and do not come near to it before they end.

    Args:
        made: the operations of the loss, while the graph is whole.
        roots: what backward is called on, which tells what each error weighs.

    Returns:
        0 where none ends in one, where it has no weight, where the predictions are the same there,
        or where a layer is given other data at each of these steps: then it may be what these mean.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.loss import filled_numbers
        >>> _ = torch.manual_seed(0)
        >>> plan, there = torch.randn(12, 3), torch.arange(9) < torch.randint(2, 10, (12, 1))
        >>> motion = torch.randn(12, 9, 2) * there[..., None]
        >>> y = torch.nn.Linear(3, 18)(plan).view(12, 9, 2)
        >>> def share(y, **settings):
        ...     loss = torch.nn.functional.mse_loss(y, motion, **settings)
        ...     return filled_numbers(LossOperations([loss]), [loss])
        >>> share(y) == float((~there).float().mean()), share(y * there[..., None])
        (True, 0.0)
    """
    for given in _errors(made):
        target = given.target
        if given.loss not in ERRORS or target.dim() not in (2, 3) or given.weighted:
            continue
        if min(target.shape[:2]) < FEWEST:
            continue
        shares = [_filled(each) for each in (given, _turned(given))]
        share = max(shares)
        if not share or not _weighs_all(given, roots):
            continue
        read = data_read(made, steps=target.shape[1 - shares.index(share)]).values()
        count = target.shape[0] * target.shape[1]
        return 0.0 if any(sum(each.values()) == count for each in read) else share
    return 0.0


def _weighs_all(given: LossTarget, roots: Sequence[Tensor]) -> bool:
    """Whether each error counts as much as any other."""
    if given.reduction != "none":
        return True
    if len(roots) != 1 or roots[0].numel() != 1:
        return False
    (weights,) = weights_of(roots[0], [given.node])
    return weights is not None and bool(((weights == weights[0]) & (weights != 0)).all())


def note_answer(answer: Tensor) -> None:
    """Note on the graph what a model has returned, so that an error by hand tells its target.

    Args:
        answer: a tensor of a model's result.

    Example:
        >>> import torch
        >>> from backsight.probes.loss import note_answer
        >>> y = torch.ones(8, 9, 2, requires_grad=True).tanh()
        >>> note_answer(y)
        >>> [key for key in y.grad_fn.metadata]
        ['backsight answer']
    """
    if answer.grad_fn is None or answer.dim() not in (2, 3) or answer.numel() > LARGEST:
        return
    notes: dict[object, object] = answer.grad_fn.metadata  # type: ignore[assignment]
    notes[NOTE] = answer.detach(), answer.output_nr, answer._version


def _errors(made: LossOperations) -> Iterable[LossTarget]:
    yield from loss_targets(made)
    yield from errors_by_hand(made)
    for name, node in made.those({"Abs", "Pow"}):
        error = _of_answer(name, node)
        if error is not None:
            yield error


def _of_answer(name: str, node: Node) -> LossTarget | None:
    """An error by hand, one side of whose difference is what a model has returned."""
    below = node.next_functions[0][0] if node.next_functions else None
    if below is None or operation(below) != "Sub" or saved(below, "alpha") != 1:
        return None
    if name == "Pow" and saved(node, "exponent") != 2:
        return None
    sides = [number for number, (one, _) in enumerate(below.next_functions) if one is not None]
    difference = unpacked(node, "self")
    if len(sides) != 1 or difference is None:
        return None
    source, place = below.next_functions[sides[0]]
    assert source is not None
    answer, number, version = source.metadata.get(NOTE) or (None, 0, 0)  # type: ignore[attr-defined]
    if answer is None or number != place or answer._version != version:
        return None
    if answer.shape != difference.shape:
        return None
    target = answer - difference if sides == [0] else answer + difference
    loss = "MseLoss" if name == "Pow" else "L1Loss"
    return LossTarget(loss, node, target.detach(), answer, (source, place), rounded=True)


def _turned(given: LossTarget) -> LossTarget:
    """With the axes of steps and sequences the other way round."""
    target, prediction = (x.transpose(0, 1) for x in (given.target, given.prediction))
    return replace(given, target=target, prediction=prediction)


def _filled(given: LossTarget) -> float:
    """The share of steps that are a filler, of ``(B, T)`` or ``(B, T, K)`` numbers."""
    rows = given.target if given.target.dim() == 3 else given.target[..., None]
    if not rows.is_floating_point():
        return 0.0
    if given.rounded:
        step = NEAR * float(given.prediction.abs().max() + rows.abs().max())
        rows = (rows / step).round() * step if step else rows
    at_end, inside = padding_of(rows)
    if bool(inside.any()) or not is_padding(at_end, inside):
        return 0.0
    there, others = rows[at_end], rows[~at_end]
    filler = there[0, 0]
    if not bool((there == filler).all()) or len(torch.unique(others)) < DIFFERENT * others.numel():
        return 0.0
    if bool((given.prediction.reshape(rows.shape)[at_end] == filler).all()):
        return 0.0  # masked before they are compared
    ended = at_end[:, -1] & ~at_end[:, 0]
    last = rows[ended, (~at_end).sum(1)[ended] - 1]
    far = (others - filler).abs().mean(-1).median()
    if not len(last) or float((last - filler).abs().mean(-1).median()) < ABRUPT * float(far):
        return 0.0
    return float(at_end.float().mean())

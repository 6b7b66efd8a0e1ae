"""Losses of PyTorch's that compare predictions with padding."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from backsight.probes._operations import saved, signed
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget
from backsight.probes.loss._loss_terms import LossTerm, class_weights

__all__ = [
    "class_counts",
    "compares_padding",
    "counts_all",
    "error_compares_padding",
    "row_by_row",
    "step_by_step",
]

FEWEST = 3
"""Steps of a loop."""

NEAR = 1e-6
"""Of the largest number: rounding errors of single precision."""

OFTEN = 0.5
"""Share of the other targets: what is as frequent there is no value of the padding's own."""


@torch.no_grad()
def compares_padding(given: LossTarget, padding: Tensor, *, told: bool = False) -> bool:
    """Whether a loss takes the padding for targets: one value at all padded steps, which counts.

    Args:
        given: one of :func:`loss_targets`.
        padding: ``(B, T)``, whether a step of the input is padding; at least one is. There may be
            no target for the last step.
        told: whether the script says what is padding. Else a value that most other targets have,
            too, may be what the data of these steps mean.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, compares_padding, loss_targets
        >>> logits = torch.randn(6, 4, requires_grad=True)
        >>> padding = torch.tensor([[False, False, True], [False, True, True]])
        >>> target = torch.tensor([1, 2, 0, 3, 0, 0])
        >>> def compared(**settings):
        ...     loss = torch.nn.functional.cross_entropy(logits, target, **settings)
        ...     return compares_padding(*loss_targets(LossOperations([loss])), padding)
        >>> compared(), compared(ignore_index=0)
        (True, False)
    """
    symbol = _filler(given.target, padding, classes=given.of_classes, told=told)
    return symbol is not None and (not given.of_classes or class_counts(given, int(symbol)))


@torch.no_grad()
def error_compares_padding(error: LossTarget, padding: Tensor, *, told: bool = False) -> bool:
    """The same of an error that is written by hand; its target is known to rounding errors.

    Args:
        error: of :func:`error_by_hand`.
        padding, told: as of :func:`compares_padding`.

    Example:
        >>> import torch
        >>> from backsight.probes import error_by_hand, error_compares_padding
        >>> padding = torch.tensor([[False, False, True], [False, True, True]])
        >>> target = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
        >>> y = torch.nn.Linear(4, 1)(torch.randn(2, 3, 4)).squeeze(2)
        >>> error_compares_padding(error_by_hand((y - target).abs().grad_fn), padding)
        True
    """
    near = NEAR * float(error.prediction.abs().max() + error.target.abs().max())
    return _filler(error.target, padding, near=near, told=told) is not None


def _filler(
    target: Tensor, padding: Tensor, *, classes: bool = False, near: float = 0.0, told: bool
) -> Tensor | None:
    """The one value of the targets of padding, which most others do not have, unless ``told``."""
    batch, steps = padding.shape
    # A loss that asks for what comes next has no answer to the last step, and leaves it out.
    if steps > 2 and target.numel() == batch * (steps - 1):
        padding, steps = padding[:, :-1], steps - 1
        if not bool(padding.any()):
            return None
    count = batch * steps
    features = target.numel() // count
    if target.numel() != features * count or target.shape[:1] not in ((batch,), (steps,), (count,)):
        return None
    if features != 1 and (classes or not features):
        return None
    flat = target.reshape(-1, features)
    for rows in (flat.view(batch, steps, -1), flat.view(steps, batch, -1).transpose(0, 1)):
        there = rows[padding]
        symbol = there[0]
        if not bool(_same(there, symbol, near).all()):
            continue
        others = _same(rows[~padding], symbol, near)
        if told or not others.numel() or float(others.float().mean()) < OFTEN:
            return symbol
    return None


def _same(rows: Tensor, symbol: Tensor, near: float) -> Tensor:
    return ((rows - symbol).abs() <= near if near else rows == symbol).all(-1)


def counts_all(given: LossTarget, terms: Sequence[LossTerm]) -> bool:
    """Whether a loss is the mean or sum of all its rows, none of which is masked.

    Args:
        given: one of :func:`loss_targets`, or an error by hand.
        terms: what the loss is the sum of.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, counts_all, loss_targets, loss_terms
        >>> log_p = torch.randn(6, 4, requires_grad=True).log_softmax(1)
        >>> each = -log_p.gather(1, torch.zeros(6, 1, dtype=torch.long))[:, 0]
        >>> for loss in (each.mean(), (each * torch.arange(6).lt(4)).sum() / 4):
        ...     counts_all(*loss_targets(LossOperations([loss])), loss_terms([loss]))
        True
        False
    """
    by_hand = given.by_hand or given.rounded
    if not by_hand and (not given.of_classes or given.reduction != "none"):
        return given.of_classes
    return any(
        term.given.node is given.node and term.factor is not None and term.weights is None
        for term in terms
    )


def step_by_step(
    losses: Sequence[LossTarget], made: LossOperations, terms: Sequence[LossTerm]
) -> tuple[LossTarget, Tensor] | None:
    """Of a loop that embeds symbols and adds a loss at each step: all of its targets, and symbols.

    Args:
        losses: those of the graph.
        made: its operations, while it is whole.
        terms: what the loss is the sum of.

    Returns:
        targets and symbols ``(T, B)``; None of another loop, or where some targets do not count.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_targets, loss_terms, step_by_step
        >>> embed, text = torch.nn.Embedding(5, 5), torch.randint(5, (4, 3))
        >>> loss = sum(torch.nn.functional.cross_entropy(embed(x), x) for x in text)
        >>> made = LossOperations([loss])
        >>> found = step_by_step(loss_targets(made), made, loss_terms([loss]))
        >>> torch.equal(found[0].target, text), torch.equal(found[1], text)
        (True, True)
    """
    if len(losses) < FEWEST or len({one.target.shape for one in losses}) != 1:
        return None
    if losses[0].target.dim() != 1 or not all(counts_all(one, terms) for one in losses):
        return None
    singly = [node for _, node in made.those({"Embedding"}) if saved(node, "indices").dim() < 3]
    each = {node: saved(node, "indices").detach().reshape(-1) for node in singly}
    read = {node: x for node, x in each.items() if x.shape == losses[0].target.shape}
    if len(read) != len(losses):
        return None
    ordered = sorted(losses, key=lambda one: one.node._sequence_nr())
    steps = sorted(read, key=lambda node: node._sequence_nr())
    whole = replace(ordered[0], target=torch.stack([one.target for one in ordered]))
    return whole, torch.stack([read[node] for node in steps])


def row_by_row(
    losses: Sequence[LossTarget], terms: Sequence[LossTerm], batch: int
) -> LossTarget | None:
    """Of a loss for each sequence of a batch, which a sum brings together: all of their targets.

    Args:
        losses: those of a graph.
        terms: what the loss is the sum of.
        batch: how many sequences there are.

    Returns:
        targets ``(B, T)``; None where there are more losses or fewer, or some targets do not count.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_targets, loss_terms, row_by_row
        >>> z, y = torch.randn(3, 4, 5, requires_grad=True), torch.randint(5, (3, 4))
        >>> loss = sum(torch.nn.functional.cross_entropy(z[b], y[b]) for b in range(3)) / 3
        >>> found = row_by_row(loss_targets(LossOperations([loss])), loss_terms([loss]), 3)
        >>> torch.equal(found.target, y)
        True
    """
    if len(losses) != batch or batch < FEWEST or losses[0].target.dim() != 1:
        return None
    if len({one.target.shape for one in losses}) != 1:
        return None
    if not all(counts_all(one, terms) for one in losses):
        return None
    ordered = sorted(losses, key=lambda one: one.node._sequence_nr())
    return replace(ordered[0], target=torch.stack([one.target for one in ordered]))


def class_counts(given: LossTarget, symbol: int) -> bool:
    """Whether a class adds to a cross-entropy.

    Args:
        given: one of :func:`loss_targets`, of classes.
        symbol: the class.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, class_counts, loss_targets
        >>> logits, target = torch.randn(2, 4, requires_grad=True), torch.tensor([1, 0])
        >>> loss = torch.nn.functional.cross_entropy(logits, target, ignore_index=0)
        >>> (given,) = loss_targets(LossOperations([loss]))
        >>> class_counts(given, 0), class_counts(given, 1)
        (False, True)
    """
    if given.by_hand:
        return symbol >= 0
    if symbol == signed(saved(given.node, "ignore_index")):
        return False
    weight = class_weights(given)
    return weight is None or bool(weight[symbol] != 0)

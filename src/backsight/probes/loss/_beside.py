"""Whether a loss is one of several terms that a model has made."""

from collections.abc import Collection, Sequence

from torch.autograd.graph import Node

from backsight.probes._operations import SAME_ORDER, operation
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["made_beside"]

ADDING = SAME_ORDER | {"Add", "Cat", "Div", "Mean", "Mul", "Neg", "Rsub", "Stack", "Sub", "Sum"}
"""What the terms of a loss go through."""

MOST = 4096
"""Operations of a loss that are looked at."""


def made_beside(made: LossOperations, losses: Collection[Node], layers: Collection[Node]) -> bool:
    """Whether something else is added to losses, which layers have made, too.

    So it is where a model has a second thing to learn, or its code is to be sparse or to have a
    prior. A penalty of weights is none of these.

    Args:
        made: the operations of the loss, while the graph is whole.
        losses: the operations of those losses.
        layers: outputs of layers.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.loss import made_beside
        >>> w = torch.ones(3, requires_grad=True)
        >>> code = (w * 2).tanh()
        >>> error = torch.nn.functional.mse_loss(code, torch.zeros(3))
        >>> for other in (w.square().sum(), code.abs().mean()):
        ...     whole = LossOperations([error + 0.1 * other])
        ...     print(made_beside(whole, [error.grad_fn], [code.grad_fn]))
        False
        True
    """
    waiting, others = [*made.roots], []
    for _ in range(MOST):
        if not waiting:
            break
        node = waiting.pop()
        if node in losses:
            continue
        if operation(node) in ADDING:
            waiting += _below(node)
        else:
            others.append(node)
    return any(_of(node, layers, losses) for node in others)


def _of(node: Node, layers: Collection[Node], losses: Collection[Node]) -> bool:
    """Whether what made ``node`` is a layer, and not one of the losses."""
    waiting, seen = [node], {node}
    while waiting and len(seen) < MOST:
        one = waiting.pop()
        if one in losses:
            return False
        if one not in layers:
            new = [below for below in _below(one) if below not in seen]
            seen.update(new)
            waiting += new
    return not seen.isdisjoint(layers)


def _below(node: Node) -> Sequence[Node]:
    return [below for below, _ in node.next_functions if below is not None]

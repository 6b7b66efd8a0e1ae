"""Terms of a loss that are made of weights alone: a penalty on their size, written by hand."""

from collections.abc import Collection

from torch.autograd.graph import Node

from backsight.probes._operations import operation

__all__ = ["penalised"]

MOST = 4096
"""Operations; each parameter takes a few."""

OF_WEIGHTS = frozenset({
    *("Abs", "Add", "Cat", "Clone", "Div", "LinalgVectorNorm", "Mean", "Mul", "Neg", "Norm"),
    *("Pow", "Reshape", "Select", "Sqrt", "Stack", "Sub", "Sum", "To", "ToCopy", "Unsqueeze"),
    *("View", "UnsafeView", "LinalgMatrixNorm", "Max", "Square", "Expand", "Unbind"),
})  # fmt: skip
"""What a penalty on weights is made by; no product with data."""


def penalised(root: Node, losses: Collection[Node]) -> int:
    """How many weights, in matrices, a loss has terms of that depend on nothing else.

    Args:
        root: the last operation of the loss.
        losses: the operations of its other terms, which are not looked into.

    Returns:
        0 where there are none, or where the loss has terms of any other kind.

    Example:
        >>> import torch
        >>> from backsight.probes import loss_terms, penalised
        >>> layer = torch.nn.Linear(3, 2)
        >>> error = torch.nn.functional.mse_loss(layer(torch.ones(4, 3)), torch.zeros(4, 2))
        >>> loss = error + 0.01 * sum((p**2).sum() for p in layer.parameters())
        >>> terms = [term.given.node for term in loss_terms([loss])]
        >>> penalised(loss.grad_fn, terms), penalised(error.grad_fn, terms)
        (6, 0)
    """
    known = set(losses)
    waiting, seen = [root], {root}
    weights: dict[int, int] = {}
    for _ in range(MOST):
        if not waiting:
            return sum(weights.values())
        node = waiting.pop()
        if node in known:
            continue
        name = operation(node)
        leaf = getattr(node, "variable", None) if name == "AccumulateGrad" else None
        if leaf is not None:
            if leaf.dim() > 1:
                weights[id(leaf)] = leaf.numel()
            continue
        if name not in OF_WEIGHTS:
            return 0
        below = {one for one, _ in node.next_functions if one is not None} - seen
        seen |= below
        waiting += below
    return 0

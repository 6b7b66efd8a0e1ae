"""Attention whose mask is the wrong way round."""

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved_axes, unpacked
from backsight.probes.loss import LossOperations

__all__ = ["hides_all_but", "looks_around"]

WEIGHTS = frozenset({"SafeSoftmax", "Softmax"})
MASKED = frozenset({
    "ScaledDotProductEfficientAttention", "ScaledDotProductFlashAttentionForCpu",
})  # fmt: skip

HIDDEN = -1e4
"""Added to a score, it leaves nothing of it."""


def looks_around(made: LossOperations) -> bool:
    """Whether a graph has anything that may be an attention.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, looks_around
        >>> scores = torch.zeros(2, 3, requires_grad=True)
        >>> [looks_around(LossOperations([x])) for x in (scores.softmax(1), scores.tanh())]
        [True, False]
    """
    return bool(made.those(WEIGHTS | MASKED))


@torch.no_grad()
def hides_all_but(made: LossOperations, padding: Tensor) -> bool:
    """Whether an attention of a graph looks at the padding of sequences, and at nothing else.

    Args:
        made: the operations of the loss, while the graph is whole.
        padding: ``(B, T)``, whether a step is padding.

    Returns:
        False also where it cannot be known. Sequences without padding do not count.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, hides_all_but
        >>> padding = torch.tensor([[False, False, True], [False, True, True]])
        >>> scores = torch.zeros(2, 3, requires_grad=True)
        >>> for mask in (padding, ~padding):
        ...     weights = scores.masked_fill(mask, float("-inf")).softmax(1)
        ...     hides_all_but(LossOperations([weights.sum()]), padding)
        False
        True
    """
    counts = padding.any(1) & ~padding.all(1)
    if not bool(counts.any()):
        return False
    for _, node in made.those(WEIGHTS | MASKED):
        hidden = _hidden(node, *padding.shape)
        if hidden is not None and torch.equal(hidden[counts], ~padding[counts]):
            return True
    return False


def _hidden(node: Node, batch: int, steps: int) -> Tensor | None:
    """``(B, T)``: steps that no query of a sequence has anything of."""
    if operation(node) in MASKED:
        mask = getattr(node, "_saved_attn_mask", None)
        if not isinstance(mask, Tensor) or mask.shape[-1] != steps or len(mask) != batch:
            return None
        none = ~mask if mask.dtype == torch.bool else mask.detach() < HIDDEN
    else:
        weights = unpacked(node, "result")
        if weights is None or weights.dim() < 2:
            return None
        (axis,) = saved_axes(node, weights.dim()) or [-1]
        weights = weights.detach().movedim(axis, -1)
        if weights.shape[-1] != steps or len(weights) % batch:
            return None
        none = weights == 0  # heads stand beside each other within a sequence
    return none.reshape(batch, -1, steps).all(1)

"""Views that part features into heads, or join heads to features, without exchanging axes."""

from collections.abc import Sequence

from backsight.probes._operations import SAME_ORDER, operation, shape_of
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._hidden_steps import looks_around

__all__ = ["heads_mixed", "parts_steps"]


def parts_steps(old: Sequence[int], new: Sequence[int]) -> bool:
    """Whether a view makes heads of steps: each has a few whole steps, one behind the other.

    Args:
        old: ``(B, T, H·D)``.
        new: ``(B, H, T, D)`` or ``(B·H, T, D)``, of which the steps are not those of before.

    Example:
        >>> from backsight.probes.wiring import parts_steps
        >>> parts_steps((8, 10, 32), (8, 4, 10, 8)), parts_steps((8, 10, 32), (32, 10, 8))
        (True, True)
        >>> parts_steps((8, 10, 32), (8, 10, 4, 8)), parts_steps((10, 8, 32), (10, 32, 8))
        (False, False)
    """
    if len(old) != 3 or min(old) < 2:
        return False
    batch, steps, features = old
    if len(new) == 4:
        rows, heads, inner, each = new
        same = rows == batch and inner == steps and heads != steps
    elif len(new) == 3:
        heads, rest = divmod(new[0], batch)
        inner, each = new[1:]
        same = not rest and inner == steps
    else:
        return False
    return same and heads > 1 < each and heads * each == features


def heads_mixed(made: LossOperations) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The shapes before and after of each view that parts steps, or joins such parts, in the graph
    of a loss that has an attention.

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import heads_mixed
        >>> x = torch.randn(2, 5, 6, requires_grad=True).tanh()
        >>> for q in (x.view(2, 3, 5, 2), x.view(2, 5, 3, 2).transpose(1, 2)):
        ...     scores = (q @ q.transpose(2, 3)).softmax(-1)
        ...     heads_mixed(LossOperations([(scores @ q).sum()]))
        [((2, 5, 6), (2, 3, 5, 2))]
        []
    """
    if not looks_around(made):
        return []
    found = []
    for _, node in made.those(SAME_ORDER):
        new = shape_of(node, 0)
        below, number = node.next_functions[0] if node.next_functions else (None, 0)
        if below is None or len(new) not in (3, 4) or operation(below) == "AccumulateGrad":
            continue
        old = shape_of(below, number)
        if parts_steps(old, new) or parts_steps(new, old):
            found.append((old, new))
    return found

"""Targets that are later inputs of a model without recurrence: what it sees, and what it misses."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import Edge, operation, saved_axes
from backsight.probes.loss._answer_windows import STEPS, same

__all__ = ["ahead_of", "from_behind", "next_ones", "summed_up"]

SUMS_UP = frozenset(("Max", "Mean", "Select", "Sum"))
"""One of the steps, or one number of all of them."""

VARIED = 3
"""Different symbols, fewer of which are equal by chance."""


def next_ones(given: Tensor, steps: int, asked: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Which of the targets, in order, and the inputs of the step after theirs.

    Args:
        given: ``(a, b)`` symbols.
        steps: the axis of steps.
        asked: how many targets there are.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._answer_ahead import next_ones
        >>> text = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
        >>> for now, later in next_ones(text, 1, 6):
        ...     now.tolist(), later.tolist()
        ([0, 1, 2, 3, 4, 5], [2, 3, 4, 6, 7, 8])
        ([0, 2, 4, 1, 3, 5], [2, 3, 4, 6, 7, 8])
    """
    inputs = given.movedim(steps, 1)
    later = inputs[:, 1:]
    b, t = inputs.shape
    for length in (t, t - 1):
        if asked == b * length:
            places = torch.arange(asked, device=given.device)
            for now in (places.view(b, length), places.view(length, b).T):
                yield now[:, : t - 1].flatten(), later.flatten()


def ahead_of(given: Tensor, target: Tensor, counted: Tensor, by: int) -> int | None:
    """The axis of steps, if each target is the input some steps later.

    Args:
        given: ``(a, b)`` symbols.
        target: ``(n,)``, in either order of the axes: of all steps, or of all but up to ``by``.
        counted: ``(n,)`` bool: those that are not to be ignored.
        by: how many steps later.

    Returns:
        None where they are not, or where they are the next inputs, too.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._answer_ahead import ahead_of
        >>> text, every = torch.randint(9, (8, 12)), torch.ones(80, dtype=torch.bool)
        >>> [ahead_of(text, text[:, 2:].flatten(), every, by) for by in (1, 2)]
        [None, 1]
    """
    for steps in (0, 1):
        inputs = given.movedim(steps, 1)
        b, t = inputs.shape
        for length in range(max(t - by, STEPS), t + 1):
            if len(target) != b * length or t - by < STEPS:
                continue
            kept = min(length, t - by)
            for turned in (False, True):
                asked, counts = (
                    x.view(length, b).T if turned else x.view(b, length) for x in (target, counted)
                )
                here, which = asked[:, :kept].reshape(-1), counts[:, :kept].reshape(-1)
                there = inputs[:, by : by + kept].reshape(-1)
                if same(there, here, which) and len(torch.unique(there[which])) >= VARIED:
                    return steps
    return None


def summed_up(made: Edge, given: Iterable[Edge], steps: int) -> bool:
    """Whether anything between the two is one of all steps, as what an encoder has read is.

    What a decoder may see of a whole sequence goes through that; a mask that is missing does not.

    Args:
        made: the predictions.
        given: the embedded inputs.
        steps: how many there are; the embedding may have one more.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._answer_ahead import summed_up
        >>> x = torch.randn(2, 8, 3, requires_grad=True) * 1.0
        >>> edges = [(y.grad_fn, 0) for y in (x, x.tanh(), x + x.mean(1, keepdim=True))]
        >>> [summed_up(made, edges[:1], 8) for made in edges[1:]]
        [False, True]
    """
    seen: set[Node] = {node for node, _ in given}
    waiting = [made[0]]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if operation(node) in SUMS_UP and hasattr(node, "_saved_self_sym_sizes"):
            sizes = node._saved_self_sym_sizes
            if any(0 <= sizes[axis] - steps <= 1 for axis in saved_axes(node, len(sizes))):
                return True
        waiting += [below for below, _ in node.next_functions if below is not None]
    return False


def from_behind(gradient: Tensor) -> bool:
    """Whether the first answer reads the reverse half of the output at its own place alone.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._answer_ahead import from_behind
        >>> from_behind(torch.zeros(2, 3, 4)), from_behind(torch.eye(4)[3:].expand(1, 1, 4))
        (False, True)
    """
    seen = gradient != 0
    half = gradient.shape[-1] // 2
    elsewhere = seen.any(-1)
    here = bool(seen[0, 0, half:].any())
    elsewhere[0, 0] = False
    return here and not bool(elsewhere.any())

"""Which of a model's results the loss reads itself, and not through another one.

Where a script calls the parts of a model itself, what one part returns goes into the next. The
loss has a gradient there, too, but the reach from there would leave out what comes after.
"""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import Node

__all__ = ["read_directly"]

LONGEST = 20_000
"""Operations between the loss and the results that are walked through, at most."""


def read_directly(results: Sequence[Tensor], roots: Sequence[Tensor]) -> list[bool]:
    """Whether each of ``results`` can be reached from a loss without passing by another one.

    True of all of them where that cannot be told: where none is reached, as after writing into
    them, or the way is too long.

    Args:
        results: what the calls from outside returned.
        roots: what backward is about to be called on. A single number is no result to stop at: it
            may be the loss itself.
    """
    everything = [True] * len(results)
    stops = {x.grad_fn for x in results if x.grad_fn is not None and x.dim()}
    if len(stops) < 2:
        return everything
    waiting: list[Node] = [x.grad_fn for x in roots if x.grad_fn is not None]
    seen, reached = set(waiting), set()
    while waiting:
        node = waiting.pop()
        if node in stops:
            reached.add(node)
            continue
        for after, _ in node.next_functions:
            if after is not None and after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > LONGEST:
            return everything
    if not reached:
        return everything
    return [x.grad_fn is None or not x.dim() or x.grad_fn in reached for x in results]

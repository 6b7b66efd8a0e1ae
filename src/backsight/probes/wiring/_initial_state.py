"""What the initial state of a call is: drawn at random, or made from what ran before."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from backsight.probes._operations import shape_of
from backsight.probes._tensors import made_from
from backsight.probes.loss import LIMIT

__all__ = ["hangs_on_spent", "is_drawn", "is_spent", "made_by", "same_direction"]

FEWEST = 64
"""Numbers that tell a distribution."""

SIGMAS = 5.0
"""Standard errors within which a moment is that of the distribution."""

FAR = 512
"""Operations that are looked through for the parameters that a state was made by."""

CLOSE = 32
"""Those that tell whether backward has been through a state's graph."""

NEAR = 1e-3
"""Between 1 and the cosine of a state and a multiple of it."""


@torch.no_grad()
def is_drawn(state: Tensor) -> bool:
    """Whether the values of a state are those of ``torch.randn``, or of ``torch.rand``.

    By mean, spread and fourth moment, each within five standard errors. The states of a layer
    never are: those of a bounded one stay within ±1, and of any layer each unit has a mean of its
    own.

    Args:
        state: ``(…, B, H)``, of any size; below 64 numbers nothing can be told.

    Example:
        >>> import torch
        >>> from backsight.probes import is_drawn
        >>> _ = torch.manual_seed(0)
        >>> drawn = torch.randn(1, 8, 32)
        >>> is_drawn(drawn), is_drawn(torch.rand(1, 8, 32)), is_drawn(drawn.tanh())
        (True, True, False)
    """
    count = state.numel()
    if count < FEWEST or not state.is_floating_point():
        return False
    flat = state.detach().reshape(-1).float()
    mean, spread = flat.mean(), flat.std()
    fourth = ((flat - mean) / spread).pow(4).mean()
    m, s, k, low, high = map(
        float, torch.stack([mean, spread, fourth, flat.min(), flat.max()]).tolist()
    )
    error = SIGMAS / count**0.5
    # The variance of a moment's estimate: of the spread (k - 1)/4 s², of the fourth of a normal 24.
    normal = abs(m) < error and abs(s - 1) < 0.71 * error and abs(k - 3) < 4.9 * error
    even = abs(m - 0.5) < 0.29 * error and abs(s - 0.2887) < 0.13 * error
    return normal or (even and low >= 0 and 0.9 < high < 1)


@torch.no_grad()
def same_direction(state: Tensor, other: Tensor) -> bool:
    """Whether one state is a positive multiple of another one, which is not zero.

    Args:
        state, other: of the same shape; otherwise they are not.

    Example:
        >>> import torch
        >>> from backsight.probes import same_direction
        >>> state = torch.randn(1, 4, 8)
        >>> same_direction(0.9 * state, state), same_direction(state + 1, state)
        (True, False)
    """
    if state.shape != other.shape:
        return False
    a, b = state.detach().reshape(-1).float(), other.detach().reshape(-1).float()
    return float(torch.cosine_similarity(a, b, dim=0)) > 1 - NEAR


def made_by(state: Tensor, parameters: Iterable[Tensor]) -> bool:
    """Whether any of ``parameters`` is in the graph of ``state``.

    Args:
        state: an initial state.
        parameters: of the layer that is given it.

    Example:
        >>> import torch
        >>> from backsight.probes import made_by
        >>> gru, encoder = torch.nn.GRU(3, 4), torch.nn.GRU(3, 4)
        >>> _, state = encoder(torch.randn(5, 2, 3))
        >>> made_by(state, gru.parameters()), made_by(state, encoder.parameters())
        (False, True)
    """
    own = set(map(id, parameters))
    return any(
        id(getattr(node, "variable", None)) in own
        for node, _ in made_from(state, FAR)
        if node.name().endswith("AccumulateGrad")
    )


def is_spent(state: Tensor) -> bool:
    """Whether backward can no longer go through what a tensor was made by, near it.

    Args:
        state: with a graph.

    Example:
        >>> import torch
        >>> from backsight.probes import is_spent
        >>> state = torch.ones(3, requires_grad=True).tanh()
        >>> before = is_spent(state)
        >>> state.sum().backward()
        >>> before, is_spent(state)
        (False, True)
    """
    return any(_is_spent(node) for node, _ in made_from(state, CLOSE))


def hangs_on_spent(roots: Sequence[Tensor]) -> bool:
    """Whether a loss was made now, from something that backward can no longer go through.

    A term that is an earlier loss itself does not count: it was added up, and is no state.

    Args:
        roots: what backward is about to be called on.

    Example:
        >>> import torch
        >>> from backsight.probes import hangs_on_spent
        >>> state = torch.ones(3, requires_grad=True).tanh()
        >>> first = state.square().sum()
        >>> first.backward()
        >>> second = state.exp().square().sum()
        >>> hangs_on_spent([second]), hangs_on_spent([first])
        (True, False)
    """
    return any(map(_is_new_on_old, _terms(roots)))


def _terms(roots: Sequence[Tensor]) -> Iterator[Node]:
    """What made the single numbers that a loss is the sum of."""
    waiting = [node for root in roots if (node := root.grad_fn) is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        given = [edge for edge in node.next_functions if edge[0] is not None]
        single = [below for below, number in given if below and not shape_of(below, number)]
        if not single:
            yield node
        for below in single:
            if below not in seen and len(seen) < FAR:
                seen.add(below)
                waiting.append(below)


def _is_new_on_old(term: Node) -> bool:
    """Whether the nearest operation that has kept anything still has it, and a later one not."""
    waiting, seen, first = deque([term]), {term}, True
    while waiting and len(seen) < LIMIT:
        node = waiting.popleft()
        if _kept(type(node)):
            if _is_spent(node):
                return not first
            first = False
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                waiting.append(below)
    return False


def _is_spent(node: Node) -> bool:
    """Whether what an operation kept for backward is gone, or was overwritten."""
    for name in _kept(type(node)):
        try:
            getattr(node, name)
        except RuntimeError:
            return True
    return False


def _kept(kind: type[Node]) -> tuple[str, ...]:
    """Names of the tensors that an operation of that kind keeps; none of a function of a user's."""
    return () if issubclass(kind, BackwardCFunction) else _names(kind)


@cache
def _names(kind: type[Node]) -> tuple[str, ...]:
    return tuple(name.removeprefix("_raw") for name in dir(kind) if name.startswith("_raw_saved_"))

"""Where a number that is not finite comes from: out of the range of float16, or from elsewhere."""

import functools

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, unpacked
from backsight.probes._precision import on_host
from backsight.probes.loss import LossOperations

__all__ = ["overflow_in_half"]

RAW = "_raw_saved_"

NEAR = 4
"""Factors of a loss."""


@torch.no_grad()
def overflow_in_half(made: LossOperations, *, scaled: bool = False) -> str | None:
    """Of a loss that is not finite: the operation in float16 that gave the first such number.

    Told only where all that was computed before, and all weights, are finite. What autograd keeps
    is looked at in the order in which it was computed.

    Args:
        made: the operations of the loss, while the graph is whole.
        scaled: whether the loss was multiplied for half precision, which may be too much for it.

    Returns:
        its name in small letters; None where the number comes from elsewhere, or nobody knows.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import overflow_in_half
        >>> x = torch.tensor([100.0, 300.0], requires_grad=True)
        >>> for kind in (torch.float16, torch.float32):
        ...     loss = (x.to(kind) * x.to(kind)).softmax(0).float().sum()
        ...     overflow_in_half(LossOperations([loss]))
        'softmax'
    """
    if any(not bool(leaf.isfinite().all()) for leaf in made.leaves() if on_host(leaf)):
        return None
    nodes = [node for _, node in made.named() if operation(node) != "AccumulateGrad"]
    for node in sorted(nodes, key=lambda one: one._sequence_nr()):
        for name in _kept_by(type(node)):
            value = unpacked(node, name)
            if value is None or not value.is_floating_point() or not on_host(value):
                continue
            if not bool(value.isfinite().all()):
                return _told(node, value, made_here=name.startswith("result"))
        if _leaves_its_range(node):
            return None
    return None if scaled or len(made.roots) != 1 else _last_in_half(made.roots[0])


def _last_in_half(node: Node | None) -> str | None:
    """The last operation but for factors, such as a sum, if it was in float16; all that autograd
    keeps is finite."""
    for _ in range(NEAR):
        node = LossOperations.source(node)
        if node is None or not node._input_metadata:
            return None
        if node._input_metadata[0].dtype == torch.float16:
            return operation(node).lower()
        if operation(node) not in ("Div", "Mul") or None not in (
            below := [one for one, _ in node.next_functions]
        ):
            return None
        node = next((one for one in below if one is not None), None)
    return None


def _told(node: Node, value: Tensor, *, made_here: bool) -> str | None:
    """Where the first one was made, if that is known to be in float16."""
    if value.dtype != torch.float16:
        return None
    if made_here:
        return operation(node).lower()
    halves = [
        below
        for below, number in node.next_functions
        if below is not None
        and operation(below) != "AccumulateGrad"
        and below._input_metadata[number].dtype == torch.float16
        and tuple(below._input_metadata[number].shape) == tuple(value.shape)
    ]
    source = LossOperations.source(halves[0]) if len(halves) == 1 else None
    return None if source is None or not source.next_functions else operation(source).lower()


def _leaves_its_range(node: Node) -> bool:
    """Whether its result, which is not kept, is not finite in any precision."""
    name = operation(node)
    if name in ("Log", "Log2", "Log10"):
        given = unpacked(node, "self")
        return given is not None and bool((given <= 0).any())
    if name == "Div":
        by = unpacked(node, "other")
        return by is not None and bool((by == 0).any())
    return False


@functools.cache
def _kept_by(kind: type) -> tuple[str, ...]:
    """What such an operation keeps, arguments first."""
    names = (name.removeprefix(RAW) for name in dir(kind) if name.startswith(RAW))
    return tuple(sorted(names, key=lambda name: name.startswith("result")))

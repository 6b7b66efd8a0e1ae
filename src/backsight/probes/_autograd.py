"""Gradients asked of the caller's own graph, which is left whole and holds none of them after."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge
from torch.utils.hooks import RemovableHandle

__all__ = ["Gradient", "GradientTarget", "each_gradient", "gradients_of", "retained"]

GradientTarget = Tensor | GradientEdge
"""Where a gradient can be asked for; the graph alone does not keep a tensor's values."""

Gradient = Callable[
    [Sequence[Tensor], Sequence[Tensor], Sequence[Tensor | None]], list[Tensor | None]
]
"""``autograd.grad`` that keeps the graph; None where there is no path."""

Visit = Callable[[int, Tensor], None]

Passes = Callable[[Sequence[GradientTarget], Sequence[Tensor | None], Visit], None]

retained: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()
"""By identity, tensors whose gradient their owner asked to be retained: a pass adds to it, and
that is taken back."""


def gradients_of(
    outputs: Sequence[GradientTarget],
    inputs: Sequence[GradientTarget],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """``autograd.grad`` that leaves the graph for the caller; None where there is no path."""
    if not outputs:
        return [None] * len(inputs)
    return list(_grad(outputs, inputs, gradients))


@contextmanager
def each_gradient(states: Sequence[GradientTarget], *, ends: int) -> Iterator[Passes]:
    """Passes that show the gradient on each of ``states`` as it goes by, and keep none.

    Asking for all of them at once would hold a gradient a step beside what training holds.

    Args:
        states: in the order they were made.
        ends: how many of the first states the gradient is followed to. One on the way that
            leads to none of these (the graph was cut in between) is asked for by itself.

    Yields:
        What makes such a pass: from these outputs, with these gradients on them. What it is given
        to visit is called with the number of a state and its gradient; not where none arrives.
    """
    passed: set[int] = set()
    visit: Visit | None = None

    def see(number: int, gradient: Tensor) -> None:
        if visit is not None:  # else the gradient is that of something in between
            passed.add(number)
            visit(number, gradient)

    def passes(
        outputs: Sequence[GradientTarget], gradients: Sequence[Tensor | None], told: Visit
    ) -> None:
        nonlocal visit
        if not outputs:
            return
        passed.clear()
        visit = told
        try:
            found = _grad(outputs, states[:ends], gradients)
        finally:
            visit = None
        for number, gradient in enumerate(found):
            # A hook on an edge is not called where the pass ends.
            if gradient is not None and number not in passed:
                passed.add(number)
                told(number, gradient)
        rest = [number for number in range(len(states)) if number not in passed]
        if rest:
            asked = gradients_of(outputs, [states[number] for number in rest], gradients)
            for number, gradient in zip(rest, asked, strict=True):
                if gradient is not None:
                    told(number, gradient)

    handles = [_hooked(state, partial(see, number)) for number, state in enumerate(states)]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def _hooked(state: GradientTarget, see: Callable[[Tensor], None]) -> RemovableHandle:
    if isinstance(state, Tensor):
        return state.register_hook(see)  # type: ignore[no-untyped-call,no-any-return]

    def passing(gradients: Sequence[Tensor | None]) -> None:
        gradient = gradients[state.output_nr]
        if gradient is not None:
            see(gradient)

    return state.node.register_prehook(passing)


def _grad(
    outputs: Sequence[GradientTarget],
    inputs: Sequence[GradientTarget],
    gradients: Sequence[Tensor | None],
) -> tuple[Tensor | None, ...]:
    kept = [(tensor, tensor.grad) for tensor in list(retained.values())]
    # A NaN is a value here, and the anomaly is the caller's own pass's to tell.
    looking = torch.is_anomaly_enabled()
    with torch.autograd.set_detect_anomaly(False) if looking else nullcontext():
        found = torch.autograd.grad(
            outputs,  # type: ignore[arg-type]  # which has no mixture of tensors and edges
            inputs,  # type: ignore[arg-type]  # likewise
            gradients,
            retain_graph=True,
            allow_unused=True,
        )
    for tensor, gradient in kept:
        tensor.grad = gradient
    return found

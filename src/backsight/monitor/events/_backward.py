"""Being told of every backward pass: what it was called on, and when it has ended.

No hook of PyTorch's tells the loss, and an end-of-backward callback may come before a wrapper
(data-parallel training) has finished with the gradients. So while somebody listens,
``torch.autograd.backward`` is wrapped (``Tensor.backward`` goes through it), and so are
``GradScaler.scale`` and ``step``, which alone know the loss scale and that a step was skipped, and
``Tensor.retain_grad``, to whose gradient a measurement must not add.
The last listener to leave puts the originals back.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

from backsight.monitor._iteration import Gradients
from backsight.probes import left_by_compilers, retained, tensors_in

__all__ = ["Listener", "in_backward", "listen", "tell_step"]


class Listener(Protocol):
    """Somebody who is told."""

    thread: int | None
    """Where it trains: it is not told of other threads' passes. None where that is not known."""

    def backward_begins(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """The graph is whole; ``scale`` is what a GradScaler multiplied the loss by."""

    def backward_passed(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> bool | None:
        """Every gradient is in; whether any arrived there."""

    def shared(self, others: "list[Listener]") -> None:
        """The pass that has just ended brought gradients to those as well."""

    def other_stepped(self, other: "Listener") -> None:
        """Another one's optimizer has stepped."""

    def step_skipped(self, optimizer: Optimizer) -> None:
        """A GradScaler found gradients that are not finite, and did not step."""


_listeners: list[Listener] = []
_originals: dict[str, Any] = {}
_here = threading.local()
_scaled: list[tuple[weakref.ref[Tensor], Tensor]] = []
"""Losses that a GradScaler has scaled and backward was not called on yet, with their scales."""


def in_backward() -> bool:
    """Whether a backward pass is under way: a forward inside it is a recomputation."""
    return getattr(_here, "depth", 0) > 0


def tell_step(listener: Listener) -> None:
    """``listener``'s optimizer has stepped: tell the others."""
    for other in _around(listener):
        other.other_stepped(listener)


def _around(listener: Listener | None) -> list[Listener]:
    """Those that train in this thread, without one of them."""
    thread = threading.get_ident()
    return [o for o in _listeners if o is not listener and o.thread in (None, thread)]


def _scale_of(roots: tuple[Tensor, ...]) -> Tensor | None:
    """What the roots were scaled by; of what was made of scaled losses, what those were."""
    global _scaled
    found = [scale for reference, scale in _scaled if any(reference() is root for root in roots)]
    others = [(r, s) for r, s in _scaled if all(r() is not root for root in roots)]
    if not found and others:
        found = [others[-1][1]]
    _scaled = [(r, s) for r, s in others if r() is not None][-64:]
    return found[-1] if found else None


def listen(listener: Listener) -> Callable[[], None]:
    """Tell ``listener`` of every backward pass; returns what ends that."""
    if not _listeners:
        _wrap()
    _listeners.append(listener)

    def leave() -> None:
        if listener in _listeners:
            _listeners.remove(listener)
            if not _listeners:
                _unwrap()

    return leave


def _wrap() -> None:
    backward, scale, step = torch.autograd.backward, GradScaler.scale, GradScaler.step
    retain = Tensor.retain_grad

    def told_backward(*args: Any, **named: Any) -> None:
        if in_backward():  # a checkpoint's recomputation, inside the pass that is being told
            backward(*args, **named)
            return
        args = tuple(tuple(one) if isinstance(one, Iterator) else one for one in args)
        named = {n: tuple(one) if isinstance(one, Iterator) else one for n, one in named.items()}
        try:
            roots, gradients = _roots(*args, **named)
        except TypeError:  # a wrong call: PyTorch says what is wrong with it
            backward(*args, **named)
            return
        scale = _scale_of(roots)
        _here.depth = 1
        try:
            for listener in _around(None):
                listener.backward_begins(roots, gradients, scale)
            backward(*args, **named)
        finally:
            _here.depth = 0
        listeners = _around(None)
        reached = [o for o in listeners if o.backward_passed(roots, gradients, scale)]
        for listener in reached if len(reached) > 1 else ():
            listener.shared([other for other in reached if other is not listener])

    def told_scale(self: GradScaler, outputs: Any) -> Any:
        result = scale(self, outputs)
        if self.is_enabled() and self._scale is not None:
            factor = self._scale.detach().clone()  # updated in place after the step
            _scaled.extend((weakref.ref(tensor), factor) for tensor in tensors_in(result))
        return result

    def told_step(self: GradScaler, optimizer: Optimizer, *args: Any, **named: Any) -> Any:
        took = False

        def note(*_: Any) -> None:
            nonlocal took
            took = True

        handle = optimizer.register_step_pre_hook(note)
        try:
            result = step(self, optimizer, *args, **named)
        finally:
            handle.remove()
        for listener in tuple(_listeners) if not took else ():
            listener.step_skipped(optimizer)
        return result

    def told_retain(self: Tensor) -> None:
        retain(self)
        retained[id(self)] = self

    for name, owner, original, told in (
        ("backward", torch.autograd, backward, told_backward),
        ("scale", GradScaler, scale, told_scale),
        ("step", GradScaler, step, told_step),
        ("retain_grad", Tensor, retain, told_retain),
    ):
        told = left_by_compilers(told)
        _originals[name] = owner, original, told
        setattr(owner, name, told)


def _unwrap() -> None:
    for name, (owner, original, told) in _originals.items():
        if getattr(owner, name) is told:  # else somebody has wrapped ours: it goes on unheard
            setattr(owner, name, original)
    _originals.clear()


def _roots(
    tensors: Any, grad_tensors: Any = None, *_: Any, **named: Any
) -> tuple[tuple[Tensor, ...], Gradients]:
    """What backward was called on, and with which gradients."""
    roots = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    given = grad_tensors if grad_tensors is not None else named.get("grad_variables")
    if isinstance(given, Tensor):
        given = (given,)
    gradients = (None,) * len(roots) if given is None else tuple(given)
    pairs = [pair for pair in zip(roots, gradients, strict=False) if isinstance(pair[0], Tensor)]
    return tuple(root for root, _ in pairs), tuple(gradient for _, gradient in pairs)

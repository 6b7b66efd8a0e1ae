"""Being told of every backward pass: what it was called on, and when it has ended.

No hook of PyTorch's tells the loss, and an end-of-backward callback may come before a wrapper
(data-parallel training) has finished with the gradients. So while somebody listens,
``torch.autograd.backward`` is wrapped (``Tensor.backward`` goes through it), and so are
``GradScaler.scale`` and ``step``, which alone know the loss scale and that a step was skipped, and
``Tensor.retain_grad``, to whose gradient a measurement must not add. What ``clip_grad_norm_`` and
``clip_grad_value_`` hand their arguments to is wrapped as well (:mod:`._clipping`).
``torch.autograd.grad`` itself, which compilers know and scripts import by its name, is left alone:
what it hands its arguments to is wrapped. The last listener to leave puts the originals back.
"""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.nn.utils import clip_grad
from torch.optim import Optimizer

from backsight.monitor._iteration import Gradients
from backsight.monitor.events._clipping import clipping
from backsight.monitor.events._gradient_queries import GradientQuery
from backsight.probes import left_by_compilers, retained, skipped, tensors_in

__all__ = ["Listener", "in_backward", "listen", "tell_step", "tell_unclaimed"]


class Listener(Protocol):
    """Somebody who is told."""

    thread: int | None
    """Where it trains: it is not told of other threads' passes. None where that is not known."""
    opposed: bool
    """Whether a loss of another one has gone through it, or one of its own through another, and
    only one of them has stepped on it."""

    def backward_begins(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """The graph is whole; ``scale`` is what a GradScaler multiplied the loss by."""

    def backward_passed(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> bool | None:
        """Every gradient is in; whether any arrived there."""

    def query_begins(self, query: GradientQuery) -> bool | None:
        """``autograd.grad`` is about to be called; whether its end is to be told."""

    def query_passed(self, query: GradientQuery, found: Sequence[Tensor | None]) -> None:
        """It has returned those gradients."""

    def shared(self, others: "list[Listener]") -> None:
        """The pass that has just ended brought gradients to those as well."""

    def other_stepped(self, other: "Listener") -> None:
        """Another one's optimizer has stepped."""

    def step_skipped(self, optimizer: Optimizer) -> None:
        """A GradScaler found gradients that are not finite, and did not step."""

    def clips(self, parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
        """``clip_grad_norm_`` is about to scale the gradients of those, which have that norm."""

    def clips_values(self, gradients: Sequence[Tensor], limit: float) -> None:
        """``clip_grad_value_`` is about to clamp those gradients."""

    def divides_late(self, optimizer: Optimizer) -> None:
        """``GradScaler.step`` is about to divide gradients, which nobody has divided before."""


class Stranger(Protocol):
    """Somebody who is told of passes that brought nothing to any listener."""

    def passed(self, roots: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> None:
        """Of ``backward``, or of ``autograd.grad``, which was asked of ``inputs``."""

    def transformed(self) -> None:
        """Of ``torch.func``."""


_listeners: list[Listener] = []
_strangers: list[Stranger] = []
_originals: list[tuple[Any, str, Any, Any]] = []
"""What was wrapped: whose, its name, itself, and what is in its place."""
_here = threading.local()
in_backward: Callable[[], bool] = partial(getattr, _here, "within", False)
"""Whether a backward pass is under way: a forward inside it is a recomputation. Asked at every call
of a cell."""
ENGINE = "_engine_run_backward"
"""What ``torch.autograd.grad`` and ``backward`` call, after they have looked at their arguments."""


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A loss that a GradScaler has scaled."""

    loss: weakref.ref[Tensor]
    scale: Tensor
    asked: bool = False
    """Whether ``autograd.grad`` was called on it."""


_scaled: list[_Scaled] = []
"""Those that backward was not called on yet."""


def tell_step(listener: Listener) -> None:
    """``listener``'s optimizer has stepped: tell the others."""
    for other in _around(listener) if len(_listeners) > 1 else ():
        other.other_stepped(listener)


def _around(listener: Listener | None) -> list[Listener]:
    """Those that train in this thread, without one of them."""
    thread, around = threading.get_ident(), []
    # A copy, as other threads come and leave; in every step: a comprehension is one more call.
    for one in [*_listeners]:
        if one is not listener and (one.thread is None or one.thread == thread):
            around.append(one)
    return around


def _scale_of(roots: tuple[Tensor, ...], *, keep: bool = False) -> Tensor | None:
    """What the roots were scaled by; of what was made of scaled losses, what those were.

    Args:
        roots: of a pass.
        keep: they may be asked for again.
    """
    global _scaled
    if not _scaled:
        return None
    mine = [one for one in _scaled if any(one.loss() is root for root in roots)]
    others = [one for one in _scaled if all(one.loss() is not root for root in roots)]
    found = mine or [one for one in others if not one.asked]
    kept = [_Scaled(one.loss, one.scale, asked=True) for one in mine if keep]
    _scaled = [one for one in others + kept if one.loss() is not None][-64:]
    return found[-1].scale if found else None


def listen(listener: Listener) -> Callable[[], None]:
    """Tell ``listener`` of every backward pass; returns what ends that."""
    return _enter(_listeners, listener)


def tell_unclaimed(stranger: Stranger) -> Callable[[], None]:
    """Tell of every pass that brings nothing to any listener; returns what ends that."""
    return _enter(_strangers, stranger)


def _enter(those: list[Any], one: Any) -> Callable[[], None]:
    if not _listeners and not _strangers:
        _wrap()
    those.append(one)

    def leave() -> None:
        if one in those:
            those.remove(one)
            if not _listeners and not _strangers:
                _unwrap()

    return leave


def _wrap() -> None:
    backward, scale, step = torch.autograd.backward, GradScaler.scale, GradScaler.step
    retain, engine = Tensor.retain_grad, getattr(torch.autograd, ENGINE)

    def told_engine(outputs: Any, *args: Any, **named: Any) -> Any:
        if in_backward() or named.get("accumulate_grad", True):
            return engine(outputs, *args, **named)
        query, listeners = _query_begins(outputs, *args)
        alone = _strangers and query is not None and not listeners and not query.inner
        _here.within = True  # a forward inside is a recomputation
        try:
            found = engine(outputs, *args, **named)
        finally:
            _here.within = False
        if query is not None and listeners:
            _query_passed(query, listeners, found)
        if alone and query is not None and query.inputs:
            for stranger in [*_strangers]:
                stranger.passed(query.roots, query.inputs)
        return found

    def told_backward(*args: Any, **named: Any) -> None:
        if in_backward():  # a checkpoint's recomputation, inside the pass that is being told
            backward(*args, **named)
            return
        for one in (*args, *named.values()):
            if one is not None and type(one) is not Tensor and type(one) is not bool:
                args = tuple(tuple(x) if isinstance(x, Iterator) else x for x in args)
                named = {n: tuple(x) if isinstance(x, Iterator) else x for n, x in named.items()}
                break
        try:
            roots, gradients = _roots(*args, **named)
        except TypeError:  # a wrong call: PyTorch says what is wrong with it
            backward(*args, **named)
            return
        scale = _scale_of(roots) if _scaled else None
        _here.within = True
        try:
            for listener in _around(None):
                listener.backward_begins(roots, gradients, scale)
            backward(*args, **named)
        finally:
            _here.within = False
        reached = []
        for listener in _around(None):
            if listener.backward_passed(roots, gradients, scale):
                reached.append(listener)
        for listener in reached if len(reached) > 1 else ():
            listener.shared([other for other in reached if other is not listener])
        for stranger in [*_strangers] if not reached else ():
            stranger.passed(roots, ())

    def told_scale(self: GradScaler, outputs: Any) -> Any:
        result = scale(self, outputs)
        if self.is_enabled() and self._scale is not None:
            factor = self._scale.detach().clone()  # updated in place after the step
            _scaled.extend(_Scaled(weakref.ref(x), factor) for x in tensors_in(result))
        return result

    def told_step(self: GradScaler, optimizer: Optimizer, *args: Any, **named: Any) -> Any:
        took = False

        def note(*_: Any) -> None:
            nonlocal took
            took = True

        if _is_scaled(self, optimizer):
            for listener in _around(None):
                listener.divides_late(optimizer)
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

    for owner, name, original, told in (
        (torch.autograd, "backward", backward, told_backward),
        (GradScaler, "scale", scale, told_scale),
        (GradScaler, "step", step, told_step),
        (Tensor, "retain_grad", retain, told_retain),
    ):
        _replace(owner, name, original, left_by_compilers(told))
    for name, original, told in clipping(lambda: _around(None)):
        _replace(clip_grad, name, original, left_by_compilers(told))
    for place in (torch.autograd, torch.autograd.graph):  # whoever wraps it, puts back the second
        _replace(place, ENGINE, engine, skipped(told_engine, inside=False))


def _is_scaled(scaler: GradScaler, optimizer: Optimizer) -> bool:
    """Whether ``unscale_`` has not been called since the last step, as far as PyTorch shows it."""
    states = vars(scaler).get("_per_optimizer_states", {})
    stage = states[id(optimizer)].get("stage") if id(optimizer) in states else None
    return scaler.is_enabled() and (stage is None or getattr(stage, "name", "") == "READY")


def _replace(owner: Any, name: str, original: Any, told: Any) -> None:
    _originals.append((owner, name, original, told))
    setattr(owner, name, told)


def _unwrap() -> None:
    for owner, name, original, told in _originals:
        if getattr(owner, name) is told:  # else somebody has wrapped ours: it goes on unheard
            setattr(owner, name, original)
    _originals.clear()


@skipped
def _query_begins(
    outputs: Any,
    gradients: Any = (),
    _: Any = None,
    inner: bool = False,
    inputs: Any = (),
    *__: Any,
) -> tuple[GradientQuery | None, list[Listener]]:
    """What ``autograd.grad`` is asked, and who wants to be told of its end."""
    for stranger in [*_strangers] if torch._C._functorch.maybe_current_level() is not None else ():
        stranger.transformed()
    leaves = [(n, x) for n, x in enumerate(inputs) if isinstance(x, Tensor) and x.is_leaf]
    batched = any(map(torch._C._functorch.is_legacy_batchedtensor, filter(_is_tensor, gradients)))
    listeners = _around(None)
    if not (listeners or _strangers) or batched:  # many gradients in one
        return None, []
    roots, given = _roots(outputs, gradients)
    places, parameters = tuple(n for n, _ in leaves), tuple(x for _, x in leaves)
    scale = _scale_of(roots, keep=True)
    query = GradientQuery(roots, given, parameters, places, inner, scale)
    _here.within = True  # what a listener asks of autograd is its own business
    try:
        told = [listener for listener in listeners if listener.query_begins(query)]
    finally:
        _here.within = False
    return (query if told or _strangers else None), told


@skipped
def _query_passed(query: GradientQuery, listeners: list[Listener], found: Any) -> None:
    for listener in listeners:
        listener.query_passed(query, found)


def _is_tensor(thing: Any) -> bool:
    return isinstance(thing, Tensor)


def _roots(
    tensors: Any, grad_tensors: Any = None, *_: Any, **named: Any
) -> tuple[tuple[Tensor, ...], Gradients]:
    """What backward was called on, and with which gradients."""
    if type(tensors) is Tensor and grad_tensors is None and "grad_variables" not in named:
        return (tensors,), (None,)
    roots = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    given = grad_tensors if grad_tensors is not None else named.get("grad_variables")
    if isinstance(given, Tensor):
        given = (given,)
    gradients = (None,) * len(roots) if given is None else tuple(given)
    pairs = [pair for pair in zip(roots, gradients, strict=False) if isinstance(pair[0], Tensor)]
    return tuple(root for root, _ in pairs), tuple(gradient for _, gradient in pairs)

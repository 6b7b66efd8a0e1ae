"""Being told of every backward pass: what it was called on, and when it has ended.

No hook of PyTorch's tells the loss, and an end-of-backward callback may come before a wrapper
(data-parallel training) has finished with the gradients. So while somebody listens,
``torch.autograd.backward`` is wrapped (``Tensor.backward`` goes through it), and so are
``GradScaler.scale`` and ``step``, which alone know the loss scale and that a step was skipped.
The last listener to leave puts the originals back.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

__all__ = ["Listener", "in_backward", "listen"]

Gradients = tuple[Tensor | None, ...]


class Listener(Protocol):
    """Somebody who is told."""

    def backward_begins(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """The graph is whole; ``scale`` is what a GradScaler multiplied the loss by."""

    def backward_passed(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """Every gradient is in."""

    def step_skipped(self, optimizer: Optimizer) -> None:
        """A GradScaler found gradients that are not finite, and did not step."""


_listeners: list[Listener] = []
_originals: dict[str, Any] = {}
_depth = 0
_scale: Tensor | None = None


def in_backward() -> bool:
    """Whether a backward pass is under way: a forward inside it is a recomputation."""
    return _depth > 0


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

    def told_backward(*args: Any, **named: Any) -> None:
        global _depth, _scale
        if _depth:  # a checkpoint's recomputation, inside the pass that is being told
            backward(*args, **named)
            return
        factor, _scale = _scale, None
        told = *_roots(*args, **named), factor
        _depth += 1
        try:
            for listener in tuple(_listeners):
                listener.backward_begins(*told)
            backward(*args, **named)
        finally:
            _depth -= 1
        for listener in tuple(_listeners):
            listener.backward_passed(*told)

    def told_scale(self: GradScaler, outputs: Any) -> Any:
        global _scale
        result = scale(self, outputs)
        if self.is_enabled() and self._scale is not None:
            _scale = self._scale.detach().clone()  # updated in place after the step
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

    for name, owner, original, told in (
        ("backward", torch.autograd, backward, told_backward),
        ("scale", GradScaler, scale, told_scale),
        ("step", GradScaler, step, told_step),
    ):
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

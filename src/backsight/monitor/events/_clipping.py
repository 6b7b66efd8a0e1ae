"""Being told of each call of ``clip_grad_norm_`` and ``clip_grad_value_``.

Scripts import both by their names, so what they call is wrapped. Where there is nothing to clip,
nothing else shows the call. (``clip_grad_value_`` itself fails where there are no gradients.)
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, Protocol

from torch import Tensor
from torch.nn.utils import clip_grad

__all__ = ["ClipListener", "clipping"]

NORM = "_clip_grads_with_norm_"
"""What ``clip_grad_norm_`` calls, once it has the norm; earlier versions of PyTorch have none."""
VALUES = "_group_tensors_by_device_and_dtype"
"""What ``clip_grad_value_`` calls before it writes, and others do."""
UP = 8
"""Frames from there to the caller, with those of what leaves compilers out."""


class ClipListener(Protocol):
    """Somebody who is told."""

    def clips(self, parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
        """``clip_grad_norm_`` is about to scale the gradients of those, which have that norm."""

    def clips_values(self, gradients: Sequence[Tensor], limit: float) -> None:
        """``clip_grad_value_`` is about to clamp those gradients."""


Around = Callable[[], Iterable[ClipListener]]


def clipping(around: Around) -> Iterator[tuple[str, Any, Any]]:
    """What is to be wrapped in ``torch.nn.utils.clip_grad``: its name, itself, and instead of it.

    Args:
        around: those who are to be told of a call.
    """
    if (norm := getattr(clip_grad, NORM, None)) is not None:
        yield NORM, norm, _telling_norm(norm, around)
    if (values := getattr(clip_grad, VALUES, None)) is not None:
        yield VALUES, values, _telling_values(values, around)


def _telling_norm(clip: Any, around: Around) -> Any:
    @wraps(clip)
    def told_clip(*args: Any, **named: Any) -> Any:
        parameters, limit, norm = (*args, None, None, None)[:3]
        usual = isinstance(parameters, list) and isinstance(limit, int | float)
        for listener in around() if usual and isinstance(norm, Tensor) else ():
            listener.clips(parameters, limit, norm)
        return clip(*args, **named)

    return told_clip


def _telling_values(group: Any, around: Around) -> Any:
    code = getattr(inspect.unwrap(clip_grad.clip_grad_value_), "__code__", None)

    @wraps(group)
    def told_group(*args: Any, **named: Any) -> Any:
        limit = _limit_of(code)
        if limit is not None and args:
            for listener in around():
                listener.clips_values(args[0][0], limit)
        return group(*args, **named)

    return told_group


def _limit_of(code: Any) -> float | None:
    """What ``clip_grad_value_`` was called with, where it is it that calls."""
    frame = sys._getframe(2)
    for _ in range(UP):
        if frame.f_code is code:
            limit = frame.f_locals.get("clip_value")
            return limit if isinstance(limit, float) else None
        if frame.f_back is None or frame.f_globals.get("__name__") == clip_grad.__name__:
            return None  # another function of that module
        frame = frame.f_back
    return None

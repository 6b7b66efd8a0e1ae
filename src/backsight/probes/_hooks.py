"""Forward hooks that belong to one module and to this process alone.

A model that is saved or copied while it is watched is saved or copied without them: what is
left in their place is the standard library's own way to do nothing, so that a checkpoint does
not ask for Backsight.
"""

import functools
import sys
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

__all__ = ["EagerHook", "Hook", "left_by_compilers"]


def left_by_compilers(function: Callable[..., Any]) -> Callable[..., Any]:
    """As ``torch.compiler.disable``, which imports the compiler: here, not before the first call.

    That takes nearly as long as importing PyTorch itself. A training has imported it by then, as
    the first optimizer does; a script that trains nothing does not wait for it.

    Example:
        >>> from backsight.probes import left_by_compilers
        >>> looked = []
        >>> look = left_by_compilers(looked.append)
        >>> look(1)
        >>> looked
        [1]
    """
    if "torch._dynamo" in sys.modules:
        return _disabled(function)
    known: Callable[..., Any] | None = None

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal known
        if known is None:
            known = _disabled(function)
        return known(*arguments, **named)

    return call


def _disabled(function: Callable[..., Any]) -> Callable[..., Any]:
    found: Callable[..., Any] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
    return found


class Hook:
    """Calls ``action`` with what PyTorch gives it; nothing inside a compiled region.

    Args:
        module: the one it is put on; it is not kept alive.
        action: takes the module and what comes with it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Hook
        >>> cell = nn.RNNCell(3, 4)
        >>> hook = Hook(cell, lambda module, inputs, result: print(tuple(result.shape)))
        >>> handle = cell.register_forward_hook(hook)
        >>> state = cell(torch.zeros(2, 3))
        (2, 4)
    """

    def __init__(self, module: nn.Module, action: Callable[..., None]) -> None:
        self._module = weakref.ref(module)
        self._action = action

    def __call__(self, module: nn.Module, *arguments: Any) -> None:
        if not torch.compiler.is_compiling() and module is self._module():
            self._action(module, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")


class EagerHook(Hook):
    """For a fused layer, which a compiler leaves to run by itself: so does this.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import EagerHook
        >>> rnn = nn.RNN(3, 4)
        >>> hook = EagerHook(rnn, lambda module, inputs, result: print(tuple(result[0].shape)))
        >>> handle = rnn.register_forward_hook(hook)
        >>> states, last = rnn(torch.zeros(6, 2, 3))
        (6, 2, 4)
    """

    @left_by_compilers
    def __call__(self, module: nn.Module, *arguments: Any) -> None:
        if module is self._module():
            self._action(module, *arguments)

"""Forward hooks that belong to one module and to this process alone.

A model that is saved or copied while it is watched is saved or copied without them: what is
left in their place is the standard library's own way to do nothing, so that a checkpoint does
not ask for Backsight.
"""

import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

__all__ = ["EagerHook", "Hook"]


class Hook:
    """Calls ``action`` with what PyTorch gives it; nothing inside a compiled region.

    Args:
        module: the one it is put on; it is not kept alive.
        action: takes the module and what comes with it.
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
    """For a fused layer, which a compiler leaves to run by itself: so does this."""

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def __call__(self, module: nn.Module, *arguments: Any) -> None:
        if module is self._module():
            self._action(module, *arguments)

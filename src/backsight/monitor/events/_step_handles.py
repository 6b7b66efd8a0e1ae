"""Hooks on the steps of optimizers, put on and taken off together."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from backsight.probes import IdentityMap, left_by_compilers

__all__ = ["StepHandles"]


class StepHandles:
    """Those of one training.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import StepHandles
        >>> handles, optimizer = StepHandles(), torch.optim.SGD([torch.zeros(1)], lr=0.1)
        >>> handles.add(optimizer, lambda *_: print("begins"), lambda *_: print("ended"))
        >>> optimizer.step()
        begins
        ended
        >>> handles.remove()
        >>> len(handles)
        0
    """

    def __init__(self) -> None:
        self._handles: IdentityMap[tuple[RemovableHandle, ...]] = IdentityMap()
        """By optimizer."""

    def __len__(self) -> int:
        """Optimizers."""
        return len(self._handles)

    def add(
        self, optimizer: Optimizer, begins: Callable[..., Any], ended: Callable[..., Any]
    ) -> None:
        """On one more optimizer.

        Args:
            optimizer: whose steps are watched.
            begins: told before each step, with the optimizer and what its step is called with.
            ended: told of the same behind it.
        """
        self._handles[optimizer] = (
            optimizer.register_step_pre_hook(left_by_compilers(begins)),
            optimizer.register_step_post_hook(left_by_compilers(ended)),
        )

    def remove(self) -> None:
        """From all of them."""
        for handles in list(self._handles.values()):
            for handle in handles:
                handle.remove()
        self._handles.clear()

"""Whether a backward pass comes through a call of a layer that is mostly called once an iteration.

Which of several calls a pass comes through tells which of them count; of a single one, nobody asks.
Hooks on its graph take a tenth of a millisecond where a training step has used the processor's
caches for itself. So a layer that has been called once in each of the iterations before gets none
until it is called again.
"""

import math
from typing import Any

from torch import Tensor, nn

from backsight.monitor._iteration import Followed
from backsight.monitor.events._call_chains import follow
from backsight.probes import on_host, parameters_of, tensors_in

__all__ = ["LoneCalls"]

KNOWN = 16
"""Iterations in a row with one call each, after which the next one is taken for the only one."""


class LoneCalls:
    """The calls of one layer that hand nothing on.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import LoneCalls
        >>> layer, calls = torch.nn.RNN(3, 4), LoneCalls()
        >>> for iteration in range(20):
        ...     result = layer(torch.zeros(5, 2, 3))
        ...     first = calls.follow(layer, result, iteration)
        >>> calls.held is result
        True
        >>> again = layer(torch.zeros(5, 2, 3))
        >>> second = calls.follow(layer, again, iteration)
        >>> again[0].sum().backward()
        >>> first.by_backward, second.by_backward, calls.held
        (False, True, None)
    """

    def __init__(self) -> None:
        self._iteration = -1
        """Of the newest call."""
        self._alone: float = 0
        """Iterations with one call; minus infinity once there has been one with more."""
        self._first: Followed | None = None
        """Of the first call of the iteration, if it has no hook."""
        self.held: Any = None
        """What that call returned, whose graph is to be hooked if another call comes."""

    def follow(
        self, module: nn.Module, result: Any, iteration: int, *, at_once: bool = False
    ) -> Followed:
        """One more call.

        Args:
            module: the layer.
            result: what it returned.
            iteration: tells iterations apart.
            at_once: whether somebody may ask even of a single call.
        """
        if iteration == self._iteration:
            self._alone = -math.inf
            if self._first is not None:
                self._catch_up(module, self._first)
            return follow(result)
        self._iteration = iteration
        self._alone += 1
        if self._alone > KNOWN and not at_once and _here(result):
            self._first, self.held = Followed(by_backward=True), result
            return self._first
        self._first = None
        return follow(result)

    def let_go(self) -> None:
        """A pass begins, after which the graph is gone; or the iteration is over."""
        self.held = None

    def _catch_up(self, module: nn.Module, first: Followed) -> None:
        """The first call was not the only one."""
        held, self._first, self.held = self.held, None, None
        if held is None:  # there was a pass, which came through that call if it reached the layer
            first.by_backward = any(p.grad is not None for p in parameters_of(module))
        else:
            follow(held, first)


def _here(result: Any) -> bool:
    """Whether it is on the host: the memory of an accelerator is not to be held."""
    first = result[0] if type(result) is tuple and result else result
    if not issubclass(type(first), Tensor):  # by its type: a class may lie about itself
        first = next(tensors_in(first), None)
    return first is not None and on_host(first)

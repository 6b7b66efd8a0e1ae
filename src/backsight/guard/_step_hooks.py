"""Where a guard meets its optimizers: it is told when the gradients of a step are there.

Without a closure that is when the step begins; with a closure that is evaluated once, when it has
returned; with one that is evaluated many times, never before a weight has moved.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from backsight.distributed import is_first_process
from backsight.guard._gradients import overflowed
from backsight.probes import Closures, closure_of

__all__ = ["Source", "StepHooks", "Told"]

_log = logging.getLogger("backsight")

Told = float | Tensor | None
"""The loss; None where nobody tells it."""

Source = Literal["loop", "closure", "closures", "unknown"]
"""``loop``: they are there when the step begins; ``closure``: it was evaluated, and will not be
again; ``closures``: it will be, many times; ``unknown``: this step shows which of the two."""


class StepHooks:
    """Hooks on optimizers.

    Args:
        optimizers: whose steps are told of, unless a loss scaler leaves them out.
        begins: an optimizer is about to step, or to evaluate its closure.
        ready: it is about to move the weights. With ``closure``, the last argument is the loss that
            it returned, or None.
        again: it has evaluated its closure once more all the same.
        ended: it has stepped.
    """

    def __init__(
        self,
        optimizers: Iterable[Optimizer],
        *,
        begins: Callable[[], None],
        ready: Callable[[Optimizer, Source, Told], None],
        again: Callable[[Optimizer], None],
        ended: Callable[[Optimizer], None],
    ) -> None:
        self._begins, self._ready, self._again, self._ended = begins, ready, again, ended
        self._closures = Closures()
        self._waiting: set[int] = set()
        """Identities of optimizers whose closure is yet to be evaluated in this step."""
        self._told = False
        self._handles: list[RemovableHandle] = []
        for one in optimizers:
            self._handles.append(one.register_step_pre_hook(self._before))
            self._handles.append(one.register_step_post_hook(self._after))

    def close(self) -> None:
        """Take every hook off; a closure under way is told of no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before(
        self, optimizer: Optimizer, args: Any, named: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self._begins()
        self._waiting.discard(id(optimizer))
        if overflowed(optimizer):
            return None
        if closure_of(args, named) is None:
            self._ready(optimizer, "loop", None)
            return None
        once = self._closures.once(optimizer)
        if once:
            self._waiting.add(id(optimizer))
            evaluated = partial(self._evaluated, optimizer)
            return self._closures.watched(optimizer, args, named, evaluated)
        if once is False:
            self._tell()
        self._ready(optimizer, "unknown" if once is None else "closures", None)
        return self._closures.watched(optimizer, args, named)

    def _evaluated(self, optimizer: Optimizer, returned: Any) -> None:
        if not self._handles:
            return
        if id(optimizer) in self._waiting:
            self._waiting.remove(id(optimizer))
            self._ready(optimizer, "closure", _loss(returned))
        else:
            self._again(optimizer)

    def _after(self, optimizer: Optimizer, _args: Any, _named: Any) -> None:
        if id(optimizer) not in self._waiting and not overflowed(optimizer):
            self._ended(optimizer)

    def _tell(self) -> None:
        if not self._told and is_first_process():
            _log.warning(
                "backsight: guard: the optimizer evaluates its closure many times in a step, so no "
                "policy can clip, skip, or add a penalty; policies for rollback, learning rate and "
                "weights still act"
            )
        self._told = True


def _loss(returned: Any) -> Told:
    """What a closure has returned, if that is one real number."""
    if isinstance(returned, Tensor):
        one = returned.numel() == 1 and not returned.is_complex()
        return returned.detach() if one else None
    return float(returned) if isinstance(returned, (int, float)) else None

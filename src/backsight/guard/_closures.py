"""What a guard makes of a closure: the loss that it returns, and what it cannot do about many."""

import logging
from typing import Any

from torch import Tensor

from backsight.distributed import is_first_process

__all__ = ["loss_of_closure", "tell_of_many_evaluations"]

_log = logging.getLogger("backsight")


def loss_of_closure(returned: Any) -> float | Tensor | None:
    """The loss, if what a closure has returned is one real number; else None."""
    if isinstance(returned, Tensor):
        one = returned.numel() == 1 and not returned.is_complex()
        return returned.detach() if one else None
    return float(returned) if isinstance(returned, (int, float)) else None


def tell_of_many_evaluations() -> None:
    """Log, in the first process, that gradients are out of reach."""
    if is_first_process():
        _log.warning(
            "backsight: guard: the optimizer evaluates its closure many times in a step, so no "
            "policy can clip, skip, or add a penalty; policies for rollback, learning rate and "
            "weights still act"
        )

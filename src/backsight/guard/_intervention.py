"""One thing that a guard did to a training, and how it is told."""

import logging
import math
from dataclasses import dataclass
from typing import Any

from backsight.distributed import is_first_process

__all__ = ["Intervention", "announce_intervention"]

_log = logging.getLogger("backsight")


@dataclass(frozen=True, slots=True)
class Intervention:
    """One thing that the guard did to the training.

    Example:
        >>> import torch
        >>> from backsight.guard import ClipNorm, Guard
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), ClipNorm(norm=1.0))
        >>> model(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> (act,) = guard.step()
        >>> act.iteration, act.policy, act.before, act.after, act.frequent
        (0, 'clip', 5.0, 1.0, True)
    """

    iteration: int
    policy: str
    cause: str
    before: float
    """A norm, a rate, an iteration: what the policy says it changes."""
    after: float
    quantity: str
    """What the two numbers are."""
    frequent: bool = False
    """Whether the policy may act at every step: then its numbers tell all."""

    @property
    def message(self) -> str:
        """``clip: gradient norm 212 -> 1 (norm above 1)``."""
        return f"{self.policy}: {self.quantity} {_short(self.before)} → {_short(self.after)} " + (
            f"({self.cause})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for an event of the run."""
        return {
            "policy": self.policy,
            "cause": self.cause,
            "before": self.before,
            "after": self.after,
            "quantity": self.quantity,
            "message": self.message,
        }


def announce_intervention(intervention: Intervention, often: int) -> None:
    """Say it in the log; of what may be done at every step, the first, the tenth, …

    Of processes that train together, which all do the same, the first one says it.

    Args:
        intervention: what was done.
        often: how many of that policy there are by now.

    Example:
        >>> from unittest import TestCase
        >>> from backsight.guard import Intervention, announce_intervention
        >>> act = Intervention(7, "clip", "norm > 1", 212.0, 1.0, "gradient norm", frequent=True)
        >>> with TestCase().assertLogs("backsight") as log:
        ...     for times in range(1, 11):
        ...         announce_intervention(act, often=times)
        >>> len(log.output)  # of the first and the tenth
        2
    """
    if not is_first_process():
        return
    if not intervention.frequent or often in (1, 10, 100) or often % 1000 == 0:
        times = f", {often:,} times so far" if intervention.frequent and often > 1 else ""
        _log.warning(
            "backsight: guard, iteration %s: %s%s",
            intervention.iteration,
            intervention.message,
            times,
        )


def _short(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.3g}"

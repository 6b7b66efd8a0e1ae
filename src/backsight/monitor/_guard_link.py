"""What a monitor and a guard tell each other: the loss one way, interventions the other."""

import weakref
from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from backsight.guard import Guard, Intervention
from backsight.signals import Run, member

__all__ = ["GuardLink", "Streaks"]

STREAK = 20
"""Iterations within which a policy that acts as a matter of course makes no second event."""


class GuardLink:
    """A guard whose interventions are recorded; neither is kept alive by it.

    Args:
        guard: the one.
        loss_of: gives the loss of the iteration under way.
        tell: hears of each intervention.
    """

    def __init__(
        self,
        guard: Guard,
        loss_of: Callable[[], Tensor | None],
        tell: Callable[[Intervention], None],
    ) -> None:
        self._guard = weakref.ref(guard)
        self._ends = loss_of, tell
        guard.loss_of, guard.tell = loss_of, tell

    @property
    def guard(self) -> Guard | None:
        """None where it is gone."""
        return self._guard()

    def declined(self, optimizer: Optimizer) -> None:
        """A gradient scaler kept ``optimizer`` from stepping: if the loss itself is not finite,
        the scaler is no help.

        Raises:
            GuardError: the guard ends the training.
        """
        guard = self.guard
        if guard is not None and any(optimizer is one for one in guard.optimizers):
            guard.declined()

    def close(self) -> None:
        """The guard goes on alone: nothing more is told to it, or by it."""
        guard = self.guard
        if guard is not None:
            loss_of, tell = self._ends
            if guard.loss_of is loss_of:
                guard.loss_of = lambda: None
            if guard.tell is tell:
                guard.tell = lambda act: None


class Streaks:
    """Which interventions are events: of a policy that acts at every step, the first of a row."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        """By policy, the iteration in which it acted last."""

    def recall(self, run: Run) -> None:
        """As a run that goes on has it."""
        for name in run.members("act_before", profile=False):
            self._last[member(name)] = int(np.max(run.series(name).iterations))

    def is_event(self, act: Intervention, iteration: int) -> bool:
        """Whether that one, in ``iteration``, is told by itself."""
        last = self._last.get(act.policy, -STREAK)
        self._last[act.policy] = iteration
        return not act.frequent or iteration - last >= STREAK

"""The part of a monitor that a guard speaks with: it is told the loss, and tells what it does."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from backsight.guard import Guard, Intervention
from backsight.monitor._judged import Judged
from backsight.monitor._seen import Seen
from backsight.signals import Run, member

__all__ = ["Guarded"]

STREAK = 20
"""Iterations within which a policy that acts as a matter of course makes no second event."""


class Guarded(Seen):
    """Step events, and the acts of a guard at them."""

    _judged: Judged
    _handles: list[RemovableHandle]
    """Of the optimizers' hooks."""

    def __init__(self) -> None:
        self._guard: weakref.ref[Guard] | None = None
        self._acted_at: dict[str, int] = {}
        self._ends: tuple[Callable[[], Tensor | None], Callable[[Intervention], None]] | None = None
        """What the guard asks for the loss, and tells its acts."""

    @property
    def guard(self) -> Guard | None:
        """Whose acts are recorded."""
        return None if self._guard is None else self._guard()

    def protect(self, guard: Guard) -> None:
        """Record what ``guard`` does, and tell it the loss; it is not kept alive."""
        self._let_go()
        self._guard = weakref.ref(guard)
        mine = weakref.ref(self)  # a guard may outlive its monitor

        def loss_of() -> Tensor | None:
            monitor = mine()
            return None if monitor is None else monitor._now.loss

        def tell(act: Intervention) -> None:
            monitor = mine()
            if monitor is not None:
                monitor._acted(act)

        guard.loss_of, guard.tell = self._ends = loss_of, tell
        # Behind the guard's own hooks: what is recorded as applied is what it has left.
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for optimizer in self._parameters.optimizers():
            self._hook(optimizer)

    def step_skipped(self, optimizer: Optimizer) -> None:
        """The guard is told as well: if the loss itself is not finite, the scaler is no help."""
        super().step_skipped(optimizer)
        guard = self.guard
        if guard is not None and any(optimizer is one for one in guard.optimizers):
            guard.declined()

    def _hook(self, optimizer: Optimizer) -> None:
        self._handles.append(optimizer.register_step_pre_hook(self._about_to_step))
        self._handles.append(optimizer.register_step_post_hook(self._stepped))

    def _let_go(self) -> None:
        """The guard goes on alone: nothing more is told to it, or by it."""
        guard = self.guard
        if guard is not None and self._ends is not None:
            asked, told = self._ends
            if guard.loss_of is asked:
                guard.loss_of = lambda: None
            if guard.tell is told:
                guard.tell = lambda act: None
        self._guard = self._ends = None

    def _recall_acts(self, run: Run) -> None:
        """When each policy acted last, of a run that goes on."""
        for name in run.members("act_before", profile=False):
            self._acted_at[member(name)] = int(np.max(run.series(name).iterations))

    def _acted(self, act: Intervention) -> None:
        """The guard has done something about the step under way."""
        self._now.numbers[f"act_before/{act.policy}"] = act.before
        self._now.numbers[f"act_after/{act.policy}"] = act.after
        last = self._acted_at.get(act.policy, -STREAK)
        self._acted_at[act.policy] = self.iteration
        if not act.often or self.iteration - last >= STREAK:
            self._try("acts", self._tell_act, act)

    def _tell_act(self, act: Intervention) -> None:
        body: dict[str, Any] = act.as_dict() | {"model": self._outbox.label}
        self._judged.event("act", self.iteration, body)

"""Which models of a process train together, and where each training is recorded.

Models whose steps alternate are one training (a GAN, an actor and its critic): they share a run,
and each signal there names its model. A model that steps while the earlier ones no longer do is a
training of its own (a cross-validation, a tuner), and so is one that another thread trains. Until
that is known, what is measured waits in memory.
"""

import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from torch import nn
from torch.optim import Optimizer

from backsight.monitor._monitor import Monitor
from backsight.monitor._seen import Seen
from backsight.monitor.sinks import Recording

__all__ = ["LOOSE", "Group", "Trainings", "alive", "described", "seen_of"]

_log = logging.getLogger("backsight")

ALONE = 5
"""Steps without one of an earlier training's, after which a model is a training of its own."""

THROWN = 20
"""Iterations whose gradients were thrown away, of a model that was to be trained."""

LOOSE = "parameters"
"""The name of what no model holds, beside models that have names."""

OPEN = 8
"""Trainings whose runs are kept open at once, however many models are kept alive."""


@dataclass(eq=False)
class Group:
    """Models that are moved by the same optimizers: one monitor."""

    monitor: Monitor = field(init=False)
    kind: str = ""
    """The class of its first model."""
    alive: Callable[[], bool] = lambda: True
    """Whether there is still a model of it."""
    events: list[tuple[str, int, Any]] = field(default_factory=list)
    """What is to be told of it in its run, once there is one."""
    told: int = 0
    """How many of them were."""
    run: "Recording | None" = None
    """Where it is recorded; None until that is decided."""
    thread: int = 0
    """Where it steps."""
    steps: int = 0
    last: int = 0
    """When it stepped last, counted in steps of all; 0 for never."""


class Trainings:
    """Decides it.

    Args:
        begin: makes the recorder of one more training.
        forked: called in a child process that was forked from this one, when it trains.
        ended: told of a group whose run is closed.
    """

    def __init__(
        self,
        begin: Callable[[], Recording],
        forked: Callable[[], None],
        ended: Callable[[Group], None],
    ) -> None:
        self._begin, self._forked, self._ended = begin, forked, ended
        self._pid = os.getpid()
        self._groups: list[Group] = []
        self._ticks = 0
        self._closing = False
        self._lock = threading.RLock()
        self.over = 0
        """Trainings whose models are gone, and whose runs are closed."""

    @property
    def newest(self) -> Recording | None:
        """The run of the group that stepped last."""
        return max(self._groups, key=lambda group: group.last).run if self._groups else None

    def add(self, group: Group) -> None:
        """One more, which has not stepped yet."""
        with self._lock:
            self._groups.append(group)

    def remove(self, group: Group) -> None:
        """It has become part of another one, which has its events."""
        with self._lock:
            if group in self._groups:
                self._groups.remove(group)

    def end(self, group: Group) -> None:
        """It is over, though its models are there: somebody else observes what they do next."""
        with self._lock:
            if group in self._groups and group.steps:
                if group.run is None:
                    self._settle(group, "", self._begin())
                self._end(group)

    def tell(self, group: Group, kind: str, body: Any) -> None:
        """An event of that group's run, before the iteration to come."""
        with self._lock:
            event = kind, group.monitor.next_iteration, body
            group.events.append(event)
            self._tell(group)

    def stepped(self, group: Group) -> None:
        """It has stepped, in this thread."""
        if os.getpid() != self._pid:
            self._begin_anew()
        with self._lock:
            if self._closing:
                return
            self._ticks += 1
            before, group.last = group.last, self._ticks
            group.thread = threading.get_ident()
            group.steps += 1
            if not before:
                self._end_earlier(group)
            for other in self._others(group):
                taking_turns = before and other.last > before
                if taking_turns and (group.run is None or other.run is None):
                    self._together(group, other)
            if group.run is None:
                self._decide(group)

    def close(self) -> None:
        """Decide what is left."""
        with self._lock:
            self._closing = True
            if not any(group.steps for group in self._groups):
                self._never_stepped()
            for group in list(self._groups):  # each one that is begun may end others
                if group.run is None and group.steps:
                    self._alone(group)

    def _never_stepped(self) -> None:
        """Models that have learned nothing, because no optimizer of the process has stepped: their
        gradients were thrown away, time and again."""
        for group in list(self._groups):
            if group.monitor.next_iteration >= THROWN:
                self._alone(group)

    # -- inside ----------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        """A child process trains: what its parent has recorded is its parent's."""
        self._pid, self._lock = os.getpid(), threading.RLock()
        for group in self._groups:
            group.run, group.told, group.steps, group.last = None, 0, 0, 0
            group.monitor.hold()
        self._forked()

    def _others(self, group: Group) -> list[Group]:
        """Those of the same thread that have stepped."""
        return [
            other
            for other in self._groups
            if other is not group and other.steps and other.thread == group.thread
        ]

    def _labels(self, group: Group) -> set[str]:
        """Those of its run."""
        return {one.monitor.label for one in self._groups if one.run is group.run}

    def _decide(self, group: Group) -> None:
        if group.steps >= (ALONE if self._others(group) else 2):
            self._alone(group)

    def _alone(self, group: Group) -> None:
        """A training of its own."""
        self._end_earlier(group)
        open_runs = [g for g in self._groups if g.run is not None]
        if len({id(g.run) for g in open_runs}) >= OPEN:
            idle = min(open_runs, key=lambda one: one.last)
            for other in [g for g in open_runs if g.run is idle.run]:
                self._end(other)
        self._settle(group, "", self._begin())

    def _end_earlier(self, group: Group) -> None:
        """Trainings that began before ``group`` and whose models are gone are over, also those
        that were too short to be decided."""
        earlier = list(takewhile(lambda one: one is not group, self._groups))
        for other in [one for one in earlier if one.steps and not one.alive()]:
            # One pass, as of a layer that was made inside of a forward, is no training.
            if other.run is None and other.monitor.next_iteration:
                self._settle(other, "", self._begin())
            self._end(other)

    def _together(self, group: Group, other: Group) -> None:
        """They take turns: one training."""
        if group.run is None and other.run is None:
            self._settle(group, group.kind or LOOSE, self._begin())
        first, second = (group, other) if group.run is not None else (other, group)
        assert first.run is not None
        self._settle(second, free_label(self._labels(first), second.kind or LOOSE), first.run)

    def _settle(self, group: Group, label: str, run: Recording) -> None:
        group.run = run
        group.monitor.settle(label, run)
        self._tell(group)

    def _tell(self, group: Group) -> None:
        if group.run is None:
            return
        label = group.monitor.label
        for kind, iteration, body in group.events[group.told :]:
            if kind == "models" and label and "model" in body:
                body = {label: body["model"]}
            group.run.event(kind, iteration, body)
        group.told = len(group.events)

    def _end(self, group: Group) -> None:
        """Its models are gone, or it has been idle for longest: its run is closed."""
        self._groups.remove(group)
        group.monitor.close()
        self._ended(group)
        shared = any(other.run is group.run for other in self._groups)
        close = getattr(group.run, "close", None)
        if close is not None and not shared:
            self.over += 1
            close()


def free_label(taken: Iterable[str], kind: str) -> str:
    """``kind``, or ``kind-2`` and so on where that is taken."""
    number = 1
    while (label := kind if number == 1 else f"{kind}-{number}") in taken:
        number += 1
    return label


def seen_of(group: Group) -> Seen:
    """What was seen of it."""
    seen = group.monitor.seen
    seen.steps = group.steps
    if not seen.passes:  # a copy whose weights are averages, a teacher: nothing goes back in it
        seen.unmeasured, seen.untold = {}, []
    return seen


def described(optimizer: Optimizer) -> dict[str, Any]:
    """A new optimizer, for the run."""
    return {"class": type(optimizer).__name__, "lr": float(optimizer.param_groups[0]["lr"])}


def alive(models: list[weakref.ref[nn.Module]]) -> list[nn.Module]:
    """Those of them that are still there."""
    return [model for model in (reference() for reference in models) if model is not None]

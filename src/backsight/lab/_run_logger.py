"""What only the first process of a training does."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lightning_fabric import Fabric
from torch import nn

from backsight.diagnosis import Finding
from backsight.guard import Intervention, announce_intervention
from backsight.lab._config import Training
from backsight.lab._saved import CHECKPOINTS
from backsight.lab._setup import settings_in_force
from backsight.lab._training_task import TrainingTask
from backsight.monitor import Monitor, announce
from backsight.signals import Recorder
from backsight.state import Checkpoints

__all__ = ["RunLogger", "Screen", "View"]

_log = logging.getLogger("backsight")

CONTEXT = ("context_loss", "context_length", "usable_context")
"""What a validation records besides its scores."""


class View(Protocol):
    """Somebody watching: the terminal, or a test. Only the first process has one."""

    def begin(self, run: Path, config: Training, facts: Mapping[str, Any]) -> None:
        """The run folder exists and training is about to start.

        ``facts`` are the run's setup; ``resumed`` among them where it goes on: iterations done.
        """

    def update(self, iteration: int, latest: Mapping[str, float]) -> None:
        """``iteration`` iterations are done; ``latest`` has the newest known scalars."""

    def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
        """Signals of a validation, ``val_loss`` first, and text the model wrote."""

    def found(self, finding: Finding) -> None:
        """Something goes wrong, for the first time."""

    def acted(self, act: Intervention) -> None:
        """The guard has done something about a step."""


class Screen:
    """Shows news to a view, if there is one."""

    def __init__(self, view: View | None) -> None:
        self._view = view

    def found(self, finding: Finding) -> None:
        """On the terminal, or in the log where nobody watches."""
        if self._view is None:
            announce(finding)
        else:
            self.show("found", finding)

    def acted(self, act: Intervention, often: int) -> None:
        """The same of what the guard does."""
        if self._view is None:
            announce_intervention(act, often)
        else:
            self.show("acted", act)

    def show(self, what: str, *news: Any) -> None:
        """A terminal that cannot show something must not end the training."""
        try:
            if self._view:
                getattr(self._view, what)(*news)
        except Exception as error:  # noqa: BLE001 - see above
            self._view = None
            _log.warning("backsight: the view failed and is switched off: %r", error)


class RunLogger:
    """What only the first process does: monitor, validate, sample, show, keep checkpoints."""

    def __init__(
        self,
        config: Training,
        fabric: Fabric,
        model: nn.Module,
        task: TrainingTask,
        monitor: Monitor,
        recorder: Recorder,
        screen: "Screen",
    ) -> None:
        self.monitor = monitor
        self._config = config
        self._fabric = fabric
        self._model = model
        self._task = task
        self._recorder = recorder
        self._screen = screen
        self._checkpoints = Checkpoints(recorder.path / CHECKPOINTS)
        self._score: float | None = None

    def stepped(self, iteration: int) -> None:
        """The optimizer has stepped for the ``iteration``-th time."""
        due = iteration % self._config.validation_interval == 0
        self._score = self._validate(iteration)["val_loss"] if due else None

    def iteration_ended(
        self, iteration: int, *, steps: int, last: bool, state: dict[str, Any] | None = None
    ) -> None:
        """``iteration`` iterations are done; ``state`` is kept, where there is one.

        Args:
            iteration: how many are done.
            steps: the length of the sequences of this one.
            last: whether it is the last one.
            state: of all parts, where a checkpoint is due.
        """
        config = self._config
        events, extra = None, []
        if last and self._score is None:
            if state is not None:
                self._recorder.flush()
                events = self._recorder.events
            extra = [*self._validate(iteration), *CONTEXT]
        self.monitor.iteration_ended(seq_len=steps, tokens=config.batch * steps)
        if last:
            self.monitor.collect()
        self.keep(iteration, state, events=events, extra=extra)
        self._screen.show("update", iteration, self.monitor.latest)

    def keep(
        self,
        iteration: int,
        state: dict[str, Any] | None,
        *,
        events: int | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        """Write a checkpoint, once everything recorded up to it is on disk.

        Args:
            iteration: iterations that are done.
            state: of all parts; nothing is written without one.
            events: how many events a run that goes on from here has; all so far by default.
            extra: signals of the last iteration that it would not have.
        """
        if state is None:
            return
        self.monitor.collect()
        if not self._recorder.flush():
            return  # the recorder has said so; a checkpoint ahead of its record is of no use
        recorded = {
            "events": self._recorder.events if events is None else events,
            "extra": list(extra),
        }
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings_in_force(self._config).items()
        }
        state = state | {"recorded": recorded, "settings": settings}
        self._checkpoints.save(iteration, state, score=self._score)

    def _validate(self, iteration: int) -> dict[str, float]:
        with self.monitor.paused(), self._fabric.autocast():
            scores = self._task.scores(self._model)
            self.monitor.log(**scores)
            sample = self._task.sample(self._model)
            if self._task.longest > 1 and math.isfinite(scores["val_loss"]):
                context = self.monitor.context(
                    lambda length: self._task.context_losses(self._model, length),
                    self._task.longest,
                )
                if context.helps:
                    scores["usable_context"] = float(context.usable.steps)
        if sample:
            self._recorder.event("sample", iteration - 1, sample)
        self._screen.show("validated", iteration, scores, sample.get("text", ""))
        return scores

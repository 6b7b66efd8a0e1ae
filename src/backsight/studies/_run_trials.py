"""Training a study whose trials are runs: noted in its folder, told with the time that is left."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, TypeVar

from backsight.studies._folder import StudyFolder
from backsight.studies._progress import Progress
from backsight.studies._runs import TrialRow, is_done
from backsight.studies._study import Setting, Trials
from backsight.studies._trial import Ended, Engine
from backsight.studies._view import StudyView

__all__ = ["RunSetting", "RunTrials"]


class RunSetting(Setting, Protocol):
    """A trial that is a run."""

    @property
    def label(self) -> str:
        """What it is, for a line on the terminal."""

    @property
    def group(self) -> str:
        """Trials of a group take as long for as much work."""

    @property
    def work(self) -> int:
        """What the time it takes is in proportion to, in a group."""


AnyRunSetting = TypeVar("AnyRunSetting", bound=RunSetting)


class RunTrials(Trials[AnyRunSetting]):
    """Trials that each make a run folder in the study's.

    Args:
        place: the study's folder, which is open.
        engine: what runs them.
        view: told of each that ends.
        script: whether they are of a script, which begins anew each time.
    """

    def __init__(
        self, place: StudyFolder, engine: Engine, view: StudyView | None, *, script: bool
    ) -> None:
        super().__init__(place.path, engine, view)
        self.place = place
        self.script = script
        self._wanted: dict[str, AnyRunSetting] = {}
        self.more = False
        """Whether the results tell what else to train."""
        self._ended: set[str] = set()  # by this study: what fails in one round fails in the next

    @abstractmethod
    def row(self, setting: AnyRunSetting) -> TrialRow:
        """What a trial came to."""

    def train(self, wanted: Sequence[AnyRunSetting]) -> None:
        """As of any study."""
        self._wanted |= {setting.name: setting for setting in wanted}
        super().train(wanted)

    def is_done(self, setting: AnyRunSetting) -> bool:
        """As its run and its exit status say; a trial that failed is for the next study."""
        done = setting.name in self._ended or is_done(self.place, setting.name, script=self.script)
        if not done:  # how it ended the last time no longer counts
            self.place.ended.pop(setting.name, None)
        return done

    def ended(self, setting: AnyRunSetting, how: Ended, waiting: Sequence[AnyRunSetting]) -> None:
        """Note it, and say what it came to."""
        self.place.note(how)
        self._ended.add(how.name)
        row = self.row(setting)
        told = row.outcome if not row.reason else f"{row.outcome} ({row.reason})"
        if row.loss is not None and math.isfinite(row.loss):
            told = f"loss {row.loss:.4g}, {told}"
        words = f"{setting.label}: {told}, {how.seconds:.0f} s"
        self.view.advance(1)
        self.view.ended(words, self._time_left(waiting))

    def progress(self, waiting: Sequence[AnyRunSetting]) -> Progress:
        """In trials, of all rounds so far."""
        total = len(self._wanted)
        left = self._time_left(waiting)
        return Progress(total, total - len(waiting), "trial", left, self.more)

    def _time_left(self, waiting: Sequence[AnyRunSetting]) -> float | None:
        """Seconds that the rest may take, at the pace of those that have ended, if any has."""
        known = [self._wanted[name] for name in self.place.ended if name in self._wanted]
        if not known:
            return None
        overall = self._pace(known)
        seconds = 0.0
        for setting in waiting:
            alike = [other for other in known if other.group == setting.group]
            seconds += setting.work * (self._pace(alike) if alike else overall)
        return seconds / max(1, self.engine.workers)

    def _pace(self, settings: Sequence[AnyRunSetting]) -> float:
        """Seconds for a unit of work; at least one trial has ended."""
        seconds = sum(self.place.ended[setting.name].seconds for setting in settings)
        return seconds / sum(setting.work for setting in settings)

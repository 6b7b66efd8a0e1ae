"""What every study does: train the trials that are missing on an engine, each kept as it ends."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from backsight.studies._progress import Progress, write_progress
from backsight.studies._trial import Ended, Engine, Trial
from backsight.studies._view import StudyView, Unwatched

__all__ = ["Setting", "Trials"]


class Setting(Protocol):
    """Which trial of a study: what it is to train, not what came of it."""

    @property
    def name(self) -> str:
        """Unique in its study."""


AnySetting = TypeVar("AnySetting", bound=Setting)


class Trials(ABC, Generic[AnySetting]):
    """The trials of a study. What they are and how they are kept, a kind of study says.

    Args:
        path: the study's folder.
        engine: what runs them.
        view: told of each; nobody by default.
    """

    def __init__(self, path: Path, engine: Engine, view: StudyView | None) -> None:
        self._path = path
        self.engine = engine
        self.view = view or Unwatched()

    @abstractmethod
    def is_done(self, setting: AnySetting) -> bool:
        """Whether there is nothing left to do for a trial."""

    @abstractmethod
    def trial(self, setting: AnySetting) -> Trial:
        """Its command line."""

    @abstractmethod
    def ended(self, setting: AnySetting, how: Ended, waiting: Sequence[AnySetting]) -> None:
        """Keep a trial that has ended, and tell of it; others are still waited for."""

    @abstractmethod
    def progress(self, waiting: Sequence[AnySetting]) -> Progress:
        """How far the study is, while these are waited for."""

    def amount(self, settings: Sequence[AnySetting]) -> int:
        """How much there is to train in these, as the view counts it."""
        return len(settings)

    def train(self, wanted: Sequence[AnySetting]) -> None:
        """Train those that are not done yet; what is done stays when it is interrupted.

        Raises:
            BacksightError: a trial cannot be started or kept, or is being trained by a process
                that a study which was killed has left.
        """
        waiting = {setting.name: setting for setting in wanted if not self.is_done(setting)}
        total = self.amount(wanted)
        self.view.begin(total, total - self.amount(list(waiting.values())))
        trials = [self.trial(setting) for setting in waiting.values()]
        write_progress(self._path, self.progress(list(waiting.values())))
        with closing(self.engine.run(trials)) as ends:
            for how in ends:
                setting = waiting.pop(how.name)
                self.ended(setting, how, list(waiting.values()))
                write_progress(self._path, self.progress(list(waiting.values())))

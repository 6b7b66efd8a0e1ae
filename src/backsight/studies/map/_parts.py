"""Parts of a map as the trials of a study: each has a small map folder of its own, while it runs.

``python -m backsight.studies.map FOLDER NUMBER`` trains one part of the plan in a folder and keeps
it there; from there it is moved into the map.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from backsight.studies._progress import Progress
from backsight.studies._study import Trials
from backsight.studies._trial import Ended, Engine, Trial, last_words
from backsight.studies._view import StudyView
from backsight.studies.map._folder import MapFolder
from backsight.studies.map._here import Here
from backsight.studies.map._plan import MapPlan, Part

__all__ = ["MapParts"]

TRIALS = "trials"
"""Folder of a map that holds those of its trials while they run."""


class MapParts(Trials[Part]):
    """The parts of a map.

    Args:
        folder: the map's, which is open.
        plan: of the map.
        engine: what runs them; this process if None.
        view: told of iterations, and in words of each part whose process died or was stopped.
    """

    def __init__(
        self, folder: MapFolder, plan: MapPlan, engine: Engine | None, view: StudyView | None
    ) -> None:
        super().__init__(folder.path, engine or Here(plan, self._stepped), view)
        self._folder = folder
        self._plan = plan
        self._done: set[int] = set()
        self._wanted: Sequence[Part] = ()
        self._began, self._before = 0.0, 0
        """When this process began to train, and the iterations that it was to make."""
        self._told = 0  # of the part under way, iterations that the view knows of

    def amount(self, settings: Sequence[Part]) -> int:
        """Iterations of all networks."""
        return sum(part.iterations for part in settings)

    def train(self, wanted: Sequence[Part]) -> None:
        """As of any study; what a study that was killed had done is taken over first."""
        self._claim()
        self._done = self._folder.done_of(wanted)
        self._wanted, self._began = wanted, time.monotonic()
        self._before = self.amount([part for part in wanted if not self.is_done(part)])
        try:
            super().train(wanted)
        finally:
            self._claim()

    def is_done(self, setting: Part) -> bool:
        """Whether its file is there."""
        return setting.number in self._done

    def trial(self, setting: Part) -> Trial:
        """A process that trains it in a map folder of its own."""
        own = MapFolder(self._place / setting.name)
        own.begin(self._plan.as_dict())
        package = __name__.rpartition(".")[0]
        words = (sys.executable, "-m", package, str(own.path), str(setting.number))
        return Trial(setting.name, words, own.path, self._place / f"{setting.name}.txt")

    def ended(self, setting: Part, how: Ended, waiting: Sequence[Part]) -> None:
        """Move what it kept into the map; where that is nothing, its process has failed."""
        if self._adopt(self._place / setting.name):
            self._done.add(setting.number)
            self.view.advance(setting.iterations - self._told)
        else:
            why = last_words(self._place / f"{setting.name}.txt", how)
            self.view.failed(f"{len(setting.cells)} networks were not trained: {why}")
        self._told = 0

    def progress(self, waiting: Sequence[Part]) -> Progress:
        """In networks; what has failed is for the next time."""
        rest = self.amount(waiting)
        made = self._before - rest
        took = time.monotonic() - self._began
        return Progress(
            total=sum(len(part.cells) for part in self._wanted),
            done=sum(len(part.cells) for part in self._wanted if self.is_done(part)),
            unit="network",
            left=took / made * rest if made else None,
        )

    @property
    def _place(self) -> Path:
        return self._folder.path / TRIALS

    def _stepped(self, networks: int) -> None:
        """As many networks of the part under way in this process have made an iteration."""
        self._told += networks
        self.view.advance(networks)

    def _claim(self) -> None:
        """Move what trials have done into the map, and remove the rest of them."""
        for own in self._place.glob("part-*"):
            if own.is_dir():
                self._adopt(own)
        shutil.rmtree(self._place, ignore_errors=True)

    def _adopt(self, own: Path) -> bool:
        """Move what a trial has kept into the map, and say whether there was anything."""
        found = list(own.glob("part-*.npz"))
        for path in found:
            path.replace(self._folder.path / path.name)
        return bool(found)

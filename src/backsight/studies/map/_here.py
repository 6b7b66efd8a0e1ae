"""An engine that trains parts of a map one after the other, in this very process."""

import time
from collections.abc import Callable, Generator, Sequence

from backsight.studies._trial import Ended, Trial
from backsight.studies.map._folder import MapFolder
from backsight.studies.map._plan import MapPlan
from backsight.studies.map._train import train_part

__all__ = ["Here"]


class Here:
    """This process: it starts nothing, and tells of every iteration.

    Args:
        plan: of the map.
        stepped: told after each iteration how many networks have stepped.
    """

    workers = 1

    def __init__(self, plan: MapPlan, stepped: Callable[[int], None]) -> None:
        self._plan, self._stepped = plan, stepped

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """Train them; see :class:`~backsight.studies.Engine`.

        Raises:
            RunError: what came of one cannot be written.
        """
        parts = {part.name: part for part in self._plan.parts()}
        for trial in trials:
            began, part = time.monotonic(), parts[trial.name]
            trained = train_part(part, threads=self._plan.threads, stepped=self._stepped)
            MapFolder(trial.run).keep(part.number, trained)
            yield Ended(trial.name, 0, time.monotonic() - began)

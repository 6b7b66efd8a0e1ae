"""trackio: a run of its own in trackio's local database, which its dashboard shows."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._bins import as_histogram
from backsight.integrations._needs import needing
from backsight.signals import spell

__all__ = ["Trackio"]

LEAST = "0.20"
"""The oldest version of trackio that will do."""

LEVELS = {"error": "error", "warning": "warn", "info": "info"}
"""What trackio calls the severity of a finding."""


class Trackio:
    """A sink that writes a run of trackio, on this machine: ``trackio show`` opens its dashboard.

    Every signal is a metric, whose step is the iteration. A profile is a histogram: bin ``k`` is
    lag or step ``k``, and its height the value. A finding is an alert. It begins a run of its own
    and writes it straight into trackio's database: the run that ``trackio.init`` has begun stays
    as it is, and nothing is printed.

    Args:
        project: the project.
        clock: seconds since the epoch, for trackio's axis of wall time.

    Raises:
        SettingError: the package ``trackio`` is missing or too old, or the project has no name.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations import Trackio
        >>> try:
        ...     Trackio("")
        ... except SettingError as error:
        ...     print(error)
        trackio: needs the name of a project after the colon, such as trackio:mine
    """

    def __init__(
        self, project: str = "backsight", *, clock: Callable[[], float] = time.time
    ) -> None:
        if not project:
            raise SettingError(
                "trackio: needs the name of a project after the colon, such as trackio:mine"
            )
        with needing("the sink Trackio", "trackio", LEAST):
            import trackio

            self._store: Any = import_module("trackio.sqlite_storage").SQLiteStorage
        self._kind = str(trackio.Histogram.TYPE)
        self._project, self._clock = project, clock
        self._name = ""
        self._config: dict[str, Any] | None = None
        self._steps: list[int] = []
        self._rows: list[dict[str, Any]] = []

    def open(self, run: Path) -> None:
        """Choose a name that no run of the project has."""
        taken = set(self._store.get_runs(self._project))
        self._name, number = run.name, 1
        while self._name in taken:
            number += 1
            self._name = f"{run.name}-{number}"
        began = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        self._config = {"run": str(run), "_Username": None, "_Created": began, "_Group": None}

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Keep the numbers of an iteration for the next :meth:`flush`."""
        self._keep(iteration, dict(values))

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """Keep a histogram with a bin for each element of the row."""
        heights, edges = as_histogram(row)
        # In the words that trackio has for them: of a list, early versions make nulls.
        values = [one if math.isfinite(one) else spell(one) for one in heights]
        self._keep(iteration, {name: {"_type": self._kind, "bins": edges, "values": values}})

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """An alert for a finding; other events stay in the run folder."""
        if kind == "finding":
            self._store.bulk_alert(
                project=self._project,
                run=self._name,
                titles=[f"{body['code']} {body['title']}"],
                texts=[body["message"]],
                levels=[LEVELS[body["severity"]]],
                steps=[iteration],
            )

    def flush(self) -> None:
        """Write what waits; what cannot be written is forgotten."""
        steps, rows = self._steps, self._rows
        self._steps, self._rows = [], []
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        self._store.bulk_log(
            project=self._project,
            run=self._name,
            metrics_list=rows,
            steps=steps,
            timestamps=[now] * len(rows),
            config=self._config,
        )
        self._config = None

    def close(self) -> None:
        """Nothing: what was flushed is on the disk."""

    def _keep(self, iteration: int, row: dict[str, Any]) -> None:
        self._steps.append(iteration)
        self._rows.append(row)

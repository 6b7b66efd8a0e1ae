"""The runs of one call of ``backsight run``: one for each training of the script."""

import resource
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from backsight.monitor import LateRecorder, ProcessMonitor, Sink
from backsight.monitor.sinks import sinks_of
from backsight.signals import Run, free_name, list_runs, natural_order

__all__ = ["ScriptRuns"]

WITH_PATHS = ("jsonl", "tensorboard")
"""Sinks whose place is a path: each training needs one of its own."""


class ScriptRuns:
    """Recorders of what a script trains, one after the other or side by side.

    Args:
        path: the run folder of the first training.
        config: settings for each ``run.json``.
        command: the command line.
        named: whether the user has named that folder, so that it has to be that one.
        child: whether this is a child process: it takes what is free by then.
        to: names of sinks, of which each run has its own.
        sinks: those of the first run; None makes them when it begins.
    """

    def __init__(
        self,
        path: Path,
        config: dict[str, Any],
        command: str,
        *,
        named: bool,
        child: bool = False,
        to: Sequence[str] = (),
        sinks: Sequence[Sink] | None = None,
    ) -> None:
        self._path, self._named, self._command = path.absolute(), named, command
        self.config = {"group": uuid4().hex[:12], **config}
        """With the number that the runs of all its processes share."""
        self.to = [_from_anywhere(name) for name in to]
        """The names of the sinks, for a child process."""
        another = None if named and not child else self._another
        of_first = self._sinks if sinks is None else (lambda: sinks)
        self.recorders = [self._recorder(path, another, of_first)]

    @property
    def first(self) -> LateRecorder:
        """The recorder of the script's first training."""
        return self.recorders[0]

    @property
    def ended(self) -> bool:
        """Whether the ends of all runs that have begun are on the disk."""
        return all(recorder.ended for recorder in self.recorders if recorder.began)

    def further(self) -> LateRecorder:
        """The recorder of its second training, its third and so on."""
        self.recorders.append(self._recorder(self._another(), self._another, self._sinks))
        return self.recorders[-1]

    def close(self, monitor: ProcessMonitor, error: BaseException | None) -> None:
        """End what this process has recorded; what failed is the training that stepped last."""
        try:
            monitor.close()
        finally:
            for recorder in self.recorders:
                recorder.close(error if recorder is monitor.newest else None)

    def paths(self) -> list[Path]:
        """Where the runs are, those of child processes included."""
        own = [recorder.path for recorder in self.recorders if recorder.began]
        folder = self._path.parent
        if resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime and folder.is_dir():
            own += [run.path for run in self._of_group(folder) if run.path not in own]
        return sorted(own, key=natural_order)

    def by_the_script(self, monitor: ProcessMonitor) -> list[Path]:
        """Where the runs are that the script records by itself, those of its children included."""
        own = monitor.left_alone
        others = [path.parent for path in own] or [Path("runs").absolute()]
        if resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:
            for folder in {self._path.parent, *others}:
                theirs = self._of_group(folder) if folder.is_dir() else ()
                own += [
                    r.path for r in theirs if r.info.get("kind") == "watch" and r.path not in own
                ]
        return sorted(own, key=natural_order)

    def _of_group(self, folder: Path) -> Iterator[Run]:
        """Runs there that belong to this call."""
        runs, _ = list_runs(folder)
        group = self.config["group"]
        return (run for run in runs if run.info.get("config", {}).get("group") == group)

    def _recorder(
        self, path: Path, another: Any, sinks: Callable[[], Sequence[Sink]]
    ) -> LateRecorder:
        config = {**self.config, "run": str(path)}
        return LateRecorder(
            path, kind="run", config=config, command=self._command, another=another, sinks=sinks
        )

    def _sinks(self) -> Sequence[Sink]:
        """Of one more run."""
        return sinks_of([_further(name) for name in self.to])

    def _another(self) -> Path:
        """A path that is free now."""
        if not self._named:
            return free_name(self._path.parent, self._path.name.rpartition("-")[0])
        numbers = (self._path.with_name(f"{self._path.name}-{number}") for number in count(2))
        return next(path for path in numbers if not path.exists())


def _from_anywhere(name: str) -> str:
    """The name of a sink with its path, wherever the script goes."""
    kind, colon, place = name.partition(":")
    return f"{kind}:{Path(place).absolute()}" if colon and kind in WITH_PATHS else name


def _further(name: str) -> str:
    """The same with a path that is free, ``jsonl:mine-2.jsonl``: that of the name is the first
    run's, which may not have made it yet."""
    kind, colon, place = name.partition(":")
    if not colon or kind not in WITH_PATHS:
        return name
    path = Path(place)
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return f"{kind}:{next(other for other in others if not other.exists())}"

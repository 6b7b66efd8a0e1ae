"""A study's folder: its plan, what has ended, and the lock that keeps a second study out.

::

    runs/study-<name>/
        study.json   the plan, and how each trial ended
        runs/        a run folder a trial
        logs/        what each trial printed
        report.html  what came of it
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backsight.errors import RunError
from backsight.signals import dumps, write_json
from backsight.studies._engine import Ended

__all__ = ["StudyFolder", "alone", "find_folder"]

STUDY_JSON = "study.json"
FORMAT = 1


class StudyFolder:
    """Plan and progress on disk; a reader sees the old or the new state, never a half.

    Args:
        path: the folder; it is made by :meth:`open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended: dict[str, Ended] = {}
        """By trial, how it ended last."""

    @contextmanager
    def open(self, plan: Mapping[str, Any]) -> Iterator[None]:
        """Begin the study, or go on with it, alone.

        Args:
            plan: what decides the trials; JSON keeps it.

        Raises:
            RunError: the folder holds something else, another study's plan or a study that
                is under way, or cannot be written.
        """
        plan = json.loads(dumps(plan))
        there = _read(self.path)
        if there is None:
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise RunError(
                    f"{self.path} exists already and is no study: choose another --out, or remove "
                    "it"
                )
        elif there["plan"] != plan:
            raise RunError(
                f"{self.path} holds a study with another plan ({_difference(there['plan'], plan)}):"
                " choose another --out, or give the settings it was begun with"
            )
        self.load()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with alone(self.path):
                self._plan = plan
                self._write()
                yield
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror or error}") from error

    def load(self) -> None:
        """Read how the trials ended so far.

        Raises:
            RunError: ``study.json`` is damaged, or from a newer version.
        """
        ended = (_read(self.path) or {"ended": {}})["ended"]
        self.ended = {name: Ended(name, *how) for name, how in ended.items()}

    def note(self, ended: Ended) -> None:
        """Remember how a trial ended."""
        self.ended[ended.name] = ended
        self._write()

    def run(self, trial: str) -> Path:
        """A trial's run folder."""
        return self.path / "runs" / trial

    def log(self, trial: str) -> Path:
        """The file that holds what a trial printed."""
        return self.path / "logs" / f"{trial}.txt"

    def _write(self) -> None:
        ended = {name: [one.status, one.seconds] for name, one in self.ended.items()}
        content = {"format": FORMAT, "plan": self._plan, "ended": ended}
        write_json(self.path / STUDY_JSON, content)


def find_folder(root: Path, stem: str, plan: Mapping[str, Any]) -> Path:
    """Where a study with this plan was begun, so that the same command goes on with it.

    Of ``root/stem``, ``root/stem-2``, … the first with this plan, else the first that is free.
    """
    wanted = json.loads(dumps(plan))
    number = 1
    while True:
        path = root / (stem if number == 1 else f"{stem}-{number}")
        there = _read(path)
        if not path.exists() or (there is not None and there["plan"] == wanted):
            return path
        number += 1


def _read(path: Path) -> dict[str, Any] | None:
    """``study.json``, or None where there is none.

    Raises:
        RunError: it is damaged, or from a newer version.
    """
    file = path / STUDY_JSON
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["format"]
        sound = isinstance(content["plan"], dict) and isinstance(content["ended"], dict)
        if not sound or not all(len(how) == 2 for how in content["ended"].values()):
            raise ValueError("it has no plan")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged ({error}): choose another --out") from error
    if version > FORMAT:
        raise RunError(
            f"{path} was written by a newer Backsight (format {version}, this one reads up to "
            f"{FORMAT}): upgrade with pip install -U backsight"
        )
    return dict(content)


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, by name: ``seeds 3, now 5``."""
    names = sorted(then.keys() | now.keys())
    return "; ".join(
        f"{name} {_short(then.get(name))}, now {_short(now.get(name))}"
        for name in names
        if then.get(name) != now.get(name)
    )


def _short(value: Any) -> str:
    words = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= 60 else f"{words[:57]}…"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep another process out; the lock is the kernel's and goes with the process."""
    try:
        import fcntl
    except ImportError:  # Windows has none: two studies in one folder are then not noticed
        yield
        return
    with (path / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(
                f"a study is under way in {path}: wait for it, or choose another --out"
            ) from None
        yield

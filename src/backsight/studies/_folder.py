"""A study's folder: its plan, what is done, and the lock that keeps a second study out.

::

    runs/study-<name>/
        study.json     the plan, and how each trial ended
        progress.json  how far it is (``_progress``)
        runs/          a run folder a trial
        logs/          what each trial printed
        report.html    what came of it

A map's folder (``map/_folder.py``) is begun, found again and locked in the same way.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec

from backsight._printable import printable
from backsight.errors import RunError
from backsight.signals import (
    FORMAT,
    check,
    check_format,
    current_plan,
    current_remedy,
    dumps,
    former_remedy,
    read_object,
    write_json,
)
from backsight.studies._progress import end_progress
from backsight.studies._trial import Ended

__all__ = ["PlanFolder", "StudyFolder", "alone", "find_folder"]

LOCK = ".lock"

ExitStatus = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 32)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]

DIFFERENCES = 8
"""As many are told as fit in a sentence."""


class StudyFile(msgspec.Struct):
    """``study.json``; a kind of study reads its plan."""

    plan: dict[str, Any]
    ended: dict[str, tuple[ExitStatus, Seconds]]
    """By trial, the first two fields of :class:`Ended`."""
    timed_out: dict[str, Seconds] = {}
    """The seconds that they were allowed, by trial, of those that were stopped."""


class PlanFolder:
    """A folder that is begun with a plan, and gone on with by the same plan alone.

    A reader sees the old or the new state of the plan's file, never a half.

    Args:
        path: the folder; it is made by :meth:`open` or :meth:`begin`.
    """

    file: ClassVar[str]
    """Name of the file that holds the plan."""
    kind: ClassVar[str]
    """What it is a folder of, in a word."""
    schema: ClassVar[type[msgspec.Struct]]
    """What the file holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self, plan: Mapping[str, Any]) -> Iterator[None]:
        """Begin it, or go on with it, alone.

        Args:
            plan: what decides the trials; JSON keeps it.

        Raises:
            RunError: the folder holds something else, another plan or a study that is under
                way, or cannot be written.
        """
        plan = _as_json(plan)
        self._check_plan(plan)  # before anything is made
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with alone(self.path):
                self.begin(plan)
                yield
                end_progress(self.path)
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror or error}") from error

    def begin(self, plan: Mapping[str, Any]) -> None:
        """The same for a folder that nobody else knows of, or that is locked already."""
        plan = _as_json(plan)
        there = self._check_plan(plan)
        if there is not None:
            self._take(there)
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(plan)
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror or error}") from error

    def read(self) -> dict[str, Any] | None:
        """What the file holds, checked; None where there is none.

        Raises:
            RunError: it is damaged, or from a newer version.
        """
        file = self.path / self.file
        try:
            content = read_object(file)
            check_format(content, file)
            check(content, self.schema, str(file))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RunError(
                f"{file} cannot be read ({error.strerror or error}): choose another --out"
            ) from error
        except RunError as error:
            raise RunError(f"{error}; choose another --out") from error
        return {**content, "plan": current_plan(content["plan"])}

    def _take(self, content: Mapping[str, Any]) -> None:
        """Take over what a checked file holds besides the plan."""

    def _rest(self) -> dict[str, Any]:
        """What the file holds besides the plan."""
        return {}

    def _write(self, plan: Mapping[str, Any]) -> None:
        write_json(self.path / self.file, {"format": FORMAT, "plan": plan, **self._rest()})

    def _holds_more(self) -> bool:
        """Than what a beginning that was cut short leaves: the lock, half a plan."""
        return any(
            path.name != LOCK and not path.name.startswith(f".{self.file}.")
            for path in self.path.iterdir()
        )

    def _check_plan(self, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        """The file's content if it was begun with this plan, None if it can be begun."""
        there = self.read()
        if there is None:
            if self.path.exists() and (not self.path.is_dir() or self._holds_more()):
                raise RunError(
                    f"{self.path} already exists and is not a {self.kind}: choose another --out, "
                    "or remove it"
                )
        elif there["plan"] != plan:
            raise RunError(
                f"{self.path} holds a {self.kind} with other settings "
                f"({_difference(there['plan'], plan)}): choose another --out, or give the settings "
                "that it was started with"
            )
        return there


class StudyFolder(PlanFolder):
    """Plan and progress of a study whose trials are runs.

    Example:
        >>> from pathlib import Path
        >>> from backsight.studies import StudyFolder
        >>> folder = StudyFolder(Path("runs/study"))
        >>> folder.run("rnn-10-seed0").as_posix(), folder.log("rnn-10-seed0").as_posix()
        ('runs/study/runs/rnn-10-seed0', 'runs/study/logs/rnn-10-seed0.txt')
    """

    file = "study.json"
    kind = "study"
    schema = StudyFile

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ended: dict[str, Ended] = {}
        """By trial, how it ended last."""

    def load(self) -> None:
        """Read how the trials ended so far.

        Raises:
            RunError: ``study.json`` is damaged, or from a newer version.
        """
        self._take(self.read() or {"ended": {}})

    def note(self, ended: Ended) -> None:
        """Remember how a trial ended."""
        self.ended[ended.name] = ended
        self._write(self._plan)

    @property
    def seconds(self) -> float:
        """Of training, all trials together."""
        return sum(one.seconds for one in self.ended.values())

    def run(self, trial: str) -> Path:
        """A trial's run folder."""
        return self._named("runs", trial)

    def log(self, trial: str) -> Path:
        """The file that holds what a trial printed."""
        return self._named("logs", trial, ".txt")

    def _named(self, folder: str, trial: str, ending: str = "") -> Path:
        """Something of a trial, under the name that format 1 gave it where that is there."""
        former = self.path / folder / f"{former_remedy(trial)}{ending}"
        return former if former.exists() else self.path / folder / f"{trial}{ending}"

    def begin(self, plan: Mapping[str, Any]) -> None:
        """As of any such folder."""
        self._plan = _as_json(plan)
        super().begin(plan)

    def _take(self, content: Mapping[str, Any]) -> None:
        self.ended = {}
        stopped = content.get("timed_out", {})
        for name, how in content["ended"].items():
            trial = current_remedy(name)
            self.ended[trial] = Ended(trial, how[0], how[1], stopped.get(name))

    def _rest(self) -> dict[str, Any]:
        ended = {name: [one.status, one.seconds] for name, one in self.ended.items()}
        stopped = {n: one.timeout for n, one in self.ended.items() if one.timeout is not None}
        return {"ended": ended, "timed_out": stopped}


def find_folder(root: Path, stem: str, plan: Mapping[str, Any]) -> Path:
    """Where a study with this plan was begun, so that the same command goes on with it.

    Of ``root/stem``, ``root/stem-2``, … the first with this plan, else the first that is free.

    Example:
        >>> from pathlib import Path
        >>> from backsight.studies import StudyFolder, find_folder
        >>> StudyFolder(Path("runs/study")).begin({"lengths": [10, 20]})
        >>> find_folder(Path("runs"), "study", {"lengths": [10, 20]}).name  # goes on with it
        'study'
        >>> find_folder(Path("runs"), "study", {"lengths": [10, 40]}).name
        'study-2'
    """
    wanted = _as_json(plan)
    number = 1
    while True:
        path = root / (stem if number == 1 else f"{stem}-{number}")
        there = StudyFolder(path).read()
        if not path.exists() or (there is not None and there["plan"] == wanted):
            return path
        number += 1


def _as_json(plan: Mapping[str, Any]) -> dict[str, Any]:
    """As it is read back: a tuple would differ from the list it becomes."""
    return dict(json.loads(dumps(plan)))


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, by name: ``seeds 3, now 5``."""
    then, now = _flat(then), _flat(now)
    names = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    told = [f"{name} {_short(then.get(name))}, now {_short(now.get(name))}" for name in names]
    more = len(told) - DIFFERENCES
    return "; ".join([*told[:DIFFERENCES], *([f"and {more} more"] if more > 0 else [])])


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """With the settings of the lab among the rest, each by its own name."""
    settings = plan.get("settings")
    return {**plan, **settings, "settings": None} if isinstance(settings, dict) else {**plan}


def _short(value: Any) -> str:
    words = printable(",".join(map(str, value)) if isinstance(value, list) else str(value))
    return words if len(words) <= 60 else f"{words[:57]}…"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep another process out; the lock is the kernel's and goes with the process."""
    try:
        import fcntl
    except ImportError:  # Windows has none: two studies in one folder are then not noticed
        yield
        return
    with (path / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(
                f"another study is running in {path}: wait until it ends, or choose another --out"
            ) from None
        yield

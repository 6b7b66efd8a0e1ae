"""Reading a run back: NumPy arrays by signal name."""

import json
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError
from backsight.signals import _process
from backsight.signals._ending import EndReason
from backsight.signals._folder import RUN_JSON, STORE, read_run_json
from backsight.signals._frames import to_pandas, to_xarray
from backsight.signals._migration import current_event
from backsight.signals._order import natural_order
from backsight.signals._reading import read_blocks, reading
from backsight.signals._samples import Event, Profile, SampleBlock, Series, join
from backsight.signals.catalogue import family

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Run", "list_runs"]


class Run:
    """A run folder, readable at any time: while it trains, after it was killed, finished.

    ``run["loss"]`` gives the values of a signal; :meth:`series` and :meth:`profile` give them
    with their iterations. A family's name alone (``hidden_norm_mean``) is enough where it has
    one member. Every read shows what was committed by then; nothing is cached but ``info``.

    Args:
        path: the run folder.

    Raises:
        RunError: not a run folder, damaged, or from a newer version.

    Example:
        >>> from backsight import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": 2.5, "hidden_norm_mean/rnn.l0": 1.0})
        ...     recorder.scalars(1, {"loss": 2.0, "hidden_norm_mean/rnn.l0": 1.5})
        >>> run = Run("runs/mine")
        >>> run.names
        ('hidden_norm_mean/rnn.l0', 'loss')
        >>> run["hidden_norm_mean"].tolist(), run.last("loss")
        ([1.0, 1.5], (1, 2.0))
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.info: dict[str, Any] = read_run_json(self.path)
        """The content of ``run.json``."""
        if not (self.path / STORE).is_file():
            raise RunError(f"{self.path} is incomplete: it contains {RUN_JSON} but no {STORE}")
        expected = self.info.get("iterations")
        if isinstance(expected, int) and self.iterations < expected:
            raise RunError(
                f"{self.path} is incomplete: {RUN_JSON} reports {expected} iterations, but "
                f"{STORE} holds only {self.iterations}; copy the folder again"
            )

    def __repr__(self) -> str:
        return f"<Run {self.path} {self.status}, {self.iterations} iterations>"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``failed``, or ``killed`` where the writer is gone."""
        status = str(self.info.get("status"))
        if status != "running":
            return status
        if _process.is_alive(self.info.get("writer") or {}, self.heartbeat):
            return "running"
        # It may have ended properly between our reading run.json and our asking.
        status = str(read_run_json(self.path).get("status"))
        return "killed" if status == "running" else status

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended; None while it is written, and where the writer is gone."""
        word: EndReason | None = self.info["end_reason"]
        return word

    @property
    def heartbeat(self) -> float | None:
        """When the writer last committed, in seconds since the epoch."""
        with self._reading() as connection:
            row = connection.execute("SELECT time FROM heartbeat").fetchone()
        return float(row[0]) if row else None

    @property
    def age(self) -> float:
        """Seconds since the run began."""
        return time.time() - float(self.info["created"])

    @property
    def duration(self) -> float:
        """Seconds from the run's beginning to its end, or to its last sign of life."""
        end = self.info.get("ended") or self.heartbeat or self.info["created"]
        return float(end) - float(self.info["created"])

    @property
    def iterations(self) -> int:
        """How many iterations are recorded: the newest one's number plus one."""
        with self._reading() as connection:
            (last,) = connection.execute("SELECT MAX(last) FROM chunk").fetchone()
        return 0 if last is None else int(last) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """All recorded signals, sorted."""
        with self._reading() as connection:
            return tuple(sorted(self._kinds(connection), key=natural_order))

    def __contains__(self, name: str) -> bool:
        """True where ``run[name]`` would work."""
        return len(self.members(name)) == 1

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def members(self, name: str, *, profile: bool | None = None) -> tuple[str, ...]:
        """The recorded signals that ``name`` means: itself, or the members of that family.

        ``profile`` keeps only those with (True) or without (False) a row a sample.
        """
        with self._reading() as connection:
            kinds = self._kinds(connection)
        found = _matching(name, kinds)
        return found if profile is None else tuple(n for n in found if kinds[n] == profile)

    def __getitem__(self, name: str) -> NDArray[np.floating[Any]]:
        """The values of a signal: ``(n,)``, or for a profile the masked ``(n, width)`` table."""
        with self._reading() as connection:
            found, profile = self._resolve(connection, name)
            blocks = read_blocks(connection, found)
        return _profile(blocks).table() if profile else join(blocks).values

    def is_profile(self, name: str) -> bool:
        """True where ``name`` has a row a sample."""
        with self._reading() as connection:
            return self._resolve(connection, name)[1]

    def series(self, name: str) -> Series:
        """A scalar signal with its iterations.

        Raises:
            RunError: no such signal, a profile, or a damaged store.
        """
        with self._reading() as connection:
            name, _ = self._resolve(connection, name, profile=False)
            blocks = read_blocks(connection, name)
        return _series(blocks)

    def last(self, name: str) -> tuple[int, float]:
        """The newest sample of a scalar signal: iteration and value. Reads one chunk."""
        with self._reading() as connection:
            name, _ = self._resolve(connection, name, profile=False)
            block = read_blocks(connection, name, newest_only=True)[-1]
        return int(block.iterations[-1]), float(block.values[-1])

    def profile(self, name: str) -> Profile:
        """A profile signal with its iterations.

        Raises:
            RunError: no such signal, a scalar, or a damaged store.
        """
        with self._reading() as connection:
            name, _ = self._resolve(connection, name, profile=True)
            blocks = read_blocks(connection, name)
        return _profile(blocks)

    def read(self, names: Collection[str]) -> dict[str, Series | Profile]:
        """Several signals, by the names they were recorded under, in one reading of the file.

        Raises:
            RunError: no such signal, or a damaged store.
        """
        with self._reading() as connection:
            kinds = self._kinds(connection)
            missing = next((name for name in names if name not in kinds), None)
            if missing is not None:
                self._resolve(connection, missing)  # which says what there is
            blocks = {name: read_blocks(connection, name) for name in names}
        return {n: _profile(some) if kinds[n] else _series(some) for n, some in blocks.items()}

    def events(self, kind: str | None = None) -> list[Event]:
        """What happened, in order: all of it, or one kind (``sample``, ``baselines``, …)."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT iteration, time, kind, body FROM event"
                " WHERE ?1 IS NULL OR kind = ?1 ORDER BY iteration, id",
                (kind,),
            ).fetchall()
        try:
            return [
                Event(at, when, what, current_event(what, json.loads(body)))
                for at, when, what, body in rows
            ]
        except ValueError as error:
            raise RunError(f"{self.path / STORE}: an event is damaged ({error})") from error

    def to_pandas(self) -> "pandas.DataFrame":
        """All scalar signals, a column each, by iteration; needs ``backsight[data]``.

        A cell that was never recorded is ``<NA>``; a recorded NaN stays a NaN.
        """
        with self._reading() as connection:
            kinds = self._kinds(connection)
        scalars = [n for n in sorted(kinds, key=natural_order) if not kinds[n]]
        return to_pandas({n: s for n, s in self.read(scalars).items() if isinstance(s, Series)})

    def to_xarray(self) -> "xarray.Dataset":
        """All signals as an xarray Dataset; needs ``backsight[data]``.

        Signals sampled at the same iterations share a dimension. A profile has a second one,
        ``<name>_step``, and a variable ``<name>_width`` with the length of each row.
        """
        return to_xarray(self.read(self.names), {"run": self.name, "status": self.status})

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return reading(self.path / STORE)

    def _kinds(self, connection: sqlite3.Connection, only: str | None = None) -> dict[str, bool]:
        """Which signals are profiles: of all, or of that one if there is one of just that name."""
        rows = connection.execute(
            "SELECT name, profile FROM signal" + ("" if only is None else " WHERE name = ?"),
            () if only is None else (only,),
        ).fetchall()
        if not all(isinstance(name, str) for name, _ in rows):  # SQLite checks no types
            raise RunError(f"{self.path / STORE} is damaged: a signal has no name")
        return {name: bool(profile) for name, profile in rows}

    def _resolve(
        self, connection: sqlite3.Connection, name: str, *, profile: bool | None = None
    ) -> tuple[str, bool]:
        """The one recorded signal that ``name`` means, and True where it is a profile."""
        kinds = self._kinds(connection, name) or self._kinds(connection)
        found = _matching(name, kinds)
        if len(found) != 1:
            known = ", ".join(sorted(kinds, key=natural_order)) or "none yet"
            problem = (
                f"has several members: name one of {', '.join(found)}"
                if found
                else f"was not recorded; recorded signals: {known}"
            )
            raise RunError(f"{self.path}: signal {name!r} {problem}")
        if profile is not None and kinds[found[0]] != profile:
            use = "profile" if kinds[found[0]] else "series"
            raise RunError(f"{self.path}: read signal {name!r} with run.{use}({name!r})")
        return found[0], kinds[found[0]]


def _series(blocks: list[SampleBlock]) -> Series:
    block = join(blocks)
    return Series(block.iterations, block.values)


def _profile(blocks: list[SampleBlock]) -> Profile:
    return Profile(
        np.concatenate([b.iterations for b in blocks]),
        tuple(row for block in blocks for row in block.values),
    )


def _matching(name: str, kinds: dict[str, bool]) -> tuple[str, ...]:
    return (
        (name,)
        if name in kinds
        else tuple(sorted((n for n in kinds if family(n) == name), key=natural_order))
    )


def list_runs(root: Path | str) -> tuple[list[Run], list[RunError]]:
    """The runs in ``root``, oldest first, and the complaint about each folder that only looks
    like one.

    Raises:
        RunError: ``root`` is not a folder.

    Example:
        >>> from backsight.signals import Recorder, list_runs
        >>> Recorder("runs/first").close()
        >>> Recorder("runs/second").close()
        >>> runs, complaints = list_runs("runs")
        >>> [(run.name, run.status) for run in runs], complaints
        ([('first', 'finished'), ('second', 'finished')], [])
    """
    root = Path(root)
    if not root.is_dir():
        raise RunError(f"{root} is not a folder: expected a folder of runs, such as runs")
    runs: list[Run] = []
    broken: list[RunError] = []
    for path in sorted(root.iterdir()):
        if (path / RUN_JSON).exists() or (path / STORE).exists():
            try:
                runs.append(Run(path))
            except RunError as error:
                broken.append(error)
    return sorted(runs, key=lambda run: float(run.info["created"])), broken

"""Reading a run back: NumPy arrays by signal name."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError
from backsight.signals import _process
from backsight.signals._checked import parse
from backsight.signals._ending import EndReason
from backsight.signals._folder import RUN_JSON, STORE, read_run_json
from backsight.signals._frames import to_pandas, to_xarray
from backsight.signals._journal import check_journal
from backsight.signals._migration import current_event
from backsight.signals._notebook import InNotebook
from backsight.signals._order import natural_order
from backsight.signals._reader import Directory, Reader
from backsight.signals._reading import complaints, reading
from backsight.signals._samples import Event, Profile, SampleBlock, Series, gather
from backsight.signals._stream import SignalStream
from backsight.signals._stretches import stretches
from backsight.signals.catalogue import family

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Run"]


class Run(InNotebook):
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
        self._known: Directory | None = None
        self._held: tuple[int, Reader] | None = None
        """While a moment lasts: the thread that reads in it, and its reader."""
        self.info: dict[str, Any] = read_run_json(self.path)
        """The content of ``run.json``."""
        if not (self.path / STORE).exists():
            raise RunError(f"{self.path} is incomplete: it contains {RUN_JSON} but no {STORE}")
        expected = self.info.get("iterations")
        if expected is not None and self.iterations < expected:
            raise RunError(
                f"{self.path} is incomplete: {RUN_JSON} reports {expected} iterations, but "
                f"{STORE} holds only {self.iterations}; copy the folder again"
            )
        if self.info["status"] == "running" and self.status == "killed":
            _check_journal(self.path / STORE)

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
        if _process.process_is_alive(self.info.get("writer") or {}, self.heartbeat):
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
    def reason(self) -> str | None:
        """The same in a sentence without its full stop, where there is something to say."""
        given = self.info.get("reason")
        return None if given is None else str(given)

    @property
    def failed(self) -> bool:
        """Whether it ended as nobody meant it to; not where it was asked to stop."""
        return self.status == "failed" and self.end_reason != "interrupted"

    @property
    def heartbeat(self) -> float | None:
        """When the writer last committed, in seconds since the epoch.

        Within a moment, too, it is the newest while the run goes on: it tells whether the writer is
        alive now.
        """
        if self.info["status"] != "running":
            with self._reading() as reader:
                return reader.heartbeat
        with reading(self.path / STORE, self._known) as reader:
            return reader.heartbeat

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
        with self._reading() as reader:
            return reader.iterations

    @property
    def extents(self) -> dict[str, tuple[int, int]]:
        """By signal, how many samples are recorded and the iteration of the newest; empty for a
        run of an earlier format, which does not say."""
        with self._reading() as reader:
            return {name: (one.samples, one.last) for name, one in reader.lengths.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """All recorded signals, sorted."""
        with self._reading() as reader:
            return tuple(_listed(reader.signals))

    def __contains__(self, name: str) -> bool:
        """True where ``run[name]`` would work."""
        return len(self.members(name)) == 1

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def members(self, name: str, *, profile: bool | None = None) -> tuple[str, ...]:
        """The recorded signals that ``name`` means: itself, or the members of that family.

        ``profile`` keeps only those with (True) or without (False) a row a sample.
        """
        with self._reading() as reader:
            kinds = reader.profiles
        found = _matching(name, kinds)
        return found if profile is None else tuple(n for n in found if kinds[n] == profile)

    def __getitem__(self, name: str) -> NDArray[np.floating[Any]]:
        """The values of a signal: ``(n,)``, or for a profile the masked ``(n, width)`` table."""
        with self._reading() as reader:
            found, _ = self._resolve(reader, name)
            signal = _signal(reader, found)
        return signal.table() if isinstance(signal, Profile) else signal.values

    def is_profile(self, name: str) -> bool:
        """True where ``name`` has a row a sample."""
        with self._reading() as reader:
            return self._resolve(reader, name)[1]

    def series(self, name: str) -> Series:
        """A scalar signal with its iterations.

        Raises:
            RunError: no such signal, a profile, or a damaged store.
        """
        with self._reading() as reader:
            name, _ = self._resolve(reader, name, profile=False)
            return _series(reader.chunks(name), reader.extent(name).samples)

    def last(self, name: str) -> tuple[int, float]:
        """The newest sample of a scalar signal: iteration and value. Reads one chunk."""
        with self._reading() as reader:
            name, _ = self._resolve(reader, name, profile=False)
            block = reader.newest(name)
        return int(block.iterations[-1]), float(block.values[-1])

    def profile(self, name: str) -> Profile:
        """A profile signal with its iterations.

        Raises:
            RunError: no such signal, a scalar, or a damaged store.
        """
        with self._reading() as reader:
            name, _ = self._resolve(reader, name, profile=True)
            return _profile(list(reader.chunks(name)))

    def stream(self, name: str) -> SignalStream:
        """A signal piece by piece, however long it is: a scalar or a profile.

        Raises:
            RunError: no such signal, or a damaged store.
        """
        with self._reading() as reader:
            name, profile = self._resolve(reader, name)
            extent = reader.extent(name)
        return SignalStream(name, profile, extent.first, extent.last, extent.samples, self._reading)

    def read(self, names: Collection[str]) -> dict[str, Series | Profile]:
        """Several signals, by the names they were recorded under, in one reading of the file.

        Raises:
            RunError: no such signal, or a damaged store.
        """
        with self._reading() as reader:
            kinds = reader.profiles
            missing = next((name for name in names if name not in kinds), None)
            if missing is not None:
                self._resolve(reader, missing)  # which says what there is
            return {name: _signal(reader, name) for name in names}

    def stretches(
        self, names: Collection[str], spans: Iterable[int], *, first: int = 0
    ) -> Iterator[dict[str, Series | Profile]]:
        """Several signals at one moment of the run, part by part, in order of iteration.

        Args:
            names: as they were recorded.
            spans: how many iterations each part covers; iterations in which nothing was recorded
                do not count between parts.
            first: the iteration to begin with; what comes before it is not read.

        Raises:
            RunError: no such signal, or a damaged store, at the latest when its part is read.
        """
        with self._reading() as reader:
            kinds = reader.profiles
            missing = next((name for name in names if name not in kinds), None)
            if missing is not None:
                self._resolve(reader, missing)  # which says what there is
            for part in stretches(reader, names, spans, first):
                yield {
                    n: _profile(b) if kinds[n] else _series(b, sum(len(x.iterations) for x in b))
                    for n, b in part.items()
                }

    def events(self, kind: str | None = None) -> list[Event]:
        """What happened, in order: all of it, or one kind (``sample``, ``baselines``, …)."""
        with self._reading() as reader:
            rows = reader.events()  # all of them: only together they can be verified
        return [
            self._event(at, when, what, body)
            for at, _, when, what, body in sorted((row[1], row[0], *row[2:]) for row in rows)
            if kind in (None, what)
        ]

    def _event(self, at: Any, when: Any, what: Any, body: Any) -> Event:
        """One as SQLite has it, which checks no types.

        Raises:
            RunError: it is damaged.
        """
        where = f"an event in {self.path / STORE}"
        types = ((at, int), (when, float), (what, str), (body, str))
        if not all(isinstance(value, kind) for value, kind in types):
            raise RunError(f"{where} is damaged: it has a value of another type than was written")
        return Event(at, when, what, current_event(what, parse(body, where)))

    def to_pandas(self) -> "pandas.DataFrame":
        """All scalar signals, a column each, by iteration; needs ``backsight[data]``.

        A cell that was never recorded is ``<NA>``; a recorded NaN stays a NaN.
        """
        with self._reading() as reader:
            kinds = reader.profiles
        scalars = [n for n in _listed(kinds) if not kinds[n]]
        return to_pandas({n: s for n, s in self.read(scalars).items() if isinstance(s, Series)})

    def to_xarray(self) -> "xarray.Dataset":
        """All signals as an xarray Dataset; needs ``backsight[data]``.

        Signals sampled at the same iterations share a dimension. A profile has a second one,
        ``<name>_step``, and a variable ``<name>_width`` with the length of each row.
        """
        return to_xarray(self.read(self.names), {"run": self.name, "status": self.status})

    @contextmanager
    def moment(self, *, anew: bool = True) -> Iterator[None]:
        """Within it, all signals and events are of one moment, also of a run that is being written.

        The store is opened once. This is for one thread: others read as they do otherwise.

        Args:
            anew: False to stay in the moment that this thread is in, if it is in one.

        Raises:
            RunError: the store is damaged.
        """
        if not anew and self._held is not None and self._held[0] == threading.get_ident():
            yield
            return
        stack = ExitStack()
        reader = stack.enter_context(reading(self.path / STORE, self._known))
        before, self._held = self._held, (threading.get_ident(), reader)
        try:
            yield
        finally:
            self._held, self._known = before, reader.directory
            stack.close()  # without the caller's error, which is no damage of the file

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        path, held = self.path / STORE, self._held
        if held is not None and held[0] == threading.get_ident():
            with complaints(path, [held[1].deadline]):
                yield held[1]
            return
        with reading(path, self._known) as reader:
            # Verified once, it need not be verified again until the writer's next commit.
            self._known = reader.directory
            yield reader

    def _resolve(
        self, reader: Reader, name: str, *, profile: bool | None = None
    ) -> tuple[str, bool]:
        """The one recorded signal that ``name`` means, and True where it is a profile."""
        kinds = reader.profiles
        found = _matching(name, kinds)
        if len(found) != 1:
            known = ", ".join(_listed(kinds)) or "none yet"
            problem = f"was not recorded; recorded signals: {known}"
            if found:
                problem = f"has several members: name one of {', '.join(found)}"
            raise RunError(f"{self.path}: signal {name!r} {problem}")
        if profile is not None and kinds[found[0]] != profile:
            use = "profile" if kinds[found[0]] else "series"
            raise RunError(f"{self.path}: read signal {name!r} with run.{use}({name!r})")
        return found[0], kinds[found[0]]


def _check_journal(store: Path) -> None:
    try:
        check_journal(store)
    except OSError as error:
        raise RunError(f"{store}-wal cannot be read: {error.strerror or error}") from error


def _signal(reader: Reader, name: str) -> Series | Profile:
    if reader.profiles[name]:
        return _profile(list(reader.chunks(name)))
    return _series(reader.chunks(name), reader.extent(name).samples)


def _series(blocks: Iterable[SampleBlock], samples: int) -> Series:
    block = gather(blocks, samples)
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


def _listed(names: Iterable[str]) -> list[str]:
    return sorted(names, key=natural_order)

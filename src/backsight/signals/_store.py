"""``signals.db``: a run's numbers in one SQLite file, one writer, any number of readers.

Numbers live in little-endian BLOB chunks, never in SQL number columns: SQLite stores a NaN
as NULL, and a NaN is the thing we are here for. A chunk holds consecutive samples of one
signal: ``int64`` iterations beside ``float32`` or ``float64`` values, with a checksum over
both, so that a damaged file is an error and never a wrong curve. A profile's chunk holds
rows of one width; when the width changes, a new chunk begins.

Small commits would leave a slow run with a chunk a second, so a new chunk absorbs its
predecessors while they are no longer than itself and the sum fits in ``CHUNK_BYTES`` (the
carry of a binary counter): each sample is rewritten a logarithmic number of times, and a
long run ends with few, large chunks.
"""

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import RunError
from backsight.signals._atomic import replacing
from backsight.signals._migration import FORMAT
from backsight.signals._samples import SampleBlock, join

__all__ = ["APPLICATION_ID", "CHUNK_BYTES", "Store", "checksum"]

APPLICATION_ID = 0x42535447
"""Marks the SQLite file as ours ("BSTG")."""

CHUNK_BYTES = 1 << 16
"""Chunks stop growing here. 64 KiB is about 4,000 scalars: 10⁶ iterations are 250 reads."""

_SCHEMA = """
CREATE TABLE signal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, profile INTEGER NOT NULL);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    signal INTEGER NOT NULL REFERENCES signal,
    start INTEGER NOT NULL,   -- samples of this signal before this chunk
    first INTEGER NOT NULL,   -- iteration of the first sample
    last INTEGER NOT NULL,    -- iteration of the last sample
    width INTEGER NOT NULL,   -- numbers a sample; 1 for a scalar
    dtype TEXT NOT NULL,      -- '<f4' or '<f8'
    iterations BLOB NOT NULL, -- '<i8'
    numbers BLOB NOT NULL,
    checksum INTEGER NOT NULL -- CRC-32 of name, width and dtype; iterations; numbers
);
CREATE INDEX chunk_order ON chunk (signal, start);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    iteration INTEGER NOT NULL,
    time REAL NOT NULL,       -- seconds since the epoch
    kind TEXT NOT NULL,
    body TEXT NOT NULL        -- JSON
);
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), time REAL NOT NULL);
"""

_CHUNKS = (
    "SELECT profile, chunk.id, start, width, dtype, iterations, numbers, checksum"
    " FROM chunk JOIN signal ON signal.id = chunk.signal WHERE signal.id = ?"
)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A chunk that a later one may still absorb."""

    rowid: int
    start: int
    block: SampleBlock

    @property
    def end(self) -> int:
        """Samples of the signal up to and with this chunk."""
        return self.start + len(self.block.iterations)


class Store:
    """The writing end. Not thread-safe: the recorder serialises its calls."""

    def __init__(self, path: Path, *, new: bool = True) -> None:
        """Create the database file ``path``, or open the one that is there.

        Raises:
            RunError: the file cannot be created or opened, or is damaged.
        """
        self._ids: dict[str, int] = {}
        self._events = 0
        # Newest last. Tuples, so that a shallow copy is enough to undo a failed commit.
        self._open: dict[str, tuple[_Stored, ...]] = {}
        try:
            if new:
                _create(path)
            # autocommit: transactions are begun and ended here, by name.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL keeps the file consistent whatever happens and leaves the
            # fsync to checkpoints: a killed process loses nothing that was committed.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            if not new:
                self._know()
        except (RunError, OSError, sqlite3.Error) as error:
            with suppress(AttributeError):  # it was not even opened
                self._connection.close()
            if isinstance(error, RunError):
                raise
            what = "create" if new else "open"
            raise RunError(f"cannot {what} {path}: {error}") from error

    @property
    def newest(self) -> dict[str, tuple[int, int]]:
        """By signal, the iteration of its newest sample and how many dimensions its values have."""
        return {
            name: (int(chunks[-1].block.iterations[-1]), chunks[-1].block.values.ndim)
            for name, chunks in self._open.items()
        }

    @property
    def events(self) -> int:
        """The number of the newest event that was committed; 0 where there is none."""
        return self._events

    def cut(self, before: int, *, events: int, sooner: Collection[str] = ()) -> None:
        """Forget what was recorded from an iteration on, in one transaction.

        Args:
            before: the first iteration that is forgotten.
            events: the number of the newest event that stays.
            sooner: signals of which the iteration before is forgotten too.

        Raises:
            RunError: a chunk that would have to be cut is damaged.
            sqlite3.Error: nothing was changed.
        """
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for name, signal in self._ids.items():
                self._cut(name, signal, before - (name in sooner))
            execute("DELETE FROM event WHERE id > ?", (events,))
            execute("DELETE FROM signal WHERE id NOT IN (SELECT signal FROM chunk)")
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._know()

    def sync(self) -> None:
        """Make what was committed survive a power cut, as far as the disk keeps its word."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _cut(self, name: str, signal: int, before: int) -> None:
        execute = self._connection.execute
        straddling = execute(
            f"{_CHUNKS} AND first < ? AND last >= ?", (signal, before, before)
        ).fetchall()
        execute("DELETE FROM chunk WHERE signal = ? AND last >= ?", (signal, before))
        for row in straddling:
            stored = _verified(name, row)
            kept = int(np.searchsorted(stored.block.iterations, before))
            block = SampleBlock(stored.block.iterations[:kept], stored.block.values[:kept])
            self._insert(name, signal, stored.start, block)

    def _know(self) -> None:
        """Learn from the file what there is, with each signal's newest chunks."""
        execute = self._connection.execute
        self._open = {}
        (self._events,) = execute("SELECT IFNULL(MAX(id), 0) FROM event").fetchone()
        self._ids = dict(execute("SELECT name, id FROM signal").fetchall())
        for name, signal in self._ids.items():
            newest: list[_Stored] = []
            for row in execute(f"{_CHUNKS} ORDER BY start DESC", (signal,)):
                newest.insert(0, _verified(name, row))
                if 2 * newest[0].block.nbytes > CHUNK_BYTES:
                    break  # what lies below will not be absorbed any more
            self._open[name] = tuple(newest)

    def write(
        self,
        blocks: Mapping[str, Iterable[SampleBlock]],
        events: Iterable[tuple[int, float, str, str]],
        heartbeat: float,
    ) -> None:
        """Commit everything in one transaction, or nothing.

        Args:
            blocks: per signal, blocks in order of iteration.
            events: ``(iteration, time, kind, JSON body)``.
            heartbeat: now, in seconds since the epoch.

        Raises:
            sqlite3.Error: nothing was committed (a full disk, say); the call can be repeated.
        """
        before = dict(self._ids), dict(self._open), self._events
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for name, parts in blocks.items():
                for block in _gather(parts):
                    self._append(name, block)
            for event in events:
                self._events = (
                    execute(
                        "INSERT INTO event (iteration, time, kind, body) VALUES (?, ?, ?, ?)", event
                    ).lastrowid
                    or self._events
                )
            execute("INSERT OR REPLACE INTO heartbeat VALUES (1, ?)", (heartbeat,))
            execute("COMMIT")
        except BaseException:
            self._ids, self._open, self._events = before
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the journal back, so that a finished run is one plain file."""
        try:
            self._connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            # Someone is reading: the file stays in WAL mode and reads back all the same.
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._connection.close()

    def _append(self, name: str, block: SampleBlock) -> None:
        signal = self._ids.get(name)
        if signal is None:
            signal = self._connection.execute(
                "INSERT INTO signal (name, profile) VALUES (?, ?)", (name, block.values.ndim - 1)
            ).lastrowid
            assert signal is not None
            self._ids[name] = signal
        older = self._open.get(name, ())
        start = older[-1].end if older else 0
        parts = [block]
        size = block.nbytes
        closed = False
        while (
            older
            and not closed
            and len(older[-1].block.iterations) <= sum(len(p.iterations) for p in parts)
        ):
            closed = (  # full, or of another width
                not block.continues(older[-1].block) or size + older[-1].block.nbytes > CHUNK_BYTES
            )
            if not closed:
                self._connection.execute("DELETE FROM chunk WHERE id = ?", (older[-1].rowid,))
                parts.insert(0, older[-1].block)
                size += older[-1].block.nbytes
                start = older[-1].start
                older = older[:-1]
        merged = join(parts)
        rowid = self._insert(name, signal, start, merged)
        # What lies below a closed chunk can never be absorbed either.
        self._open[name] = (*(() if closed else older), _Stored(rowid, start, merged))

    def _insert(self, name: str, signal: int, start: int, block: SampleBlock) -> int:
        iterations = block.iterations.astype("<i8").tobytes()
        dtype = block.values.dtype.newbyteorder("<").str
        numbers = block.values.astype(dtype).tobytes()
        width = block.values.shape[1] if block.values.ndim == 2 else 1
        rowid = self._connection.execute(
            "INSERT INTO chunk"
            " (signal, start, first, last, width, dtype, iterations, numbers, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                signal,
                start,
                int(block.iterations[0]),
                int(block.iterations[-1]),
                width,
                dtype,
                iterations,
                numbers,
                checksum(name, width, dtype, iterations, numbers),
            ),
        ).lastrowid
        assert rowid is not None
        return rowid


def _create(path: Path) -> None:
    """Make an empty store under another name, then give it its own: no reader sees a half."""
    with (
        replacing(path) as half,
        closing(sqlite3.connect(half, isolation_level=None)) as connection,
    ):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")


def checksum(name: str, width: int, dtype: str, iterations: bytes, numbers: bytes) -> int:
    """CRC-32 over everything that tells what a chunk's numbers mean, and the numbers."""
    label = f"{name}\0{width}\0{dtype}".encode()
    return zlib.crc32(numbers, zlib.crc32(iterations, zlib.crc32(label)))


def _verified(name: str, row: tuple[Any, ...]) -> _Stored:
    """A chunk of ``_CHUNKS``.

    Raises:
        RunError: it does not match its checksum.
    """
    profile, rowid, start, width, dtype, iterations, numbers, expected = row
    if checksum(name, width, dtype, iterations, numbers) != expected:
        raise RunError(f"signal {name!r} is damaged at its sample {start:,}: checksums differ")
    at = np.frombuffer(iterations, "<i8")
    values = np.frombuffer(numbers, dtype)
    return _Stored(
        rowid, start, SampleBlock(at, values.reshape(at.size, width) if profile else values)
    )


def _gather(blocks: Iterable[SampleBlock]) -> Iterator[SampleBlock]:
    """Join neighbours of one width: a profile's rows arrive one by one."""
    run: list[SampleBlock] = []
    for block in blocks:
        if run and not block.continues(run[-1]):
            yield join(run)
            run = []
        run.append(block)
    if run:
        yield join(run)

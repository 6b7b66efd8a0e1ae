"""``signals.db``: a run's numbers in one SQLite file, one writer, any number of readers.

Numbers live in little-endian BLOB chunks, never in SQL number columns: SQLite stores a NaN
as NULL, and a NaN is the thing we are here for. A chunk holds consecutive samples of one
signal: ``int64`` iterations beside ``float32`` or ``float64`` values, with a checksum over
both, so that a damaged file is an error and never a wrong curve; ``_seal`` tells how a lost
chunk is noticed. A profile's chunk holds
rows of one width; when the width changes, a new chunk begins.

Small commits would leave a slow run with a chunk a second, so a new chunk absorbs its
predecessors while they are no longer than itself and the sum fits in ``CHUNK_BYTES`` (the
carry of a binary counter): each sample is rewritten a logarithmic number of times, and a
long run ends with few, large chunks.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np

from backsight.errors import RunError
from backsight.signals._atomic import replacing
from backsight.signals._migration import FORMAT
from backsight.signals._reader import Reader
from backsight.signals._reading import check_files, line_of
from backsight.signals._samples import SampleBlock, join
from backsight.signals._schema import (
    APPLICATION_ID,
    SCHEMA,
    SEALED_FORMAT,
    SEALS,
    Deadline,
    format_of,
    restrict,
)
from backsight.signals._seal import SignalLength, checksum, link, seal

__all__ = ["CHUNK_BYTES", "Store"]

CHUNK_BYTES = 1 << 16
"""Chunks stop growing here. 64 KiB is about 4,000 scalars: 10⁶ iterations are 250 reads."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A chunk that a later one may still absorb."""

    rowid: int
    number: int
    """How many chunks come before it."""
    start: int
    """How many samples."""
    before: int
    """Their chain (see ``_seal``)."""
    block: SampleBlock


class Store:
    """The writing end. Not thread-safe: the recorder serialises its calls."""

    def __init__(self, path: Path, *, new: bool = True) -> None:
        """Create the database file ``path``, or open the one that is there.

        Raises:
            RunError: the file cannot be created or opened, or is damaged.
        """
        self._lengths: dict[str, SignalLength] = {}
        self._events, self._event_chain = 0, 0
        self._sealed = new
        # Newest last. Tuples, so that a shallow copy is enough to undo a failed commit.
        self._open: dict[str, tuple[_Stored, ...]] = {}
        self._path = path
        try:
            if new:
                _create(path)
            else:
                check_files(path)
            # autocommit: transactions are begun and ended here, by name.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            restrict(self._connection)
            if not new:
                self._sealed = self._trusted()
            self._connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL keeps the file consistent whatever happens and leaves the
            # fsync to checkpoints: a killed process loses nothing that was committed.
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except (RunError, OSError, sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            # The last three come of a damaged record that SQLite takes for a sound one.
            with suppress(AttributeError):  # it was not even opened
                self._connection.close()
            if isinstance(error, RunError):
                raise
            what = "create" if new else "open"
            raise RunError(f"cannot {what} {path}: {line_of(error)}") from error

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
        with self._transaction():
            reader = self._reader(sealed=False)  # its lengths change below
            for name in self._lengths:
                self._cut(reader, name, before - (name in sooner))
            execute("DELETE FROM event WHERE id > ?", (events,))
            execute("DELETE FROM signal WHERE id NOT IN (SELECT signal FROM chunk)")
            execute("DELETE FROM length")
            self._learn(self._reader(sealed=False))
            self._write_lengths(self._lengths.values())
            (row,) = execute("SELECT MAX(time) FROM heartbeat").fetchall()
            self._write_seal(row[0])

    def sync(self) -> None:
        """Make what was committed survive a power cut, as far as the disk keeps its word."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _cut(self, reader: Reader, name: str, before: int) -> None:
        signal = self._lengths[name].signal
        places = reader.places(name)
        for place in places:
            if place.last < before:
                continue
            block = reader.block_at(name, place) if place.first < before else None
            self._connection.execute("DELETE FROM chunk WHERE id = ?", (place.rowid,))
            if block is not None:
                kept = int(np.searchsorted(block.iterations, before))
                part = SampleBlock(block.iterations[:kept], block.values[:kept])
                self._insert(name, signal, place.start, part)

    def _reader(self, *, sealed: bool) -> Reader:
        return Reader(self._connection, self._path, self._deadline, sealed=sealed)

    def _trusted(self) -> bool:
        """Learn what the file contains, if all of it is as it was written.

        Returns:
            whether the store has seals.
        """
        self._deadline = Deadline(self._connection)
        sealed = format_of(self._connection, self._path) >= SEALED_FORMAT
        self._learn(self._reader(sealed=sealed))
        self._connection.set_progress_handler(None, 0)
        return sealed

    def _learn(self, reader: Reader) -> None:
        """Learn what there is, with each signal's newest chunks."""
        events = reader.events()
        self._events = events[-1][0] if events else 0
        self._event_chain = reduce(lambda chain, event: link(chain, *event), events, 0)
        self._lengths, self._open = {}, {}
        for name, (signal, profile) in reader.signals.items():
            places = reader.places(name)
            newest: list[_Stored] = []
            for place in reversed(places):
                block = reader.block_at(name, place)
                newest.insert(
                    0, _Stored(place.rowid, place.number, place.start, place.before, block)
                )
                if 2 * block.nbytes > CHUNK_BYTES:
                    break  # what lies below will not be absorbed any more
            end = places[-1]
            self._open[name] = tuple(newest)
            self._lengths[name] = SignalLength(
                signal, name, profile, len(places), end.end, end.last, end.before, end.chain
            )

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
        execute = self._connection.execute
        with self._transaction():
            before = dict(self._lengths)
            for name, parts in blocks.items():
                for block in _gather(parts):
                    self._append(name, block)
            for iteration, when, kind, body in events:
                event = int(iteration), float(when), kind, body
                self._events = (
                    execute(
                        "INSERT INTO event (iteration, time, kind, body) VALUES (?, ?, ?, ?)", event
                    ).lastrowid
                    or self._events
                )
                self._event_chain = link(self._event_chain, self._events, *event)
            heartbeat = float(heartbeat)
            execute("INSERT OR REPLACE INTO heartbeat VALUES (1, ?)", (heartbeat,))
            self._write_lengths(one for n, one in self._lengths.items() if before.get(n) != one)
            self._write_seal(heartbeat)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit everything within, or nothing, neither in the file nor in our bookkeeping."""
        before = dict(self._lengths), dict(self._open), self._events, self._event_chain
        sealed = self._sealed
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            if not sealed:
                self._add_seals()
            yield
            execute("COMMIT")
        except BaseException:
            self._lengths, self._open, self._events, self._event_chain = before
            self._sealed = sealed
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def _add_seals(self) -> None:
        """A run of an earlier format goes on: from now on its lengths are protected, too."""
        for statement in SEALS.split(");"):
            if statement.strip():
                self._connection.execute(statement + ")")
        # Not the newest format: what was derived from a reach so far has its former meaning.
        self._connection.execute(f"PRAGMA user_version = {SEALED_FORMAT}")
        self._write_lengths(self._lengths.values())
        self._sealed = True

    def _write_lengths(self, lengths: Iterable[SignalLength]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO length VALUES (?, ?, ?, ?, ?, ?)", (one.row for one in lengths)
        )

    def _write_seal(self, heartbeat: float | None) -> None:
        found = seal(self._lengths.values(), self._events, self._event_chain, heartbeat)
        self._connection.execute(
            "INSERT OR REPLACE INTO seal VALUES (1, ?, ?, ?)",
            (self._events, self._event_chain, found),
        )

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
        length = self._lengths.get(name)
        if length is None:
            profile = block.values.ndim == 2
            signal = self._connection.execute(
                "INSERT INTO signal (name, profile) VALUES (?, ?)", (name, int(profile))
            ).lastrowid
            assert signal is not None
            length = SignalLength(signal, name, profile, 0, 0, -1, 0, 0)
        number, start, before = length.chunks, length.samples, length.chain
        older = self._open.get(name, ())
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
                number, start, before = older[-1].number, older[-1].start, older[-1].before
                older = older[:-1]
        merged = join(parts)
        rowid, chain = self._insert(name, length.signal, start, merged, before)
        # What lies below a closed chunk can never be absorbed either.
        self._open[name] = (
            *(() if closed else older),
            _Stored(rowid, number, start, before, merged),
        )
        self._lengths[name] = replace(
            length,
            chunks=number + 1,
            samples=start + len(merged.iterations),
            last=int(merged.iterations[-1]),
            before=before,
            chain=chain,
        )

    def _insert(
        self, name: str, signal: int, start: int, block: SampleBlock, before: int = 0
    ) -> tuple[int, int]:
        """Write a chunk.

        Returns:
            its row and its chain.
        """
        iterations = block.iterations.astype("<i8").tobytes()
        dtype = block.values.dtype.newbyteorder("<").str
        numbers = block.values.astype(dtype).tobytes()
        width = block.values.shape[1] if block.values.ndim == 2 else 1
        first, last = int(block.iterations[0]), int(block.iterations[-1])
        crc = checksum(name, width, dtype, iterations, numbers)
        rowid = self._connection.execute(
            "INSERT INTO chunk"
            " (signal, start, first, last, width, dtype, iterations, numbers, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (signal, start, first, last, width, dtype, iterations, numbers, crc),
        ).lastrowid
        assert rowid is not None
        return rowid, link(before, start, first, last, crc)


def _create(path: Path) -> None:
    """Make an empty store under another name, then give it its own: no reader sees a half."""
    with (
        replacing(path) as half,
        closing(sqlite3.connect(half, isolation_level=None)) as connection,
    ):
        # Whatever interrupts this leaves no store, and what is whole is brought to the disk by
        # ``replacing``: no statement need wait for that.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
            f"{SCHEMA} {SEALS}"
            f"INSERT INTO seal VALUES (1, 0, 0, {seal((), 0, 0, None)}); COMMIT;"
        )
        connection.execute("PRAGMA journal_mode = WAL")  # as it is going to be


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

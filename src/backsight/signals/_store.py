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

import shutil
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError
from backsight.signals._folder import FORMAT

__all__ = ["CHUNK_BYTES", "Block", "Event", "Store", "join", "read_blocks", "reading"]

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
CREATE INDEX chunk_order ON chunk (signal, first);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    iteration INTEGER NOT NULL,
    time REAL NOT NULL,       -- seconds since the epoch
    kind TEXT NOT NULL,
    body TEXT NOT NULL        -- JSON
);
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), time REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of one signal."""

    iterations: NDArray[np.int64]
    """Shape ``(n,)``, strictly increasing."""
    values: NDArray[np.floating[Any]]
    """Shape ``(n,)`` for a scalar, ``(n, width)`` for a profile."""

    @property
    def nbytes(self) -> int:
        """Bytes of iterations and values together."""
        return self.iterations.nbytes + self.values.nbytes

    def continues(self, other: "Block") -> bool:
        """True where both can share a chunk: the same width and dtype."""
        return (
            self.values.shape[1:] == other.values.shape[1:]
            and self.values.dtype == other.values.dtype
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an iteration: a text sample, a finding, an intervention."""

    iteration: int
    time: float
    kind: str
    body: Any


@dataclass(frozen=True, slots=True)
class _Stored:
    """A chunk of this run's that a later one may still absorb."""

    rowid: int
    start: int
    block: Block

    @property
    def end(self) -> int:
        """Samples of the signal up to and with this chunk."""
        return self.start + len(self.block.iterations)


class Store:
    """The writing end. Not thread-safe: the recorder serialises its calls."""

    def __init__(self, path: Path) -> None:
        """Create the database file ``path``.

        Raises:
            RunError: the file cannot be created.
        """
        try:
            # autocommit: transactions are begun and ended here, by name.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL keeps the file consistent whatever happens and leaves the
            # fsync to checkpoints: a killed process loses nothing that was committed.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        except sqlite3.Error as error:
            raise RunError(f"cannot create {path}: {error}") from error
        self._ids: dict[str, int] = {}
        # Newest last. Tuples, so that a shallow copy is enough to undo a failed commit.
        self._open: dict[str, tuple[_Stored, ...]] = {}

    def write(
        self,
        blocks: Mapping[str, Iterable[Block]],
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
        before = dict(self._ids), dict(self._open)
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for name, parts in blocks.items():
                for block in _gather(parts):
                    self._append(name, block)
            self._connection.executemany(
                "INSERT INTO event (iteration, time, kind, body) VALUES (?, ?, ?, ?)", events
            )
            execute("INSERT OR REPLACE INTO heartbeat VALUES (1, ?)", (heartbeat,))
            execute("COMMIT")
        except BaseException:
            self._ids, self._open = before
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

    def _append(self, name: str, block: Block) -> None:
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
        iterations = merged.iterations.astype("<i8").tobytes()
        dtype = merged.values.dtype.newbyteorder("<").str
        numbers = merged.values.astype(dtype).tobytes()
        width = merged.values.shape[1] if merged.values.ndim == 2 else 1
        rowid = self._connection.execute(
            "INSERT INTO chunk"
            " (signal, start, first, last, width, dtype, iterations, numbers, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                signal,
                start,
                int(merged.iterations[0]),
                int(merged.iterations[-1]),
                width,
                dtype,
                iterations,
                numbers,
                _checksum(name, width, dtype, iterations, numbers),
            ),
        ).lastrowid
        assert rowid is not None
        # What lies below a closed chunk can never be absorbed either.
        self._open[name] = (*(() if closed else older), _Stored(rowid, start, merged))


def _checksum(name: str, width: int, dtype: str, iterations: bytes, numbers: bytes) -> int:
    label = f"{name}\0{width}\0{dtype}".encode()
    return zlib.crc32(numbers, zlib.crc32(iterations, zlib.crc32(label)))


def _gather(blocks: Iterable[Block]) -> Iterator[Block]:
    """Join neighbours of one width: a profile's rows arrive one by one."""
    run: list[Block] = []
    for block in blocks:
        if run and not block.continues(run[-1]):
            yield join(run)
            run = []
        run.append(block)
    if run:
        yield join(run)


def join(blocks: list[Block]) -> Block:
    """One block out of several of the same width, bits unchanged."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        np.concatenate([b.iterations for b in blocks]), np.concatenate([b.values for b in blocks])
    )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to ``signals.db``.

    Raises:
        RunError: whatever SQLite or the file system complains of, here or while reading.
    """
    try:
        _check_length(path)
        try:
            connection = _connect(path)
        except sqlite3.OperationalError:
            # An unfinished run in a folder we may not write to: SQLite needs to rebuild the
            # journal's index beside the file. It may do so beside a copy.
            with TemporaryDirectory(prefix="backsight-") as copy:
                for file in (path, path.with_name(path.name + "-wal")):
                    if file.exists():
                        shutil.copyfile(file, Path(copy) / file.name)
                with closing(_connect(Path(copy) / path.name)) as connection:
                    yield connection
        else:
            with closing(connection):
                yield connection
    except sqlite3.Error as error:
        raise RunError(f"{path} is damaged, or was copied half way ({error})") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        # A damaged record that SQLite itself cannot tell from a sound one.
        raise RunError(f"{path} is damaged: it holds what no Backsight wrote ({error})") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the file for real
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except BaseException:
        connection.close()
        raise
    if application_id != APPLICATION_ID or version > FORMAT:
        connection.close()
        raise RunError(
            f"{path} is not a store that this Backsight can read (SQLite application id "
            f"{application_id:#x}, format {version}; expected {APPLICATION_ID:#x}, up to {FORMAT})"
        )
    return connection


def _check_length(path: Path) -> None:
    """Refuse a file cut inside a page: SQLite would read the missing end as zeros."""
    with path.open("rb") as file:
        header = file.read(18)
        length = file.seek(0, 2)
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page  # SQLite's spelling of a size that needs 17 bits
    if header[:16] != b"SQLite format 3\0" or page < 512 or length % page:
        raise RunError(
            f"{path} is damaged, or was copied half way: {length:,} bytes are not a whole "
            "SQLite database"
        )


def read_blocks(
    connection: sqlite3.Connection, name: str, *, newest_only: bool = False
) -> list[Block]:
    """The chunks of a signal in order of iteration, verified; empty where it is unknown.

    Args:
        connection: from :func:`reading`.
        name: the signal as recorded.
        newest_only: read the last chunk alone.

    Raises:
        RunError: a chunk does not match its checksum or its length.
    """
    order = "DESC LIMIT 1" if newest_only else "ASC"
    rows = connection.execute(
        "SELECT profile, start, first, last, width, dtype, iterations, numbers, checksum FROM chunk"
        f" JOIN signal ON signal.id = chunk.signal WHERE name = ? ORDER BY start {order}",
        (name,),
    )
    blocks: list[Block] = []
    expected: int | None = None if newest_only else 0
    previous = -1
    for profile, start, first, last, width, dtype, iterations, numbers, checksum in rows:
        at = np.frombuffer(iterations, "<i8") if len(iterations) % 8 == 0 else np.empty(0, "<i8")
        sound = (
            _checksum(name, width, dtype, iterations, numbers) == checksum
            and at.size > 0
            and (at[0], at[-1]) == (first, last)
            and first > previous
            and expected in (None, start)
        )
        if not sound:
            raise RunError(f"signal {name!r} is damaged at iteration {first}: checksums differ")
        values = np.frombuffer(numbers, dtype)
        blocks.append(Block(at, values.reshape(at.size, width) if profile else values))
        previous, expected = last, start + at.size
    return blocks

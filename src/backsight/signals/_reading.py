"""Opens ``signals.db`` to read it: read-only, restricted, in one transaction."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from backsight.errors import RunError
from backsight.signals import _schema
from backsight.signals._reader import Directory, Reader, content_bytes
from backsight.signals._regular_file import check_regular, exists
from backsight.signals._schema import (
    LARGEST_VALUE,
    REACH_FORMAT,
    SEALED_FORMAT,
    Deadline,
    format_of,
    restrict,
)

__all__ = ["check_files", "complaints", "line_of", "opened", "reading"]

_TRIES = 5
"""Times to open a store beside its writer, before a copy is thought of."""

_COPIES = 20
"""Times to copy a store that is being written, until one copy is of one moment."""

JOURNALS = ("-wal", "-shm", "-journal")
"""What SQLite opens beside the file."""


@contextmanager
def reading(path: Path, known: Directory | None = None) -> Iterator[Reader]:
    """A reader of ``signals.db``.

    Args:
        path: the file.
        known: what an earlier reader of this file verified.

    Raises:
        RunError: whatever SQLite or the file system complains of, here or while reading.
    """
    with opened(path) as (connection, deadline):
        yield _reader(connection, path, deadline, known)


@contextmanager
def opened(path: Path) -> Iterator[tuple[sqlite3.Connection, Deadline]]:
    """A connection to ``signals.db`` that sees one moment of it, and its deadline.

    Raises:
        RunError: as of :func:`reading`.
    """
    deadlines: list[Deadline] = []
    with complaints(path, deadlines):
        check_files(path)
        try:
            connection = _connect(path, deadlines)
        except sqlite3.OperationalError:
            if _has_passed(deadlines):
                raise
            check_files(path)  # it may have been removed just now
            # An unfinished run in a folder we may not write to: SQLite needs to rebuild the
            # journal's index beside the file. It may do so beside a copy.
            with TemporaryDirectory(prefix="backsight-") as copy:
                _copy(path, Path(copy))
                copied = Path(copy) / path.name
                with closing(_connect(copied, deadlines)) as connection:
                    _check_length(connection, copied)
                    yield connection, deadlines[-1]
        else:
            with closing(connection):
                _check_length(connection, path)
                yield connection, deadlines[-1]


def check_files(path: Path) -> None:
    """See that a store, and what SQLite opens beside it, are regular files.

    Raises:
        RunError: one is not; or the store is a link that has a journal of its own, for which
            SQLite does not look: it follows the link first.
        OSError: the store is missing, or cannot be looked at.
    """
    true = check_regular(path)
    for ending in JOURNALS:
        with suppress(FileNotFoundError):  # or it went just now
            check_regular(true.with_name(true.name + ending))
        beside = path.with_name(path.name + ending)
        if true != path and ending != "-shm" and exists(beside):
            raise RunError(
                f"{path} is a link, and {beside.name} beside it would not be read: put the file "
                f"{true} itself in its place"
            )


@contextmanager
def complaints(path: Path, deadlines: list[Deadline]) -> Iterator[None]:
    """Whatever SQLite or the file system complains of is a RunError that names ``path``.

    Args:
        path: the store.
        deadlines: of its connections, the newest last.
    """
    try:
        yield
    except sqlite3.Error as error:
        if _has_passed(deadlines):
            raise RunError(
                f"{path} is damaged: SQLite found nothing in it for {_schema.PATIENCE:g} seconds"
            ) from error
        raise RunError(f"{path} is damaged or only partly copied ({line_of(error)})") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        # A damaged record that SQLite itself cannot tell from a sound one.
        raise RunError(
            f"{path} is damaged: it contains an invalid record ({line_of(error)})"
        ) from error


def _has_passed(deadlines: list[Deadline]) -> bool:
    """There is none yet where not even a connection could be made."""
    return bool(deadlines) and deadlines[-1].passed


def line_of(error: Exception) -> str:
    """Its words on one line: they may quote the file's."""
    return ascii(str(error))[1:-1][:200]


def _connect(path: Path, deadlines: list[Deadline]) -> sqlite3.Connection:
    """A connection; tried again where the writer is just beginning or ending the journal."""
    for _ in range(_TRIES if os.access(path.parent, os.W_OK) else 0):
        try:
            return _connect_once(path, deadlines)
        except sqlite3.OperationalError:
            if _has_passed(deadlines):
                raise
            time.sleep(0.01)
    return _connect_once(path, deadlines)


def _connect_once(path: Path, deadlines: list[Deadline]) -> sqlite3.Connection:
    """A connection in a transaction of its own: all queries see one moment of the run."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
    )
    try:
        deadlines.append(Deadline(connection))
        restrict(connection)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the file for real
    except BaseException:
        connection.close()
        raise
    return connection


def _reader(
    connection: sqlite3.Connection, path: Path, deadline: Deadline, known: Directory | None
) -> Reader:
    version = format_of(connection, path)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(content_bytes(connection), LARGEST_VALUE))
    return Reader(
        connection,
        path,
        deadline,
        sealed=version >= SEALED_FORMAT,
        former_reach=version < REACH_FORMAT,
        known=known,
    )


def _check_length(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file cut inside a page: SQLite would read the missing end as zeros.

    We never open the file ourselves while SQLite may have it open: to close it again would
    drop all locks that this process holds on it, and a writer could change what another
    thread is reading.
    """
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    length = path.stat().st_size
    if length == 0 or length % page:
        raise RunError(
            f"{path} is damaged or only partly copied: its {length:,} bytes are not a complete "
            "SQLite database"
        )


def _copy(path: Path, folder: Path) -> None:
    """Copy the database and its journal as they were at one moment, as far as that can be told."""
    files = [path, path.with_name(path.name + "-wal")]
    for _ in range(_COPIES):
        before = _stamps(files)
        for file in files:
            (folder / file.name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # the journal goes when the run ends
                shutil.copyfile(file, folder / file.name)
        if before == _stamps(files):
            break


def _stamps(files: list[Path]) -> list[tuple[int, int] | None]:
    """Size and time of change of each, or None where it does not exist."""
    stamps: list[tuple[int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError:
            stamps.append(None)
        else:
            stamps.append((status.st_size, status.st_mtime_ns))
    return stamps

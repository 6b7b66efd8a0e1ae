"""The reading end of ``signals.db``: verified chunks, or a RunError; never a wrong number."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backsight.errors import RunError
from backsight.signals._migration import FORMAT
from backsight.signals._regular_file import check_regular, exists, open_regular
from backsight.signals._samples import SampleBlock
from backsight.signals._store import APPLICATION_ID, checksum

__all__ = ["read_blocks", "reading"]

JOURNALS = ("-wal", "-shm", "-journal")
"""What SQLite opens beside the file."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to ``signals.db``.

    Raises:
        RunError: whatever SQLite or the file system complains of, here or while reading.
    """
    try:
        _check_length(path)
        for ending in JOURNALS:
            if exists(beside := path.with_name(path.name + ending)):
                check_regular(beside)
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
        raise RunError(f"{path} is damaged or only partly copied ({error})") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        # A damaged record that SQLite itself cannot tell from a sound one.
        raise RunError(f"{path} is damaged: it contains an invalid record ({error})") from error


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
            f"{path} is not a store that this version of Backsight can read (SQLite application "
            f"id {application_id:#x}, format {version}; expected id {APPLICATION_ID:#x} and a "
            f"format up to {FORMAT})"
        )
    return connection


def _check_length(path: Path) -> None:
    """Refuse a file cut inside a page: SQLite would read the missing end as zeros."""
    with open_regular(path) as file:
        header = file.read(18)
        length = file.seek(0, 2)
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page  # SQLite's spelling of a size that needs 17 bits
    if header[:16] != b"SQLite format 3\0" or page < 512 or length % page:
        raise RunError(
            f"{path} is damaged or only partly copied: its {length:,} bytes are not a complete "
            "SQLite database"
        )


def read_blocks(
    connection: sqlite3.Connection, name: str, *, newest_only: bool = False
) -> list[SampleBlock]:
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
    blocks: list[SampleBlock] = []
    expected: int | None = None if newest_only else 0
    previous = -1
    for profile, start, first, last, width, dtype, iterations, numbers, expected_sum in rows:
        at = np.frombuffer(iterations, "<i8") if len(iterations) % 8 == 0 else np.empty(0, "<i8")
        sound = (
            checksum(name, width, dtype, iterations, numbers) == expected_sum
            and at.size > 0
            and (at[0], at[-1]) == (first, last)
            and first > previous
            and expected in (None, start)
        )
        if not sound:
            raise RunError(f"signal {name!r} is damaged at iteration {first}: checksums differ")
        values = np.frombuffer(numbers, dtype)
        blocks.append(SampleBlock(at, values.reshape(at.size, width) if profile else values))
        previous, expected = last, start + at.size
    if not blocks:  # a signal is written together with its first chunk
        raise RunError(f"signal {name!r} is damaged: all of its values are missing")
    return blocks

"""What ``signals.db`` may contain, and what SQLite may do with it.

A run folder may come from anywhere, and an SQLite file can hold programs: a view in place of
a table, a trigger, a virtual table, a default or an index that computes. So every connection
is restricted before its first query, and the file's schema must be, word for word, one that
we write.
"""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Final

from backsight.errors import RunError
from backsight.signals._migration import FORMAT

__all__ = [
    "APPLICATION_ID",
    "LARGEST_VALUE",
    "PATIENCE",
    "REACH_FORMAT",
    "SCHEMA",
    "SEALED_FORMAT",
    "SEALS",
    "Deadline",
    "format_of",
    "restrict",
]

APPLICATION_ID: Final = 0x42535447
"""Marks the SQLite file as ours ("BSTG")."""

SEALED_FORMAT: Final = 3
"""From this format on, a store has seals."""
REACH_FORMAT: Final = 4
"""From this format on, what is derived from a reach is relative to the strongest earlier step."""

LARGEST_VALUE: Final = 1_000_000_000
"""Bytes: SQLite's own limit."""

PATIENCE = 30.0
"""Seconds that SQLite may compute without a result. A chunk takes milliseconds."""

SCHEMA: Final = """
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
"""The tables of every format."""

SEALS: Final = """
CREATE TABLE length (
    signal INTEGER PRIMARY KEY REFERENCES signal,
    chunks INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    last INTEGER NOT NULL,    -- iteration of the newest sample
    before INTEGER NOT NULL,  -- chained CRC-32 of all chunks but the newest
    chain INTEGER NOT NULL    -- the same of all chunks
);
CREATE TABLE seal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    events INTEGER NOT NULL,  -- number of the newest event
    chain INTEGER NOT NULL,   -- chained CRC-32 of all events
    checksum INTEGER NOT NULL -- CRC-32 of all of the above, of the signals and of the heartbeat
);
"""
"""What ``SEALED_FORMAT`` adds; see ``_seal``."""

_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 10_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 16,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 16,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 2,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 4,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 16,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 16,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
"""Our own statements need a part of this."""

_STEPS = 10_000
"""SQLite's instructions between two looks at the clock: about a millisecond."""

_BETWEEN = re.compile(r"(?:--[^\n]*|[ \t\n\f\r])+")
"""White space and comments, as SQLite sees them."""

Schema = frozenset[tuple[str, str, str, str | None]]
"""Type, name, table and normalised SQL of everything in a file."""


class Deadline:
    """Interrupts a query of ``connection`` that computes for too long without a result.

    Args:
        connection: where queries run.
        clock: seconds.
    """

    def __init__(
        self, connection: sqlite3.Connection, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.renew()
        connection.set_progress_handler(lambda: self.passed, _STEPS)

    @property
    def passed(self) -> bool:
        """True once there was no result for ``PATIENCE`` seconds."""
        return self._clock() > self._until

    def renew(self) -> None:
        """There is a result: the time begins again."""
        self._until = self._clock() + PATIENCE


def restrict(connection: sqlite3.Connection) -> None:
    """Switch off what we never use, before SQLite looks at the file."""
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")


def format_of(connection: sqlite3.Connection, path: Path) -> int:
    """The format of the store ``path``, whose schema is then one of ours.

    Raises:
        RunError: the file is not ours, is from a newer version, or contains something that no
            version of ours writes.
        sqlite3.Error: the file is damaged.
    """
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchmany(100)
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID or not 1 <= version <= FORMAT:
        raise RunError(
            f"{path} is not a store that this version of Backsight can read (SQLite application "
            f"id {application_id:#x}, format {version}; expected id {APPLICATION_ID:#x} and a "
            f"format up to {FORMAT})"
        )
    expected = _expected(version >= SEALED_FORMAT)
    tables = [(what, name, table, _normal(sql)) for what, name, table, sql in found]
    if len(tables) != len(expected) or set(tables) != expected:
        others = {f"{what} {name}" for what, name, *_ in set(tables) - expected}
        missing = {f"{what} {name}" for what, name, *_ in expected - set(tables)}
        problem = (
            f"it contains {_words(others)}, which Backsight did not write"
            if others
            else f"it lacks {_words(missing)}"
        )
        raise RunError(f"{path} is damaged: {problem}")
    return int(version)


@lru_cache
def _expected(sealed: bool) -> Schema:
    """What SQLite itself makes of our statements."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA + (SEALS if sealed else ""))
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return frozenset((what, name, table, _normal(sql)) for what, name, table, sql in rows)


@lru_cache(64)
def _normal(sql: str | None) -> str | None:
    """Without comments and line breaks, which tell nothing; sound, as our SQL quotes nothing."""
    return None if sql is None else _BETWEEN.sub(" ", str(sql)).strip()


def _words(names: set[str]) -> str:
    """A few of them, on one line."""
    shown = [ascii(name)[1:-1][:60] for name in sorted(names)[:3]]
    return ", ".join(shown) + (", …" if len(names) > 3 else "")

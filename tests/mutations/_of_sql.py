"""Damages a store by SQL, as an editor of databases might."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from tests.mutations._of_json import damaged_text

__all__ = ["damage_events", "damage_sql"]

VALUES = (
    "NULL", "0", "1", "-1", "2", "7", "1.5", "-0.0", "9e999", "-9e999", "9223372036854775807",
    "-9223372036854775808", "4294967296", "''", "'x'", "'1'", "'<f8'", "'<f4'", "'|O'", "'>f8'",
    "'loss'", "'\u00e9'", "CHAR(0)", "x''", "x'00'", "x'ff'", "x'0000000000000080'",
    "CAST(x'ff' AS TEXT)", "ZEROBLOB(8)", "ZEROBLOB(5000000)", "RANDOM()", "RANDOMBLOB(8)",
)  # fmt: skip

TABLES = ("signal", "chunk", "event", "heartbeat", "length", "seal")

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


class Store:
    """What can be damaged of one."""

    def __init__(self, connection: sqlite3.Connection, random: Random) -> None:
        self.connection, self.random = connection, random
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self.tables: list[str] = [name for (name,) in rows if not name.startswith("sqlite_")]

    def table(self) -> str:
        return self.random.choice(self.tables)

    def columns(self, table: str) -> list[str]:
        return [row[1] for row in self.connection.execute(f'PRAGMA table_info("{table}")')]

    def rows(self, table: str) -> list[int]:
        return [row[0] for row in self.connection.execute(f'SELECT rowid FROM "{table}"')]


def delete_row(store: Store) -> Sequence[str]:
    table = store.table()
    rows = store.rows(table)
    return [f"DELETE FROM {table} WHERE rowid = {store.random.choice(rows)}"] if rows else []


def delete_rows(store: Store) -> Sequence[str]:
    table, sign = store.table(), store.random.choice(("<", ">", "%2 ="))
    rows = store.rows(table)
    return [f"DELETE FROM {table} WHERE rowid {sign} {store.random.choice(rows)}"] if rows else []


def delete_all(store: Store) -> Sequence[str]:
    return [f"DELETE FROM {store.table()}"]


def delete_signal(store: Store) -> Sequence[str]:
    """With all that belongs to it."""
    signal = store.random.choice(store.rows("signal"))
    tables = [("chunk", "signal"), ("length", "signal"), ("signal", "id")]
    return [
        f"DELETE FROM {table} WHERE {column} = {signal}"
        for table, column in tables
        if table in store.tables
    ]


def edit(store: Store) -> Sequence[str]:
    table = store.table()
    rows = store.rows(table)
    if not rows:
        return []
    column, row = store.random.choice(store.columns(table)), store.random.choice(rows)
    value = store.random.choice(VALUES)
    return [f"UPDATE OR REPLACE {table} SET {column} = {value} WHERE rowid = {row}"]


def edit_all(store: Store) -> Sequence[str]:
    table = store.table()
    column = store.random.choice(store.columns(table))
    way = store.random.choice(
        ("{0} + 1", "-{0}", "{0} || ''", "{0} * 1.0", "CAST({0} AS BLOB)", "CAST({0} AS TEXT)",
         "CAST({0} AS REAL)", "UPPER({0})", "SUBSTR({0}, 1, 8)", "SUBSTR({0}, 2)")
    )  # fmt: skip
    return [f"UPDATE OR IGNORE {table} SET {column} = {way.format(column)}"]


def swap_rows(store: Store) -> Sequence[str]:
    """The values of a column, or the numbers of two rows."""
    table = store.table()
    rows = store.rows(table)
    if len(rows) < 2:
        return []
    a, b = store.random.sample(rows, 2)
    column = store.random.choice([*store.columns(table), "rowid"])
    if column in ("rowid", "id"):
        steps = ((a, 10**9), (b, a), (10**9, b))
        return [f"UPDATE {table} SET rowid = {to} WHERE rowid = {at}" for at, to in steps]
    return [
        f"UPDATE OR REPLACE {table} SET {column} = (SELECT {column} FROM {table} AS other WHERE"
        f" other.rowid = CASE {table}.rowid WHEN {a} THEN {b} ELSE {a} END)"
        f" WHERE rowid IN ({a}, {b})"
    ]


def double(store: Store) -> Sequence[str]:
    table = store.table()
    rows = store.rows(table)
    if not rows:
        return []
    columns = [c for c in store.columns(table) if c != "id"]
    if store.random.random() < 0.5 and "start" in columns:
        taken = ", ".join(c if c != "start" else "start + 1000" for c in columns)
    else:
        taken = ", ".join(columns)
    return [
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) SELECT {taken} FROM {table}"
        f" WHERE rowid = {store.random.choice(rows)}"
    ]


def rename(store: Store) -> Sequence[str]:
    """A signal, perhaps to the name of another."""
    names = store.connection.execute("SELECT name FROM signal ORDER BY id").fetchall()
    a, b = (store.random.choice(names)[0] for _ in range(2))
    new = store.random.choice((b, "loss", "reach", "", "x/y", "\x1b[31m", "val_loss"))
    return [f"UPDATE OR REPLACE signal SET name = '{new}' WHERE name = '{a}'"]


def schema(store: Store) -> Sequence[str]:
    """Something that no version of ours writes."""
    table = store.table()
    column = store.random.choice(store.columns(table))
    return store.random.choice(
        (
            [f"DROP TABLE {table}"],
            ["DROP INDEX chunk_order"],
            [f"CREATE VIEW more AS SELECT * FROM {table}"],
            [f"ALTER TABLE {table} RENAME TO hidden",
             f"CREATE VIEW {table} AS SELECT * FROM hidden"],
            [f"ALTER TABLE {table} RENAME TO hidden",
             f"CREATE VIEW {table} AS {ENDLESS} SELECT n.i AS id, hidden.* FROM n, hidden"],
            [f"CREATE TRIGGER more AFTER INSERT ON {table} BEGIN DELETE FROM event; END"],
            ["CREATE TABLE more (x)"],
            ["CREATE TABLE sqlite (x)"],
            ["CREATE VIRTUAL TABLE more USING fts5(x)"],
            ["CREATE VIRTUAL TABLE more USING rtree(a, b, c)"],
            [f"CREATE INDEX more ON {table} ({column})"],
            [f"CREATE UNIQUE INDEX more ON {table} (rowid || {column})"],
            [f"ALTER TABLE {table} ADD COLUMN more"],
            [f"ALTER TABLE {table} ADD COLUMN more DEFAULT 3"],
            [f"ALTER TABLE {table} ADD COLUMN more GENERATED ALWAYS AS (RANDOM())"],
            [f"ALTER TABLE {table} RENAME COLUMN {column} TO more"],
            [f"ALTER TABLE {table} RENAME TO more"],
            [f"CREATE TABLE more AS SELECT * FROM {table}", f"DROP TABLE {table}",
             f"ALTER TABLE more RENAME TO {table}"],
            ["ANALYZE"],
        )
    )  # fmt: skip


def catalogue(store: Store) -> Sequence[str]:
    """The schema's own table: another text, another root, or a row less."""
    table, other = store.table(), store.table()
    change = store.random.choice(
        (
            "sql = REPLACE(sql, 'NOT NULL', '')",
            "sql = REPLACE(sql, 'INTEGER', 'TEXT')",
            "sql = REPLACE(sql, ' ', CHAR(160))",
            "sql = sql || ' STRICT'",
            "sql = NULL",
            "sql = 'CREATE TABLE ' || name || ' (x)'",
            f"sql = (SELECT sql FROM sqlite_master WHERE name = '{other}')",
            "type = 'view'",
            "name = 'sqlite_stat1'",
            "tbl_name = 'x'",
            "rootpage = 0",
            "rootpage = 1",
            "rootpage = 99999999",
            f"rootpage = (SELECT rootpage FROM sqlite_master WHERE name = '{other}')",
        )
    )
    return [
        "PRAGMA writable_schema = ON",
        store.random.choice(
            (f"UPDATE sqlite_master SET {change} WHERE name = '{table}'",
             f"DELETE FROM sqlite_master WHERE name = '{table}'")
        ),
    ]  # fmt: skip


def pragma(store: Store) -> Sequence[str]:
    """The file's own settings; some of them harm nothing."""
    number = store.random.choice((-1, 0, 1, 2, 3, 4, 99, 2**31 - 1))
    return store.random.choice(
        (
            [f"PRAGMA user_version = {number}"],
            [f"PRAGMA application_id = {number}"],
            [f"PRAGMA schema_version = {number}"],
            ["PRAGMA journal_mode = WAL"],
            ["PRAGMA journal_mode = DELETE"],
            ["PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM"],
            ["PRAGMA journal_mode = DELETE", "PRAGMA page_size = 65536", "VACUUM"],
            ["PRAGMA auto_vacuum = FULL", "VACUUM"],
            ["VACUUM"],
            ["REINDEX"],
        )
    )


WAYS: tuple[Callable[[Store], Sequence[str]], ...] = (
    delete_row, delete_rows, delete_all, delete_signal, edit, edit, edit, edit_all, swap_rows,
    double, rename, schema, catalogue, pragma,
)  # fmt: skip


def damage_sql(file: Path, random: Random) -> str:
    """Damage a store in one of these ways, and say which; nothing where SQLite refuses it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        statements = random.choice(WAYS)(Store(connection, random))
        with suppress(sqlite3.Error):
            for statement in statements:
                connection.execute(statement).fetchall()
    return "; ".join(statements) or "nothing"


def damage_events(file: Path, random: Random) -> str:
    """Damage the JSON of an event in a store that has no seal to tell."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        rows = connection.execute("SELECT id, kind, body FROM event").fetchall()
        kind = random.choice(sorted({row[1] for row in rows}))
        number, kind, body = random.choice([row for row in rows if row[1] == kind])
        text, how = damaged_text(body, random)
        if random.random() < 0.2:  # under a name that means something to a reader
            kind = random.choice(("setup", "sample", "act", "finding", "diagnosis", "baselines"))
        json.dumps(text)
        connection.execute(
            "UPDATE event SET body = ?, kind = ? WHERE id = ?",
            (text.encode("utf-8", "replace").decode(), kind, number),
        )
    return f"event {kind}: {how}"

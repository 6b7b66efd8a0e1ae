"""No damaged, cut or crafted store hangs a reader or passes for a whole one."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.errors import RunError
from backsight.signals import Recorder, Run, _reading, _schema
from backsight.signals._schema import SEALED_FORMAT
from backsight.signals._store import Store

OLD = Path(__file__).parent / "fixtures" / "run-with-findings"
SIGNALS = ("grad_norm", "hidden_norm/rnn.l0", "loss")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose signals have chunks of 8, 4 and 2 samples, with five events."""
    path = tmp_path_factory.mktemp("whole") / "run"
    with Recorder(path) as recorder:
        for i in range(14):
            recorder.scalars(i, {"loss": i / 7, "grad_norm": float("nan") if i == 5 else 1.0})
            recorder.profile("hidden_norm/rnn.l0", i, np.full(5, i, np.float32))
            if i % 3 == 0:
                recorder.event("sample", i, {"text": f"text {i}"})
            recorder.flush()
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def everything(path: Path) -> dict[str, object]:
    """All that a reader can tell, bit for bit."""
    run = Run(path)
    signals: dict[str, object] = {}
    for name, signal in run.read(run.names).items():
        rows = signal.rows if run.is_profile(name) else [signal.values]  # type: ignore[union-attr]
        signals[name] = signal.iterations.tobytes(), [(row.dtype, row.tobytes()) for row in rows]
    events = [(e.iteration, e.time, e.kind, e.body) for e in run.events()]
    return signals | {"events": events, "about": (run.status, run.heartbeat, run.iterations)}


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path / "signals.db")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, "it changed nothing"
        connection.commit()


def chunk(place: int) -> str:
    """The row of the loss's chunk, as a subquery."""
    return (
        "(SELECT chunk.id FROM chunk JOIN signal ON signal.id = chunk.signal"
        f" WHERE name = 'loss' ORDER BY start LIMIT 1 OFFSET {place})"
    )


COLUMNS = "signal, start, first, last, width, dtype, iterations, numbers, checksum"
LOSS = "(SELECT id FROM signal WHERE name = 'loss')"
GRAD = "(SELECT id FROM signal WHERE name = 'grad_norm')"


def test_the_run_has_chunks_to_lose(whole: Path) -> None:
    with closing(sqlite3.connect(whole / "signals.db")) as connection:
        count = connection.execute(
            "SELECT signal, COUNT(*) FROM chunk GROUP BY signal ORDER BY signal"
        ).fetchall()
        events = connection.execute("SELECT COUNT(*) FROM event").fetchone()
    assert [chunks for _, chunks in count] == [3, 3, 3]
    assert events == (5,)
    assert set(everything(whole)) == {*SIGNALS, "events", "about"}


CHUNKS = {
    "newest deleted": [f"DELETE FROM chunk WHERE id = {chunk(2)}"],
    "middle deleted": [f"DELETE FROM chunk WHERE id = {chunk(1)}"],
    "oldest deleted": [f"DELETE FROM chunk WHERE id = {chunk(0)}"],
    "all deleted": [f"DELETE FROM chunk WHERE signal = {LOSS}"],
    "newest cut": [
        f"UPDATE chunk SET last = last - 1, iterations = SUBSTR(iterations, 1, 8),"
        f" numbers = SUBSTR(numbers, 1, 8) WHERE id = {chunk(2)}"
    ],
    "signal deleted with all that belongs to it": [
        f"DELETE FROM chunk WHERE signal = {LOSS}",
        f"DELETE FROM length WHERE signal = {LOSS}",
        "DELETE FROM signal WHERE name = 'loss'",
    ],
    "signal deleted": ["DELETE FROM signal WHERE name = 'loss'"],
    "length deleted": [f"DELETE FROM length WHERE signal = {LOSS}"],
    "length shortened with its chunk": [
        f"UPDATE length SET chunks = 2, samples = 12, last = 11, chain = before"
        f" WHERE signal = {LOSS}",
        f"DELETE FROM chunk WHERE id = {chunk(2)}",
    ],
    "seal deleted": ["DELETE FROM seal"],
    "heartbeat altered": ["UPDATE heartbeat SET time = time + 1"],
    "heartbeat deleted": ["DELETE FROM heartbeat"],
    "two swapped": [
        f"UPDATE chunk SET start = CASE start WHEN 8 THEN 12 ELSE 8 END"
        f" WHERE signal = {LOSS} AND start >= 8"
    ],
    "one doubled": [f"INSERT INTO chunk ({COLUMNS}) SELECT {COLUMNS} FROM chunk WHERE start = 12"],
    "one doubled at the end": [
        f"INSERT INTO chunk ({COLUMNS}) SELECT signal, 14, first, last, width, dtype, iterations,"
        " numbers, checksum FROM chunk WHERE start = 12"
    ],
    "renamed": ["UPDATE signal SET name = 'lost' WHERE name = 'loss'"],
    "two renamed": [
        "UPDATE signal SET name = 'x' WHERE name = 'loss'",
        "UPDATE signal SET name = 'loss' WHERE name = 'grad_norm'",
        "UPDATE signal SET name = 'grad_norm' WHERE name = 'x'",
    ],
    "moved to another signal": [
        f"UPDATE chunk SET signal = CASE signal WHEN {LOSS} THEN {GRAD} ELSE {LOSS} END"
        f" WHERE signal IN ({LOSS}, {GRAD})"
    ],
    "no name": ["UPDATE signal SET name = x'6c6f7373' WHERE name = 'loss'"],
    "a scalar made a profile": ["UPDATE signal SET profile = 1 WHERE name = 'loss'"],
    "a profile made a scalar": ["UPDATE signal SET profile = 0 WHERE profile = 1"],
    "width": [f"UPDATE chunk SET width = 2 WHERE id = {chunk(0)}"],
    "width of no sense": [f"UPDATE chunk SET width = 'wide' WHERE id = {chunk(0)}"],
    "huge width": [f"UPDATE chunk SET width = 9223372036854775807 WHERE id = {chunk(0)}"],
    "dtype": [f"UPDATE chunk SET dtype = '<f4' WHERE id = {chunk(0)}"],
    "dtype of objects": [f"UPDATE chunk SET dtype = '|O' WHERE id = {chunk(0)}"],
    "dtype of text": [f"UPDATE chunk SET dtype = '<U9999999' WHERE id = {chunk(0)}"],
    "first": [f"UPDATE chunk SET first = -5 WHERE id = {chunk(0)}"],
    "last": [f"UPDATE chunk SET last = last + 1 WHERE id = {chunk(2)}"],
    "start": [f"UPDATE chunk SET start = 1 WHERE id = {chunk(0)}"],
    "huge blob": [f"UPDATE chunk SET numbers = ZEROBLOB(50000000) WHERE id = {chunk(0)}"],
    "empty blob": [f"UPDATE chunk SET numbers = x'' WHERE id = {chunk(0)}"],
    "text for a blob": [f"UPDATE chunk SET numbers = 'abcdefgh' WHERE id = {chunk(0)}"],
    "checksum": [f"UPDATE chunk SET checksum = checksum + 1 WHERE id = {chunk(1)}"],
    "checksum a text": [f"UPDATE chunk SET checksum = 'x' WHERE id = {chunk(1)}"],
    "numbers and checksum": [
        f"UPDATE chunk SET numbers = ZEROBLOB(32), checksum = 0 WHERE id = {chunk(1)}"
    ],
}
EVENTS = {
    "newest deleted": ["DELETE FROM event WHERE id = 5"],
    "oldest deleted": ["DELETE FROM event WHERE id = 1"],
    "middle deleted": ["DELETE FROM event WHERE id = 3"],
    "all deleted": ["DELETE FROM event"],
    "two swapped": [
        "UPDATE event SET id = 9 WHERE id = 2",
        "UPDATE event SET id = 2 WHERE id = 3",
        "UPDATE event SET id = 3 WHERE id = 9",
    ],
    "one doubled": [
        "INSERT INTO event (iteration, time, kind, body)"
        " SELECT iteration, time, kind, body FROM event WHERE id = 5"
    ],
    "body": ["""UPDATE event SET body = '{"text": "other"}' WHERE id = 2"""],
    "kind": ["UPDATE event SET kind = 'finding' WHERE id = 2"],
    "iteration": ["UPDATE event SET iteration = 4 WHERE id = 2"],
    "time": ["UPDATE event SET time = time + 1 WHERE id = 2"],
    "number": ["UPDATE event SET id = 6 WHERE id = 5"],
    "body of bytes": ["UPDATE event SET body = CAST(body AS BLOB) WHERE id = 2"],
    "no UTF-8": ["UPDATE event SET body = CAST(x'22ff22' AS TEXT) WHERE id = 2"],
    "huge body": ["UPDATE event SET body = ZEROBLOB(50000000) WHERE id = 2"],
}


@pytest.mark.some(12)
@pytest.mark.parametrize("statements", CHUNKS.values(), ids=CHUNKS.keys())
def test_a_chunk_that_is_not_as_it_was_is_an_error(statements: list[str], copy: Path) -> None:
    tamper(copy, *statements)
    with pytest.raises(RunError, match=rf"^{re.escape(str(copy))}.*damaged") as caught:
        everything(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.some(4)
@pytest.mark.parametrize("statements", EVENTS.values(), ids=EVENTS.keys())
def test_an_event_that_is_not_as_it_was_is_an_error(statements: list[str], copy: Path) -> None:
    tamper(copy, *statements)
    run = Run(copy)
    for kind in (None, "sample", "finding"):
        with pytest.raises(RunError, match="damaged"):
            run.events(kind)
    assert set(run.read(SIGNALS)) == set(SIGNALS)  # numbers are sound by themselves


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_what_is_missing_is_noticed_by_every_way_to_read_it(lost: int, copy: Path) -> None:
    tamper(copy, f"DELETE FROM chunk WHERE id = {chunk(lost)}")
    run = Run(copy)
    readers: list[Callable[[], object]] = [
        lambda: run["loss"], lambda: run.series("loss"), lambda: run.read(["loss"]),
        run.to_pandas, run.to_xarray,
    ]  # fmt: skip
    for read in readers:
        with pytest.raises(RunError, match=r"is damaged: signal 'loss'"):
            read()
    if lost < 2:
        assert run.last("loss") == (13, 13 / 7)  # the newest chunk is verified alone
    else:
        with pytest.raises(RunError, match="should have 14 samples up to iteration 13"):
            run.last("loss")
    with pytest.raises(RunError, match="is damaged: signal 'loss'"):
        Store(copy / "signals.db", new=False)


def test_a_damaged_event_is_not_gone_on_with(copy: Path) -> None:
    tamper(copy, "DELETE FROM event WHERE id = 5")
    with pytest.raises(RunError, match="is damaged: an event is missing or altered"):
        Store(copy / "signals.db", new=False)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
FOREIGN = {
    "a view for a table": [
        "DROP TABLE heartbeat",
        f"CREATE VIEW heartbeat AS {ENDLESS} SELECT 1 AS id, 1.0 AS time FROM n WHERE i < 0",
    ],
    "a view that never ends": [
        "ALTER TABLE event RENAME TO hidden",
        f"CREATE VIEW event AS {ENDLESS} SELECT i AS id, 1 AS iteration, 1.0 AS time,"
        " 'k' AS kind, '{}' AS body FROM n",
    ],
    "a view beside": ["CREATE VIEW more AS SELECT 1"],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON chunk BEGIN DELETE FROM event; END"],
    "a table beside": ["CREATE TABLE more (x)"],
    "a virtual table": ["CREATE VIRTUAL TABLE more USING fts5(x)"],
    "an index beside": ["CREATE INDEX more ON event (kind)"],
    "an index that computes": ["CREATE INDEX more ON event (UPPER(kind))"],
    "a column that computes": [
        "ALTER TABLE event ADD COLUMN more TEXT GENERATED ALWAYS AS (UPPER(kind))"
    ],
    "a column beside": ["ALTER TABLE event ADD COLUMN more"],
    "no index": ["DROP INDEX chunk_order"],
    "no seal": ["DROP TABLE seal"],
    "no seals": ["DROP TABLE seal", "DROP TABLE length"],
    "an older format": ["PRAGMA user_version = 2"],
    "no format": ["PRAGMA user_version = 0"],
}


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_we_never_write_is_refused_before_it_is_looked_at(
    statements: list[str], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(copy / "signals.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    monkeypatch.setattr(_schema, "PATIENCE", 5.0)  # and no hour, if the check should be lost
    with pytest.raises(RunError, match=r"is damaged: it (contains|lacks)|is not a store"):
        Run(copy)
    with pytest.raises(RunError, match=r"is damaged: it (contains|lacks)|is not a store"):
        Store(copy / "signals.db", new=False)


def test_sql_in_the_schema_that_sqlite_reads_another_way_is_refused(copy: Path) -> None:
    """White space of Unicode is a letter to SQLite; a quote hides what follows a comment's sign."""
    for change in ("REPLACE(sql, 'kind TEXT', 'kind' || CHAR(160) || 'TEXT')",
                   "REPLACE(sql, '-- JSON', 'DEFAULT ''-- JSON'' ')"):  # fmt: skip
        again = copy.with_name("again")
        shutil.copytree(copy, again, dirs_exist_ok=True)
        tamper(again, "PRAGMA writable_schema = ON",
               f"UPDATE sqlite_master SET sql = {change} WHERE name = 'event'")  # fmt: skip
        with pytest.raises(RunError, match="is damaged"):
            Run(again)


def test_a_query_without_a_result_is_interrupted(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: here, a patience that has run out before anything was asked."""
    monkeypatch.setattr(_schema, "PATIENCE", -1.0)
    monkeypatch.setattr(_schema, "_STEPS", 1)
    with pytest.raises(RunError, match="is damaged: SQLite found nothing in it for"):
        Run(copy)


def test_the_deadline_stops_what_never_ends() -> None:
    clock = iter(range(1000))
    with closing(sqlite3.connect(":memory:")) as connection:
        deadline = _schema.Deadline(connection, lambda: float(next(clock)))
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            connection.execute(f"{ENDLESS} SELECT SUM(i) FROM n").fetchone()
        assert deadline.passed
        deadline.renew()
        assert not deadline.passed


def test_a_tree_of_pages_that_repeats_itself_does_not_hang(copy: Path) -> None:
    """An interior page whose every child is the same leaf: rows without end, if one counts them."""
    file = copy / "signals.db"
    tamper(copy, "DELETE FROM event", "INSERT INTO event VALUES (1, 1, 1.0, 'k', '{}')")
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'event'"
        ).fetchone()
    content = bytearray(file.read_bytes())
    leaf = len(content) // page + 1
    content += content[(root - 1) * page : root * page]
    levels = 8
    for level in range(levels):  # each of 300 cells leads to the page before: 300^8 rows
        target = leaf + level
        cells = 300
        head = bytearray(page)
        at = page - 5 * cells
        head[0:12] = (
            b"\x05" + (0).to_bytes(2, "big") + cells.to_bytes(2, "big") + at.to_bytes(2, "big")
            + b"\0" + target.to_bytes(4, "big")
        )  # fmt: skip
        for cell in range(cells):
            head[12 + 2 * cell : 14 + 2 * cell] = (at + 5 * cell).to_bytes(2, "big")
            head[at + 5 * cell : at + 5 * cell + 5] = target.to_bytes(4, "big") + b"\x01"
        content += head
    top = leaf + levels
    content[(root - 1) * page : root * page] = content[(top - 1) * page : top * page]
    content[28:32] = (len(content) // page).to_bytes(4, "big")
    file.write_bytes(content)
    with closing(sqlite3.connect(file)) as connection:  # the file is as crafted as it should be
        rows = connection.execute("SELECT id FROM event LIMIT 1000").fetchall()
    assert len(rows) == 1000
    with pytest.raises(RunError, match="event 1 has an invalid record"):
        Run(copy).events()


def test_a_path_is_no_program_either(whole: Path, tmp_path: Path) -> None:
    """SQLite opens a URI: what has a meaning there is quoted."""
    path = Path(shutil.copytree(whole, tmp_path / "a?mode=rwc&vfs=none#b %41;ü"))
    assert everything(path) == everything(whole)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_reader_can_do_nothing_but_read(copy: Path) -> None:
    content = (copy / "signals.db").read_bytes()
    with _reading.reading(copy / "signals.db") as reader:
        connection = reader._connection
        for statement in (
            "DELETE FROM event",
            "CREATE TEMP TABLE more (x)",
            "ATTACH ':memory:' AS other",
            "SELECT 1 UNION SELECT 2 UNION SELECT 3",
            "SELECT " + "1 + " * 100 + "1",
            "SELECT ZEROBLOB(1000000)",
        ):
            with pytest.raises(sqlite3.Error):
                connection.execute(statement).fetchall()
    assert (copy / "signals.db").read_bytes() == content


def flipped(content: bytes, random: np.random.Generator) -> bytes:
    at, bit = int(random.integers(len(content))), int(random.integers(1, 256))
    return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


@pytest.mark.parametrize("flips", [150, pytest.param(5000, marks=pytest.mark.long)])
def test_a_flipped_byte_is_an_error_or_changes_nothing(flips: int, whole: Path, copy: Path) -> None:
    """Signals, names, events, heartbeat and iterations: all of it, or one sentence."""
    content = (whole / "signals.db").read_bytes()
    true = everything(whole)
    random = np.random.default_rng(flips)
    errors = 0
    for _ in range(flips):
        (copy / "signals.db").write_bytes(flipped(content, random))
        try:
            assert everything(copy) == true
        except RunError:
            errors += 1
    assert 0 < errors < flips  # some met what is in use, and some met free space


def test_a_store_of_an_earlier_format_is_read_and_protected_once_it_goes_on(
    tmp_path: Path,
) -> None:
    path = Path(shutil.copytree(OLD, tmp_path / "old"))
    before = everything(path)
    iterations = Run(path).iterations
    Recorder.resume(path, before=iterations, events=10**6, config={}).close()
    after = everything(path)
    assert {n: v for n, v in after.items() if n != "about"} == {
        n: v for n, v in before.items() if n != "about"
    }
    with closing(sqlite3.connect(path / "signals.db")) as connection:
        # Not FORMAT: what was derived from a reach so far has its former meaning.
        assert connection.execute("PRAGMA user_version").fetchone() == (SEALED_FORMAT,)
    tamper(path, f"DELETE FROM chunk WHERE id = {chunk(0)}")
    with pytest.raises(RunError, match="all values of signal 'loss' are missing"):
        Run(path)["loss"]


def test_a_schema_that_is_no_text_is_one_line(copy: Path) -> None:
    """SQLite quotes it, line by line."""
    content = (copy / "signals.db").read_bytes()
    assert content.count(b"id INTEGER PRIMARY KEY,\n") > 1
    damaged = content.replace(b"id INTEGER PRIMARY KEY,\n", b"id INTEGER PRIMARY \xff\xff\xff,\n")
    (copy / "signals.db").write_bytes(damaged)
    for read in (Run, lambda path: Store(path / "signals.db", new=False)):
        with pytest.raises(RunError) as refused:
            read(copy)
        assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.name != "posix", reason="makes links and FIFOs")
def test_a_link_to_a_store_is_read_with_the_journal_of_what_it_leads_to(copy: Path) -> None:
    true = everything(copy)
    store = copy / "signals.db"
    store.rename(copy / "true.db")
    store.symlink_to("true.db")
    assert everything(copy) == true
    (copy / "signals.db-wal").write_bytes(b"")
    for read in (Run, lambda path: Store(path / "signals.db", new=False)):
        with pytest.raises(RunError, match=r"signals.db is a link, and signals.db-wal beside it"):
            read(copy)
    (copy / "signals.db-wal").unlink()
    os.mkfifo(copy / "true.db-wal")
    with pytest.raises(RunError, match=r"true.db-wal is a FIFO, and was not opened"):
        Run(copy)


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_a_run_does_not_go_on_beside_a_folder_in_a_journals_place(ending: str, copy: Path) -> None:
    (copy / f"signals.db{ending}").mkdir()
    with pytest.raises(RunError, match=f"signals.db{ending} is a folder"):
        Store(copy / "signals.db", new=False)


def test_a_store_without_seals_tells_of_a_signal_that_is_gone_by_what_it_left(
    tmp_path: Path,
) -> None:
    path = Path(shutil.copytree(OLD, tmp_path / "old"))
    tamper(path, "DELETE FROM signal WHERE name = 'loss'")
    with pytest.raises(RunError, match="is damaged: it contains values of an unknown signal"):
        Run(path)


@pytest.mark.some(2)
@pytest.mark.parametrize("before", [0, 1, 8, 9, 12, 13, 14])
def test_what_is_cut_and_gone_on_with_reads_as_if_never_ended(
    before: int, whole: Path, copy: Path
) -> None:
    """The seals follow a cut within, before and after a chunk."""
    kept = sum(event.iteration < before for event in Run(whole).events())
    recorder = Recorder.resume(copy, before=before, events=kept, config={})
    cut = Run(copy)
    assert cut.iterations == before
    assert len(cut.events()) == kept
    assert cut.names == (SIGNALS if before else ())
    if before:
        assert cut["loss"].tolist() == [i / 7 for i in range(before)]
    for i in range(before, 14):
        recorder.scalars(i, {"loss": i / 7, "grad_norm": float("nan") if i == 5 else 1.0})
        recorder.profile("hidden_norm/rnn.l0", i, np.full(5, i, np.float32))
        if i % 3 == 0:
            recorder.event("sample", i, {"text": f"text {i}"})
    recorder.close()
    now, then = everything(copy), everything(whole)
    assert {name: now[name] for name in SIGNALS} == {name: then[name] for name in SIGNALS}
    assert [e.body for e in Run(copy).events()] == [e.body for e in Run(whole).events()]


def test_a_second_reader_leaves_the_locks_of_the_first(copy: Path) -> None:
    """A file that a process closes loses all of the process's locks, whoever took them."""
    lock = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "try: connection.execute('BEGIN EXCLUSIVE')\n"
        "except sqlite3.OperationalError as error: print(error)"
    )
    with _reading.reading(copy / "signals.db"):
        assert Run(copy).names == SIGNALS
        command = [sys.executable, "-c", lock, str(copy / "signals.db")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "database is locked\n"


def test_a_copy_beside_a_writer_is_of_one_moment(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder is not ours to write to, a reader copies; commits may come in between."""
    recorder = Recorder(run_path)
    written = 0

    def write() -> None:
        nonlocal written
        for _ in range(3):  # folds the journal back, then begins it anew
            recorder.series("x", np.arange(written, written + 500), np.zeros(500))
            written += 500
            recorder.flush()

    write()
    copied: list[str] = []

    def copyfile(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
        copied.append(source.name)
        if len(copied) in (1, 3):
            write()

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    folder = tmp_path / "copy"
    folder.mkdir()
    _reading._copy(run_path / "signals.db", folder)
    recorder.close()
    assert copied == ["signals.db", "signals.db-wal"] * 3
    (folder / "run.json").write_bytes((run_path / "run.json").read_bytes())
    (signal,) = Run(folder).read(["x"]).values()
    assert signal.iterations.tolist() == list(range(written))


def test_a_copy_of_a_run_that_ends_just_now_is_whole(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal disappears between the two files."""
    recorder = Recorder(run_path)
    recorder.series("x", np.arange(500), np.zeros(500))
    recorder.flush()

    def copyfile(source: Path, target: Path) -> None:
        if source.name.endswith("-wal"):
            recorder.close()
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    folder = tmp_path / "copy"
    folder.mkdir()
    _reading._copy(run_path / "signals.db", folder)
    assert [file.name for file in folder.iterdir()] == ["signals.db"]
    (folder / "run.json").write_bytes((run_path / "run.json").read_bytes())
    assert len(Run(folder)["x"]) == 500


WRITER = """
import sys, time
from backsight.signals import Recorder
recorder = Recorder(sys.argv[1])
until, i = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < until:
    recorder.scalars(i, {"a": i, "b": -i})
    recorder.profile("p", i, [float(i)] * (1 + i // 100 % 3))
    if i % 7 == 0:
        recorder.event("seven", i, {"number": i // 7}, urgent=True)
    i += 1
    if i % 5 == 0:
        recorder.flush()
recorder.close()
"""


@pytest.mark.parametrize("seconds", [0.8, pytest.param(60, marks=pytest.mark.long)])
def test_readers_beside_a_writer_never_see_damage(seconds: float, tmp_path: Path) -> None:
    """Two threads read whatever there is, until the run has ended and for a while after it."""
    path = tmp_path / "run"
    errors: list[Exception] = []
    reads: list[int] = []
    done = threading.Event()

    def read() -> None:
        seen = 0
        while not done.is_set():
            try:
                run = Run(path)
                names = run.names
                signals: dict[str, Any] = dict(run.read(names))
                events = run.events("seven")
                lengths = {len(signal.iterations) for signal in signals.values()}
                if names:
                    assert run.last("a")[0] >= max(lengths) - 1
                    assert np.array_equal(signals["b"].values, -signals["b"].iterations)
                assert len(lengths) <= 1, "one commit holds all signals of an iteration"
                assert [e.body["number"] for e in events] == list(range(len(events)))
                assert max(lengths, default=0) >= seen
                seen = max(lengths, default=0)
                reads.append(seen)
            except Exception as error:  # noqa: BLE001 - a thread's error would be lost
                errors.append(error)
                return

    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(seconds)])
    while not (path / "signals.db").exists() or not (path / "run.json").exists():
        time.sleep(0.01)
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert process.wait() == 0
    done.set()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(set(reads)) > 1
    assert Run(path).status == "finished"


def test_a_run_that_is_removed_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.scalars(0, {"loss": 1.0})
    run, connect = Run(tmp_path / "run"), _reading._connect

    def gone(path: Path, deadlines: list[_schema.Deadline]) -> sqlite3.Connection:
        path.unlink()
        return connect(path, deadlines)

    monkeypatch.setattr(_reading, "_connect", gone)
    with pytest.raises(RunError, match="cannot be read: No such file"):
        run.series("loss")

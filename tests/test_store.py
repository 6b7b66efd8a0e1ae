"""The store keeps every bit, reads at any time, and never shows a damaged number."""

import itertools
import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backsight.errors import GuardError, RunError
from backsight.signals import END_REASONS, Recorder, Run, list_runs
from backsight.signals._folder import git_revision
from backsight.signals._samples import SampleBlock
from backsight.signals._store import CHUNK_BYTES, Store

ANY_CASE = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def chunk_rows(run: Run, name: str) -> list[int]:
    with sqlite3.connect(run.path / "signals.db") as connection:
        rows = connection.execute(
            "SELECT LENGTH(iterations) / 8 FROM chunk JOIN signal ON signal.id = chunk.signal"
            " WHERE name = ? ORDER BY first",
            (name,),
        ).fetchall()
    connection.close()
    return [count for (count,) in rows]


@ANY_CASE
@given(
    values=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(1, 200),
        elements={"allow_nan": True, "allow_infinity": True, "allow_subnormal": True},
    ),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
def test_every_bit_comes_back(
    values: np.ndarray, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """NaN payloads, infinities, negative zero and subnormals survive any division into commits."""
    path = tmp_path_factory.mktemp("bits") / "run"
    edges = sorted({0, len(values), *(min(c, len(values)) for c in cuts)})
    with Recorder(path) as recorder:
        for a, b in itertools.pairwise(edges):
            recorder.series("x", np.arange(a, b), values[a:b])
            recorder.flush()
    series = Run(path).series("x")
    assert series.values.dtype == values.dtype
    assert series.values.tobytes() == values.tobytes()
    assert series.iterations.tolist() == list(range(len(values)))


def test_a_nan_with_a_payload_keeps_it(run_path: Path) -> None:
    odd = np.array([0x7FF8_0000_DEAD_BEEF, 0xFFF0_0000_0000_0000], np.uint64).view(np.float64)
    with Recorder(run_path) as recorder:
        recorder.series("x", [0, 1], odd)
    assert Run(run_path)["x"].tobytes() == odd.tobytes()


def test_scalars_from_python_floats_keep_nan_and_infinities(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        for i, value in enumerate((float("nan"), float("inf"), float("-inf"), -0.0)):
            recorder.scalars(i, {"loss": value})
    values = Run(run_path)["loss"]
    assert np.isnan(values[0])
    assert values[1:3].tolist() == [np.inf, -np.inf]
    assert np.signbit(values[3])


@ANY_CASE
@given(widths=st.lists(st.integers(1, 6), min_size=1, max_size=40), flush_every=st.integers(1, 10))
def test_a_profile_may_change_its_width(
    widths: list[int], flush_every: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("widths") / "run"
    rows = [np.full(width, i, np.float32) for i, width in enumerate(widths)]
    with Recorder(path) as recorder:
        for i, row in enumerate(rows):
            recorder.profile("hidden_norm/rnn.l0", 7 * i, row)
            if i % flush_every == 0:
                recorder.flush()
    profile = Run(path).profile("hidden_norm")
    assert profile.iterations.tolist() == [7 * i for i in range(len(widths))]
    assert profile.widths.tolist() == widths
    assert all(np.array_equal(a, b) for a, b in zip(profile.rows, rows, strict=True))
    table = profile.table()
    assert table.shape == (len(widths), max(widths))
    assert (~np.ma.getmaskarray(table)).sum() == sum(widths)


def test_in_a_table_missing_is_masked_and_nan_is_not(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.profile("p", 0, [1.0, np.nan])
        recorder.profile("p", 1, [1.0, 2.0, 3.0])
    table = Run(run_path)["p"]
    assert np.ma.getmaskarray(table).tolist() == [[False, False, True], [False, False, False]]
    assert np.isnan(table.data[0, 1])


def test_one_sample_a_commit_still_ends_in_few_chunks(run_path: Path) -> None:
    """The binary counter: n single commits leave about log2(n) chunks, in order."""
    with Recorder(run_path) as recorder:
        for i in range(1000):
            recorder.scalars(i, {"x": i})
            recorder._commit()
    run = Run(run_path)
    assert chunk_rows(run, "x") == [512, 256, 128, 64, 32, 8]
    assert run["x"].tolist() == list(range(1000))


def test_a_chunk_stops_growing_at_its_limit(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        for i in range(0, 20_000, 100):
            recorder.series("x", np.arange(i, i + 100), np.zeros(100))
            recorder._commit()
    rows = chunk_rows(Run(run_path), "x")
    assert sum(rows) == 20_000
    assert CHUNK_BYTES // 32 < max(rows) <= CHUNK_BYTES // 16


def test_readers_see_a_consistent_run_while_it_is_written(run_path: Path) -> None:
    recorder = Recorder(run_path)
    stop = threading.Event()

    def write() -> None:
        i = 0
        while not stop.is_set():
            recorder.scalars(i, {"a": i, "b": -i})
            i += 1
            if i % 50 == 0:
                recorder.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = 0
        for _ in range(50):
            run = Run(run_path)
            if "a" in run:
                values = run["a"]
                assert values.tolist() == list(range(len(values)))
                assert len(values) >= seen
                seen = len(values)
        assert run.status == "running"
    finally:
        stop.set()
        writer.join()
        recorder.close()
    assert seen > 0
    assert Run(run_path).status == "finished"


def test_a_finished_run_is_one_plain_file(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"x": 1.0})
    assert sorted(p.name for p in run_path.iterdir()) == ["run.json", "signals.db"]


READ_AS_NOBODY = """
import os, sys, tempfile
from backsight.signals import Run
tempfile.gettempdir()
if os.getuid() == 0:  # root may write anywhere; only now, as nobody may not read root's Python
    os.setgid(65534); os.setuid(65534)
run = Run(sys.argv[1])
assert not os.access(sys.argv[1], os.W_OK)
print(run.iterations, run["x"].sum())
"""


@pytest.mark.parametrize("how", ["finished", "killed"])
def test_a_run_is_readable_from_a_folder_we_may_not_write(how: str, tmp_path: Path) -> None:
    """Also a killed one, whose journal SQLite would like to rebuild beside the file."""
    path = tmp_path / "run"
    recorder = Recorder(path)
    for i in range(100):
        recorder.scalars(i, {"x": 1.0})
    recorder.flush()
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    recorder.close()
    folder = copy if how == "killed" else path
    for parent in (tmp_path, *list(tmp_path.parents)[:3]):  # pytest's own, closed to others
        if parent.name.startswith(("pytest-", "popen-", "test_")):
            parent.chmod(0o755)
    (folder / "signals.db-shm").unlink(missing_ok=True)
    folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ_AS_NOBODY, str(folder)], capture_output=True, text=True
    )
    folder.chmod(0o755)  # or nobody but root could clear it away
    assert done.stdout.split() == ["100", "100.0"], done.stderr


WRITER = """
import sys, time
from backsight.signals import Recorder
recorder = Recorder(sys.argv[1])
i = 0
while True:
    recorder.scalars(i, {"loss": float(i), "bad": float("nan")})
    if i % 10 == 0:
        recorder.profile("hidden_norm/rnn.l0", i, [float(i)] * (5 + i % 3))
    print(i, time.time(), flush=True)
    i += 1
    time.sleep(0.002)
"""


@pytest.mark.parametrize(
    "seconds",
    [0.05, 0.5, *(pytest.param(later, marks=pytest.mark.long) for later in (1.0, 1.6, 2.3, 4.5))],
)
def test_kill_9_loses_at_most_the_last_second(seconds: float, tmp_path: Path) -> None:
    """At every moment: the run reads back whole, and only the uncommitted second is missing."""
    path = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    lines = [first, *process.stdout.read().splitlines()]
    process.wait()
    process.stdout.close()
    recorded = [line.split() for line in lines if len(line.split()) == 2]
    died = float(recorded[-1][1])
    run = Run(path)
    assert run.status == "killed"
    values = run["loss"] if "loss" in run else np.empty(0)
    assert values.tolist() == list(range(len(values)))
    if len(values):
        assert np.isnan(run["bad"]).all()
        assert len(run["bad"]) == len(values)
        profile = run.profile("hidden_norm")
        assert all(
            (row == i).all() for i, row in zip(profile.iterations, profile.rows, strict=True)
        )
    # A second by design; a loaded machine may hold the commit itself up for another.
    missing = [float(when) for i, when in recorded[len(values) :]]
    assert not missing or died - missing[0] < 2.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run"
    with Recorder(path) as recorder:
        for i in range(300):
            recorder.scalars(i, {"loss": i / 7, "grad_norm": float("nan") if i == 5 else 1.0})
            recorder.profile("hidden_norm/rnn.l0", i, np.full(5, i, np.float32))
        recorder.event("sample", 299, {"text": "abc"})
    return path


def read_everything(path: Path) -> dict[str, bytes]:
    run = Run(path)
    content = {name: run[name].tobytes() for name in run.names}
    content["events"] = repr([(e.iteration, e.kind, e.body) for e in run.events()]).encode()
    return content | {"status": run.status.encode(), "iterations": bytes(run.iterations)}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_truncated_at_any_byte_is_an_error_and_never_nonsense(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = data.draw(st.sampled_from(["signals.db", "run.json"]))
    length = (whole / file).stat().st_size
    keep = data.draw(st.integers(0, length - 1))
    path = tmp_path_factory.mktemp("cut") / "run"
    shutil.copytree(whole, path)
    os.truncate(path / file, keep)
    if file == "run.json" and keep == length - 1:  # only the final newline is missing
        assert read_everything(path) == read_everything(whole)
        return
    with pytest.raises(RunError) as caught:
        read_everything(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_never_changes_a_number_silently(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Either the run says it is damaged, or every number is as it was."""
    content = bytearray((whole / "signals.db").read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flip") / "run"
    shutil.copytree(whole, path)
    (path / "signals.db").write_bytes(content)
    try:
        run = Run(path)
        names = [name for name in run.names if name in ("loss", "grad_norm", "hidden_norm/rnn.l0")]
        read = {name: run[name].tobytes() for name in names}
    except RunError:
        return
    true = Run(whole)
    assert all(read[name] == true[name].tobytes() for name in names)


def test_a_half_copied_killed_run_reads_or_says_so(tmp_path: Path) -> None:
    """The database without its journal: what was folded in, or a clear error; never nonsense."""
    recorder = Recorder(tmp_path / "run")
    for i in range(3000):
        recorder.scalars(i, {"x": i})
        if i % 500 == 0:
            recorder.flush()
    recorder.flush()
    for name in ("signals.db-wal", "signals.db", "run.json"):
        copy = tmp_path / f"without-{name}"
        shutil.copytree(tmp_path / "run", copy)
        (copy / name).unlink()
        try:
            values = Run(copy)["x"]
        except RunError:
            continue
        assert values.tolist() == list(range(len(values)))
    recorder.close()


SOUND = '{"format": 1, "created": 1.5, "status": "finished"}'


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_text("x"), "is a file, not a run folder"),
        (lambda p: p.mkdir(), "contains no run.json"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text("{")), "is damaged"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text("[]")), "expected an object"),
        (lambda p: (p.mkdir(), (p / "run.json").write_bytes(b"\xff\xfe")), "is damaged"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text('{"format": 99}')), "newer Backsight"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text("{}")), "was not written by Backsight"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text('{"format": 1}')), "created is missing"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text(SOUND)), "no signals.db"),
    ],
)
def test_what_is_not_a_run_is_one_clear_sentence(make: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    make(path)  # type: ignore[operator]
    with pytest.raises(RunError, match=words):
        Run(path)


def test_somebody_elses_database_is_refused(small_run: Run) -> None:
    (small_run.path / "signals.db").unlink()
    connection = sqlite3.connect(small_run.path / "signals.db")
    connection.execute("CREATE TABLE signal (id, name, profile)")
    connection.commit()
    connection.close()
    with pytest.raises(RunError, match="not a store that this version of Backsight can read"):
        Run(small_run.path)


def test_a_database_older_than_its_run_json_is_refused(small_run: Run) -> None:
    """A copy that took an old signals.db must not pass for the finished run."""
    other = small_run.path.parent / "other"
    with Recorder(other) as recorder:
        recorder.scalars(0, {"loss": 1.0})
    shutil.copy(other / "signals.db", small_run.path / "signals.db")
    with pytest.raises(RunError, match=r"100 iterations, but .* holds only 1;"):
        Run(small_run.path)


def test_a_full_disk_loses_nothing_and_is_said_once(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite's own 'disk is full', brought about by a page limit, then lifted."""
    recorder = Recorder(run_path)
    limit = recorder._store._connection
    limit.execute("PRAGMA max_page_count = 16")
    for i in range(20_000):
        recorder.scalars(i, {"x": i})
    recorder.flush()
    recorder.scalars(20_000, {"x": 20_000})
    recorder.flush()
    assert caplog.text.count("signals.db (database or disk is full): new values stay") == 1
    limit.execute("PRAGMA max_page_count = 1000000")
    recorder.close()
    assert Run(run_path)["x"].tolist() == list(range(20_001))


def test_what_never_reached_the_disk_is_counted(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(run_path)
    recorder._store._connection.execute("PRAGMA max_page_count = 16")
    for i in range(20_000):
        recorder.scalars(i, {"x": i})
    recorder.close()
    assert "20,000 values" in caplog.text
    assert "were not written to disk" in caplog.text
    run = Run(run_path)  # what did reach it is a sound run of its own
    assert (run.status, run.iterations) == ("finished", 0)


def test_the_status_is_written_even_if_the_journal_cannot_be_folded_back(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"x": 1.0})

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(recorder._store, "close", full)
    recorder.close(reason="done")
    assert f"cannot write the end of the run {run_path}: database or disk is full" in caplog.text
    assert Run(run_path).status == "finished"
    assert Run(run_path)["x"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda r: (r.scalars(5, {"x": 1}), r.scalars(5, {"x": 2})), "must increase"),
        (lambda r: (r.scalars(5, {"x": 1}), r.profile("x", 6, [1, 2])), "expected one number"),
        (lambda r: (r.profile("x", 5, [1, 2]), r.scalars(6, {"x": 1})), "expected one row"),
        (lambda r: (r.scalars(5, {"x": 1}), r.scalars(6, {"x": "oops"})), "not numbers"),
    ],
)
def test_misuse_is_said_once_and_the_rest_is_kept(
    misuse: object, words: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Recorder(run_path) as recorder:
        for _ in range(2):
            misuse(recorder)  # type: ignore[operator]
            recorder.flush()
        recorder.scalars(9, {"fine": 1.0})
    assert words in caplog.text
    assert Run(run_path)["fine"].tolist() == [1.0]


@pytest.mark.parametrize("poison", ["name", "body"])
def test_what_cannot_be_written_does_not_stand_in_the_way_of_the_rest(
    poison: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A lone surrogate, as in a path whose bytes are no UTF-8: no name, but fine in a body."""
    with Recorder(run_path, config={"text": "caf\udce9.txt"}) as recorder:
        if poison == "name":
            recorder.scalars(0, {"bad \udce9": 1.0})
        else:
            recorder.event("note", 0, {"path": "caf\udce9.txt"})
        recorder.flush()
        recorder.scalars(1, {"good": 2.0})
    run = Run(run_path)
    assert run["good"].tolist() == [2.0]
    assert run.info["config"]["text"] == "caf\udce9.txt"
    if poison == "name":
        assert f"some values for {run_path / 'signals.db'} are lost" in caplog.text
        assert "1 values" in caplog.text
    else:
        assert run.events("note")[0].body == {"path": "caf\udce9.txt"}


def test_memory_for_values_that_wait_is_bounded(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest go first, are counted, and what is left is written when the disk takes it."""
    monkeypatch.setattr("backsight.signals._recorder.KEEP_BYTES", 100_000)
    recorder = Recorder(run_path)
    connection = recorder._store._connection
    connection.execute("PRAGMA max_page_count = 16")
    for start in range(0, 40_000, 4_000):
        recorder.series("x", np.arange(start, start + 4_000), np.full(4_000, float(start)))
        recorder.flush()
    connection.execute("PRAGMA max_page_count = 1000000")
    recorder.close()
    run = Run(run_path)
    kept = run.series("x").iterations
    assert kept[-1] == 39_999
    assert len(kept) < 40_000
    assert f"{40_000 - len(kept):,} values" in caplog.text
    assert run.status == "finished"


def test_an_exception_makes_the_run_failed(run_path: Path) -> None:
    def train() -> None:
        with Recorder(run_path) as recorder:
            recorder.scalars(0, {"x": 1.0})
            recorder.scalars(1, {"x": 1 / 0})

    with pytest.raises(ZeroDivisionError):
        train()
    run = Run(run_path)
    assert run.status == "failed"
    assert run.info["reason"] == "ZeroDivisionError: division by zero"
    assert run.end_reason == "error"
    assert run["x"].tolist() == [1.0]


def test_a_process_that_ends_without_closing_keeps_its_values(run_path: Path) -> None:
    code = (
        "import sys; from backsight.signals import Recorder\n"
        "r = Recorder(sys.argv[1]); r.scalars(0, {'x': 4.0})"
    )
    subprocess.run([sys.executable, "-c", code, str(run_path)], check=True)
    run = Run(run_path)
    assert run.status == "failed"
    assert "without closing" in run.info["reason"]
    assert run.end_reason == "abandoned"
    assert run["x"].tolist() == [4.0]


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (None, "finished", "completed"),
        (GuardError("the guard rolled back 4 times"), "failed", "guard_gave_up"),
        (KeyboardInterrupt(), "failed", "interrupted"),
        (ValueError("the guard has nothing to do with it"), "failed", "error"),
        (SystemExit(3), "failed", "error"),
    ],
)
def test_what_ended_a_run_is_a_word(
    error: BaseException | None, status: str, word: str, run_path: Path
) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"x": 1.0})
    assert Run(run_path).end_reason is None
    recorder.close_after(error)
    assert (Run(run_path).status, Run(run_path).end_reason) == (status, word)
    assert word in END_REASONS
    Recorder.resume(run_path, before=1, events=0, config={}).flush()
    resumed = Run(run_path)
    assert (resumed.status, resumed.end_reason) == ("running", None)


@pytest.mark.some(3)
@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        ("running", None, None),
        ("finished", None, "completed"),
        ("finished", "stopped by the user after 5 of 20 iterations", "interrupted"),
        ("failed", "the guard has left out 3 updates in a row, and the loss is nan: …",
         "guard_gave_up"),
        ("failed", "GuardError: the guard has gone back 4 times and training fails again (…)",
         "guard_gave_up"),
        ("failed", "ValueError: the guard has nothing to do with it", "error"),
        ("failed", "KeyboardInterrupt", "interrupted"),
        ("failed", "the process ended without closing the run", "abandoned"),
        ("failed", None, "error"),
    ],
)  # fmt: skip
def test_a_run_from_before_there_was_a_word_is_given_one(
    status: str, reason: str | None, word: str | None, run_path: Path
) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"x": 1.0})
    told = json.loads((run_path / "run.json").read_text())
    del told["end_reason"]
    (run_path / "run.json").write_text(json.dumps(told | {"status": status, "reason": reason}))
    assert Run(run_path).end_reason == word


def test_a_forked_child_does_not_touch_the_run(run_path: Path) -> None:
    code = (
        "import os, sys; from backsight.signals import Recorder\n"
        "r = Recorder(sys.argv[1]); r.scalars(0, {'x': 4.0})\n"
        "child = os.fork()\n"
        "if child == 0: sys.exit(0)\n"
        "os.waitpid(child, 0); r.scalars(1, {'x': 5.0}); r.close()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(run_path)], check=True)
    run = Run(run_path)
    assert run.status == "finished"
    assert run["x"].tolist() == [4.0, 5.0]


def test_an_existing_folder_is_refused(run_path: Path) -> None:
    Recorder(run_path).close()
    with pytest.raises(RunError, match="already exists: choose another name"):
        Recorder(run_path)


def test_a_run_written_elsewhere_is_judged_by_its_heartbeat(run_path: Path) -> None:
    from backsight.signals._folder import update

    recorder = Recorder(run_path)
    update(run_path, writer={"host": "far away", "pid": 1, "started": "x"})
    assert Run(run_path).status == "running"
    recorder._store.write({}, [], time.time() - 60)
    assert Run(run_path).status == "killed"
    recorder.close()


def test_a_reused_pid_does_not_keep_a_dead_run_alive(run_path: Path) -> None:
    from backsight.signals._folder import update

    recorder = Recorder(run_path)
    writer = Run(run_path).info["writer"]
    update(run_path, writer={**writer, "started": "another time"})
    assert Run(run_path).status == "killed"
    recorder.close()


def test_events_keep_order_and_content(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.event("note", 3, {"value": float("nan"), "text": "ü\n"}, urgent=True)
        recorder.event("other", 1, [1, 2.5])
    run = Run(run_path)
    assert [(e.iteration, e.kind) for e in run.events()] == [(1, "other"), (3, "note")]
    assert run.events("note")[0].body == {"value": "NaN", "text": "ü\n"}


def test_an_urgent_event_is_committed_without_waiting(run_path: Path) -> None:
    recorder = Recorder(run_path)
    recorder._wake.wait(0)  # the thread is in its one-second sleep, or about to be
    recorder.event("finding", 0, {}, urgent=True)
    deadline = time.monotonic() + 30
    while not Run(run_path).events() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert Run(run_path).events("finding")
    recorder.close()


def test_names_resolve_to_a_single_member_or_say_which(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"hidden_norm_mean/rnn.l0": 1.0, "a/x": 1.0, "a/y": 2.0})
        recorder.profile("p", 0, [1.0])
    run = Run(run_path)
    assert run["hidden_norm_mean"].tolist() == [1.0]
    assert run.members("a") == ("a/x", "a/y")
    with pytest.raises(RunError, match=r"several members: name one of a/x, a/y"):
        run["a"]
    with pytest.raises(RunError, match="'nope' was not recorded; recorded signals: a/x"):
        run["nope"]
    with pytest.raises(RunError, match=r"read signal 'p' with run.profile\('p'\)"):
        run.series("p")
    with pytest.raises(RunError, match=r"read signal .* with run.series\('a/x'\)"):
        run.profile("a/x")


def test_a_run_with_nothing_recorded_is_readable(run_path: Path) -> None:
    Recorder(run_path).close()
    run = Run(run_path)
    assert (run.iterations, run.names, run.events(), run.status) == (0, (), [], "finished")


def test_list_runs_names_the_broken_ones(tmp_path: Path) -> None:
    for name in ("b", "a"):
        Recorder(tmp_path / name).close()
    (tmp_path / "unrelated").mkdir()
    Recorder(tmp_path / "broken").close()
    (tmp_path / "broken" / "run.json").write_text("{")
    runs, broken = list_runs(tmp_path)
    assert [run.name for run in runs] == ["b", "a"]  # by when they began
    assert len(broken) == 1
    assert "broken" in str(broken[0])


def test_pandas_keeps_nan_and_missing_apart(small_run: Run) -> None:
    frame = small_run.to_pandas()
    assert frame.index.name == "iteration"
    assert not frame["loss"].isna()[60] or np.isnan(frame["loss"].to_numpy(float)[60])
    assert frame["loss"].array._mask.sum() == 0
    assert np.isnan(frame["loss"].array._data[60])


def test_pandas_marks_what_was_not_recorded(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"loss": float("nan")})
        recorder.scalars(1, {"loss": 1.0, "val_loss": 2.0})
    frame = Run(run_path).to_pandas()
    assert frame["val_loss"].array._mask.tolist() == [True, False]
    assert frame["loss"].array._mask.tolist() == [False, False]


def test_xarray_has_every_signal_with_its_unit(small_run: Run) -> None:
    data = small_run.to_xarray()
    assert set(small_run.names) <= set(data.data_vars)
    assert data["loss"].attrs["long_name"] == "training loss"
    assert np.isnan(data["loss"].values[60])
    assert data["hidden_norm/rnn.l0_width"].values.tolist() == [4] * 5 + [8] * 5


def test_a_failed_commit_can_be_repeated(tmp_path: Path) -> None:
    """Nothing of it is half there, in the file or in the writer's own bookkeeping."""
    store = Store(tmp_path / "signals.db")
    block = SampleBlock(np.arange(5), np.zeros(5))
    store.write({"x": [block]}, [], 0.0)
    bad = (0, 0.0, None, "{}")  # kind must not be NULL
    with pytest.raises(sqlite3.IntegrityError):
        store.write({"y": [block]}, [bad], 0.0)  # type: ignore[list-item]
    store.write({"y": [block], "x": [SampleBlock(np.arange(5, 10), np.ones(5))]}, [], 0.0)
    store.close()
    connection = sqlite3.connect(tmp_path / "signals.db")
    assert connection.execute("SELECT COUNT(*) FROM chunk").fetchone() == (2,)
    connection.close()


def test_a_run_names_the_revision_that_it_was_made_with(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None outside a repository and before the first commit; dirty where a known file changed."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert git_revision() is None
    git("init")
    assert git_revision() is None
    Path("train.py").write_text("x = 1\n")
    git("add", "train.py")
    git("commit", "-m", "first")
    revision = git("rev-parse", "HEAD")
    assert git_revision() == {"revision": revision, "dirty": False}
    with Recorder(run_path):
        pass
    assert Run(run_path).info["git"] == {"revision": revision, "dirty": False}
    Path("notes.txt").write_text("untracked\n")
    assert git_revision() == {"revision": revision, "dirty": False}
    Path("train.py").write_text("x = 2\n")
    assert git_revision() == {"revision": revision, "dirty": True}


def test_a_new_run_leaves_no_trace_in_warnings_and_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python forgets which warnings it has shown where a process is started in the usual way."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    vars(platform.uname()).pop("processor", None)
    platform._platform_cache.clear()  # type: ignore[attr-defined]
    told: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda number, _: told.append(number))
    try:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("default")
            for name in ("a", "b"):
                warnings.warn("once a place", stacklevel=1)
                Recorder(name).close()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert [str(one.message) for one in shown] == ["once a place"]
    assert not told

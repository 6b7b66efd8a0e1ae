"""A folder that somebody else has made, or that is damaged: one sentence, whatever it holds."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from backsight._printable import printable
from backsight.cli import main
from backsight.diagnosis import Tried, facts_of, read_tried, write_tried
from backsight.errors import RunError
from backsight.report import terminal_text
from backsight.report.figures._loss import loss
from backsight.signals import Recorder, Run, list_runs, open_regular
from backsight.signals._schema import SEALED_FORMAT
from backsight.studies import read_map
from tests.test_study_folders import FIXTURES, LENGTH, MAP

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes FIFOs, links and sockets")

Shell = Callable[..., tuple[int, str, str]]
"""Arguments of the command line to its exit status, output and errors."""

HANGS = 20
"""Seconds after which a command counts as one that waits forever."""


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "good"
    with Recorder(path, kind="mine", config={"lr": 0.1}, seed=3) as recorder:
        recorder.series("loss", range(20), [2.0 - i / 20 for i in range(20)])
    return path


def sentence(err: str) -> str:
    """The one line on standard error."""
    (line,) = err.splitlines()
    assert line.startswith("backsight: ")
    assert "Traceback" not in line
    assert len(line) < 1000
    return line


# -- run.json ----------------------------------------------------------------------------------

TEXTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON"),
    "blank": (b"  \n", "is not JSON"),
    "truncated": (b'{"format": 2, "created": 1.0, "sta', "is not JSON"),
    "no JSON": (b"hello", "is not JSON"),
    "binary": (bytes(range(256)), "is not JSON"),
    "UTF-16": ('{"format": 2}'.encode("utf-16"), "is not JSON"),
    "zeros": (bytes(4096), "is not JSON"),
    "two": (b"{} {}", "is not JSON"),
    "deep list": (b"[" * 100_000 + b"]" * 100_000, "within each other"),
    "deep object": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "within each other"),
    "200 deep": (b'{"format": 2, "config": ' + b"[" * 200 + b"]" * 200 + b"}", "within each other"),
    "list": (b"[1, 2]", "it is a list, expected an object"),
    "string": (b'"run"', "it is 'run', expected an object"),
    "number": (b"12", "it is 12, expected an object"),
    "null": (b"null", "it is null, expected an object"),
    "no keys": (b"{}", "contains no format number"),
    "long number": (b'{"format": 1' + b"0" * 5000 + b"}", "is not JSON"),
    "bare NaN": (b'{"format": 2, "created": NaN}', "bare word NaN"),
    "bare Infinity": (b'{"format": 2, "created": -Infinity}', "bare word -Infinity"),
    "only a format": (b'{"format": 2}', "created is missing"),
    "half a character": (b'{"format": 2, "\\ud800": 1}', "'\\ud800' is not valid Unicode"),
}  # fmt: skip

FIELDS: list[tuple[str, Any, str]] = [
    ("format", True, "format is true, expected a whole number"),
    ("format", "2", "format is '2', expected a whole number"),
    ("format", 2.0, "format is 2.0, expected a whole number"),
    ("format", 0, "format is 0, expected a whole number"),
    ("format", -1, "format is -1, expected a whole number"),
    ("format", 99, "newer Backsight (format 99"),
    ("format", 10**4000, "newer Backsight (format 1000"),
    ("created", "today", "created is 'today', expected a number"),
    ("created", "NaN", "created is 'NaN', expected a number"),
    ("created", None, "created is null, expected a number"),
    ("created", -1, "created is -1, expected a number >= 0"),
    ("created", 1e300, "created is 1e+300, expected a number <= "),
    ("created", 10**4000, "created is 1000"),
    ("created", [], "created is a list, expected a number"),
    ("status", 1, "status is 1, expected a string"),
    ("status", "done", "status is 'done', expected one of running, finished, failed"),
    ("status", "x" * 100_000, "expected one of running, finished, failed"),
    ("status", None, "status is null, expected a string"),
    ("kind", {}, "kind is an object, expected a string"),
    ("end_reason", "tired", "end_reason is 'tired', expected one of completed, "),
    ("end_reason", 3, "end_reason is 3, expected a string or null"),
    ("reason", ["a"], "reason is a list, expected a string or null"),
    ("ended", "later", "ended is 'later', expected a number or null"),
    ("ended", 1e12, "ended is 1000000000000.0, expected a number <= "),
    ("iterations", -1, "iterations is -1, expected a whole number >= 0"),
    ("iterations", 1.5, "iterations is 1.5, expected a whole number or null"),
    ("iterations", 1 << 64, "iterations is 18446744073709551616, expected"),
    ("iterations", True, "iterations is true, expected a whole number or null"),
    ("iterations", 21, "only 20"),
    ("seed", "3", "seed is '3', expected a whole number or null"),
    ("command", 3, "command is 3, expected a string or null"),
    ("config", [], "config is a list, expected an object"),
    ("config", None, "config is null, expected an object"),
    ("versions", "1.0", "versions is '1.0', expected an object"),
    ("versions", {"torch": 2}, "of another type, expected a string"),
    ("machine", 3, "machine is 3, expected an object"),
    ("git", "abc", "git is 'abc', expected an object or null"),
    ("git", {}, "git.revision is missing"),
    ("git", {"revision": 1}, "git.revision is 1, expected a string"),
    ("git", {"revision": "a", "dirty": "no"}, "git.dirty is 'no', expected true or false"),
    ("writer", [1], "writer is a list, expected an object or null"),
    ("writer", {"pid": 0}, "writer.pid is 0, expected a whole number >= 1"),
    ("writer", {"pid": -1}, "writer.pid is -1, expected"),
    ("writer", {"pid": 1 << 70}, "writer.pid is 1180591620717411303424, expected"),
    ("writer", {"host": 3}, "writer.host is 3, expected a string or null"),
    ("resumed", {}, "resumed is an object, expected a list"),
    ("resumed", [3], "resumed[0] is 3, expected an object"),
]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)


def socket_at(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has room for 100 characters
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def outside(path: Path) -> None:
    beyond = path.parent.parent / "beyond.json"
    beyond.write_text('{"format": 2, "secret": "hunter2"}')
    path.symlink_to(beyond)


def linked_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Puts what ``make`` makes in the file's place."""

    def spoil(file: Path) -> None:
        file.unlink()
        make(file)

    return spoil


def writes(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


def changes(**fields: Any) -> Callable[[Path], object]:
    return lambda file: change(file, **fields)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (fifo, "run.json is a FIFO, and was not opened"),
    "folder": (Path.mkdir, "run.json is a folder, and was not opened"),
    "socket": (socket_at, "run.json is a socket, and was not opened"),
    "100 MB": (sparse, "larger than 16 MiB"),
    "link to passwd": (lambda p: p.symlink_to("/etc/passwd"), "is a link that leaves its folder"),
    "link outside": (outside, "is a link that leaves its folder"),
    "link to a device": (lambda p: p.symlink_to("/dev/zero"), "is a link that leaves its folder"),
    "link to a FIFO": (
        linked_fifo,
        "run.json is a FIFO, and was not opened",
    ),
    "link to itself": (lambda p: p.symlink_to("run.json"), "run.json is a link to itself"),
}


def spoilers() -> Iterator[tuple[str, Callable[[Path], object], str]]:
    """Name, what makes a bad ``run.json`` of a good one, and words of the complaint."""
    for name, (content, words) in TEXTS.items():
        yield name, writes(content), words
    for number, (field, value, words) in enumerate(FIELDS):
        yield f"{field} {number}", changes(**{field: value}), words
    for name, (make, words) in FILES.items():
        yield name, instead(make), words


def change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


SPOILERS = list(spoilers())


def copy(good: Path, to: Path) -> Path:
    return Path(shutil.copytree(good, to))


@pytest.mark.some(27)
@pytest.mark.parametrize(("name", "spoil", "words"), SPOILERS, ids=[one[0] for one in SPOILERS])
def test_a_bad_run_json_is_one_sentence(
    name: str,
    spoil: Callable[[Path], object],
    words: str,
    good: Path,
    tmp_path: Path,
    shell: Shell,
) -> None:
    path = copy(good, tmp_path / "bad")
    spoil(path / "run.json")
    for command in ("diagnose", "report"):
        status, out, err = shell(command, path)
        assert (status, out) == (2, "")
        assert words in sentence(err)
        assert "hunter2" not in err
        assert "root:" not in err
    assert not (path / "report.html").exists()


def test_runs_lists_the_good_ones_beside_any_number_of_bad_ones(
    good: Path, tmp_path: Path, shell: Shell
) -> None:
    assert len(SPOILERS) >= 50
    for number, (_, spoil, _) in enumerate(SPOILERS):
        spoil(copy(good, tmp_path / f"bad-{number}") / "run.json")
    (tmp_path / "beyond.json").unlink()
    for name in ("first", "second"):
        copy(good, tmp_path / name)
    (tmp_path / "first" / "run.json").rename(tmp_path / "first" / "true.json")
    (tmp_path / "first" / "run.json").symlink_to("true.json")  # a link that stays is followed
    status, out, err = shell("runs", tmp_path, "--json")
    assert status == 2
    assert {row["name"] for row in json.loads(out)} == {"first", "second"}
    lines = err.splitlines()
    assert len(lines) == len(SPOILERS)
    assert all(line.startswith(f"backsight: {tmp_path}/bad-") for line in lines)


def test_a_run_that_tells_only_what_it_must_has_a_page(
    good: Path, tmp_path: Path, shell: Shell
) -> None:
    path = copy(good, tmp_path / "run")
    (path / "run.json").write_text('{"format": 2, "created": 1.5, "status": "finished"}')
    for command in ("report", "diagnose"):
        assert shell(command, path)[::2] == (0, "")


def test_a_sound_one_with_fields_of_a_later_version_is_read(good: Path, tmp_path: Path) -> None:
    path = copy(good, tmp_path / "run")
    writer = json.loads((path / "run.json").read_text())["writer"]
    change(path / "run.json", colour={"a": [None]}, writer={**writer, "thread": 3})
    assert Run(path).iterations == 20


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("FIFO", fifo), ("folder", Path.mkdir), ("link", lambda p: p.symlink_to("/etc/passwd"))],
)
@pytest.mark.parametrize("ending", ["", "-wal", "-journal"])
def test_a_store_that_is_no_regular_file_is_not_opened(
    name: str,
    spoil: Callable[[Path], object],
    ending: str,
    good: Path,
    tmp_path: Path,
    shell: Shell,
) -> None:
    path = copy(good, tmp_path / "bad")
    file = path / f"signals.db{ending}"
    file.unlink(missing_ok=True)
    spoil(file)
    status, _, err = shell("diagnose", path)
    assert status == 2
    assert f"signals.db{ending} is a" in sentence(err)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 5000 + "]" * 5000, "within each other"),
        ('{"text": NaN}', "bare word NaN"),
        ('{"text": 3}', "text is 3, expected a string"),
        ('{"text": "a", "temperature": "hot"}', "temperature is 'hot', expected a number or null"),
        ("[]", "its content is a list, expected an object"),
        (b"{}", "it contains an invalid record"),
        (3.5, "its content is 3.5, expected an object"),
        ('"' + "a" * (17 << 20) + '"', "expected an object"),
    ],
)
def test_a_damaged_event_is_one_sentence(
    body: object, words: str, good: Path, tmp_path: Path, shell: Shell
) -> None:
    path = copy(good, tmp_path / "bad")
    with closing(sqlite3.connect(path / "signals.db")) as store, store:
        store.executescript(  # as a store of the version before: it has no seals to be broken
            f"DROP TABLE length; DROP TABLE seal; PRAGMA user_version = {SEALED_FORMAT - 1}"
        )
        row = (1, 1.0, "sample", body)
        store.execute("INSERT INTO event (iteration, time, kind, body) VALUES (?, ?, ?, ?)", row)
    status, _, err = shell("report", path)
    assert status == 2
    assert words in sentence(err)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"lag": 3}, "kind is missing"),
        ({"lag": "x"}, "lag is 'x', expected a whole number"),
        ({"origin": "a", "train_characters": -1, "parameters": 1}, "train_characters is -1"),
        (
            {"origin": "a", "train_characters": 1, "parameters": 1, "baselines": {"unigram": "x"}},
            "expected a number",
        ),
        (
            {"origin": "a", "train_characters": 1, "parameters": 1, "baselines": {"unigram": 1.0}},
            "bigram is missing",
        ),
        ({"origin": "a", "train_characters": 1, "parameters": 1}, "is missing"),  # layers
    ],
)
def test_facts_of_the_lab_that_make_no_sense(
    body: dict[str, Any], words: str, tmp_path: Path, shell: Shell
) -> None:
    with Recorder(tmp_path / "run", kind="mine", config={"lr": 0.1}) as recorder:
        recorder.event("setup", 0, body)
        recorder.series("loss", range(20), [1.0] * 20)
    status, _, err = shell("report", tmp_path / "run")
    assert status == 2
    assert words in sentence(err)


def test_a_setup_that_does_not_say_how_many_sequences_were_held_out(
    tmp_path: Path, shell: Shell
) -> None:
    criterion = {"wrong": 0, "sequences": 10, "statement": "none is wrong", "source": "a paper"}
    body = {"kind": "symbol", "origin": "echo", "length": 8, "lag": 2, "parameters": 9,
            "baselines": {"memoryless": 1.0}, "criterion": criterion}  # fmt: skip
    config = {"layers": 1, "hidden": 4, "batch": 2, "cell": "rnn"}
    with Recorder(tmp_path / "run", kind="train echo", config=config) as recorder:
        recorder.event("setup", 0, body)
        recorder.series("loss", range(20), [1.0] * 20)
        recorder.scalars(19, {"val_loss": 1.0, "val_sequence_error": 0.25})
    assert shell("report", tmp_path / "run")[::2] == (0, "")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "not solved: 25.0 % of the held-out sequences are wrong" in page


# -- study.json, map.json, remedies.json -------------------------------------------------------

PLANS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda f: f.write_text(""), "is not JSON"),
    "list": (lambda f: f.write_text("[]"), "it is a list, expected an object"),
    "no format": (lambda f: f.write_text("{}"), "contains no format number"),
    "newer": (lambda f: change(f, format=99), "newer Backsight"),
    "no plan": (lambda f: change(f, plan=None), "plan is null, expected an object"),
    "deep": (lambda f: f.write_text('{"a":' * 9999 + "1" + "}" * 9999), "within each other"),
    "sparse": (sparse, "larger than 16 MiB"),
    "FIFO": (instead(fifo), "is a FIFO"),
    "link": (instead(lambda f: f.symlink_to("/etc/passwd")), "leaves its folder"),
}
STUDIES = {
    **PLANS,
    "ended": (lambda f: change(f, ended=[]), "ended is a list, expected an object"),
    "how": (lambda f: change(f, ended={"a": [0]}), "expected a list of length 2"),
    "status": (lambda f: change(f, ended={"a": ["0", 1.0]}), "expected a whole number"),
    "seconds": (lambda f: change(f, ended={"a": [0, -1.0]}), "expected a number >= 0"),
    "other": (lambda f: change(f, plan={f"x{i}": "\x1b[31m" for i in range(9999)}), "more"),
}


def change_plan(file: Path, **fields: Any) -> None:
    change(file, plan={**json.loads(file.read_text())["plan"], **fields})


def change_settings(file: Path, **settings: Any) -> None:
    change_plan(file, settings={**json.loads(file.read_text())["plan"]["settings"], **settings})


MAPS = {
    **PLANS,
    "task": (lambda f: change_plan(f, task=3), "plan.task is 3, expected a string"),
    "axis": (lambda f: change_plan(f, x={"name": "lr"}), "plan.x.spacing is missing"),
    "no values": (
        lambda f: change_plan(f, x={"name": "lr", "spacing": "list", "values": []}),
        "plan.x.values is a list, expected a list of length >= 1",
    ),
    "seeds": (lambda f: change_plan(f, seeds=-1), "plan.seeds is -1, expected"),
    "settings": (lambda f: change_plan(f, settings=[]), "plan.settings is a list, expected"),
    "optimizer": (lambda f: change_settings(f, optimizer=1), "invalid setting: optimizer = 1"),
    "hidden": (lambda f: change_settings(f, hidden="8"), "invalid setting: hidden = '8'"),
    "huge": (lambda f: change_settings(f, lr=10**400), "invalid setting: lr = 1000"),
    "other setting": (lambda f: change_settings(f, colour=1), "invalid setting: colour = 1"),
}


@pytest.mark.some(4)
@pytest.mark.parametrize("name", STUDIES)
def test_a_bad_study_json_is_one_sentence(name: str, tmp_path: Path, shell: Shell) -> None:
    spoil, words = STUDIES[name]
    folder = Path(shutil.copytree(FIXTURES / "length-study", tmp_path / "study"))
    spoil(folder / "study.json")
    status, out, err = shell(*LENGTH, folder)
    assert (status, out) == (2, "")
    assert words in sentence(err.splitlines()[-1])
    assert "\x1b" not in err
    assert "root:" not in err


@pytest.mark.parametrize("name", MAPS)
def test_a_bad_map_json_is_one_sentence(name: str, tmp_path: Path, shell: Shell) -> None:
    spoil, words = MAPS[name]
    folder = Path(shutil.copytree(FIXTURES / "stability-map", tmp_path / "map"))
    spoil(folder / "map.json")
    with pytest.raises(RunError, match=re.escape(words)):
        read_map(folder)
    status, out, err = shell(*MAP, folder)
    assert (status, out) == (2, "")
    sentence(err)
    assert "root:" not in err


def test_a_fact_that_no_number_can_hold_is_left_out(good: Path, tmp_path: Path) -> None:
    path = copy(good, tmp_path / "run")
    change(path / "run.json", config={"facts": {"lag": 10**400, "baseline": 2}})
    facts = facts_of(Run(path))
    assert (facts.lag, facts.baseline) == (None, 2.0)


def test_a_complaint_about_a_part_is_short(tmp_path: Path) -> None:
    """The reader of archives quotes a name that it does not expect."""
    folder = Path(shutil.copytree(FIXTURES / "stability-map", tmp_path / "map"))
    file = folder / "part-0000.npz"
    content = file.read_bytes()
    at = content.index(b"row.npy")  # in the header of the file within; its length is before it
    damaged = content[: at - 4] + (2000).to_bytes(2, "little") + content[at - 2 :]
    file.write_bytes(damaged)
    with pytest.raises(RunError, match=r"cannot read .*remove it") as refused:
        read_map(folder)
    assert len(str(refused.value)) < 1000


def test_a_complaint_about_a_plan_is_short(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FIXTURES / "stability-map", tmp_path / "map"))
    change_settings(folder / "map.json", guard="x" * 10**5)
    with pytest.raises(RunError, match=r"map.json is damaged: .*x+…$") as refused:
        read_map(folder)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("name", [*(n for n in PLANS if n != "no plan"), "proven", "made"])
def test_a_bad_remedies_json_does_not_keep_a_diagnosis_back(
    name: str, good: Path, tmp_path: Path, shell: Shell
) -> None:
    path = copy(good, tmp_path / "run")
    write_tried(path, Tried(True, "clip", "A clip helps.", "", study="runs/study", iterations=20))
    more = {
        "proven": (lambda f: change(f, proven="yes"), "proven is 'yes', expected true or false"),
        "made": (lambda f: change(f, made=-5), "made is -5, expected a number >= 0"),
    }
    spoil, words = {**PLANS, **more}[name]
    spoil(path / "remedies.json")
    with pytest.raises(RunError) as refused:
        read_tried(path)
    assert words in str(refused.value)
    assert "run the study of remedies again" in str(refused.value)
    status, out, err = shell("diagnose", path, "--json")
    assert (status, err) == (0, "")
    assert words in json.loads(out)["remedies"]["error"]


def test_a_bad_run_is_no_subject_of_a_study(good: Path, tmp_path: Path, shell: Shell) -> None:
    path = copy(good, tmp_path / "bad")
    change(path / "run.json", status=3)
    status, _, err = shell("study", "remedies", path)
    assert status == 2
    assert "status is 3, expected a string" in sentence(err)


# -- names and texts ---------------------------------------------------------------------------

NAMES = [
    "a b", "a#b", "a?b=1", "a%20b", "file:a", "a'b\"c", "-rf", "[red]a[b]", "a\nb", "a\tb",
    "\x1b[2Ja", "a\u202eb", "🙂", "a&b<c>",
]  # fmt: skip


@pytest.mark.some(6)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_an_odd_name_is_read_and_shown_harmlessly(
    name: str, good: Path, tmp_path: Path, shell: Shell
) -> None:
    path = copy(good, tmp_path / "runs" / name)
    for command, given in (("diagnose", path), ("report", path), ("runs", path.parent)):
        status, out, err = shell(command, given)
        assert (status, err) == (0, "")
        assert not set(out) & set("\x1b\u202e\t")
        if command != "report":  # rich breaks no name of a run
            assert printable(name) in out
    (row,) = json.loads(shell("runs", path.parent, "--json")[1])
    assert row["name"] == name
    assert "<c>" not in (path / "report.html").read_text().partition("<body>")[2]


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_a_name_that_is_no_text_works(good: Path, tmp_path: Path, shell: Shell) -> None:
    path = copy(good, tmp_path / "runs" / os.fsdecode(b"a\xffb"))
    for words in (("diagnose", path), ("report", path), ("runs", path.parent)):
        status, out, err = shell(*words)
        assert (status, err) == (0, "")
        assert out.encode()  # or a terminal could not show it


def test_complaints_and_findings_carry_no_escapes(good: Path, tmp_path: Path, shell: Shell) -> None:
    bad = copy(good, tmp_path / "\x1b]0;owned\x07\u202e\nbacksight: all is well")
    change(bad / "run.json", status="\x1b[31m")
    status, _, err = shell("runs", tmp_path)
    assert status == 2
    assert "\\x1b]0;owned\\x07\\u202e\\nbacksight" in sentence(err)
    assert not set(err) & set("\x1b\x07\u202e")
    with Recorder(tmp_path / "nan", kind="mine", config={}) as recorder:
        name = "grad_norm/\x1b[2J[red]\u202e"
        recorder.series(name, range(50), [float("nan")] * 50)
    write_tried(
        tmp_path / "nan", Tried(True, "clip", "\x1b[2J[red]", "rm \x1b", study="\n", iterations=1)
    )
    out = shell("diagnose", tmp_path / "nan")[1]
    assert "\\x1b[2J[red]" in out
    assert not set(out) & set("\x1b\x07\u202e")


def test_a_text_is_printable_and_words_that_need_joiners_stay() -> None:
    assert printable("a\x00\x9b\u2066\u2028\udcff") == "a\\x00\\x9b\\u2066\\u2028\\udcff"
    assert printable("a\nb") == "a\\nb"
    assert printable("a\nb", keep="\n") == "a\nb"
    assert printable("👩\u200d🔬 é ‖h‖") == "👩\u200d🔬 é ‖h‖"
    assert terminal_text("[bold]a\n\x1b").plain == "[bold]a\n\\x1b"


def test_a_page_holds_no_markup_of_a_run(tmp_path: Path, shell: Shell) -> None:
    evil = "\u202e\x1b</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    config = {evil: evil}
    with Recorder(tmp_path / "run", kind=evil, config=config, command=evil) as recorder:
        recorder.series(f"loss/{evil}", range(50), [float("nan")] * 50)
        recorder.series(f"grad_norm/{evil}", range(50), [1.0] * 50)
        recorder.event("sample", 9, {"text": evil})
        recorder.event("act", 9, {"message": evil, "model": evil})
    change(tmp_path / "run" / "run.json", reason=evil, status="failed", versions={evil: evil})
    assert shell("report", tmp_path / "run")[0] == 0
    page = (tmp_path / "run" / "report.html").read_text()
    # Plotly takes a few tags for formatting, links among them: its texts are escaped once more.
    labels = [trace.name for trace in loss(Run(tmp_path / "run")).data if trace.name]
    assert labels
    assert not any("<" in label for label in labels)
    assert "<script>alert" not in page
    body = page.partition("<body>")[2]
    assert "\x1b" not in body
    assert "\\u202e\\x1b&lt;/script&gt;" in body
    assert "<img" not in page.partition("<body>")[2]
    assert page.count("alert(1)") > 5  # or the run's texts were not on the page at all


# -- the file system ---------------------------------------------------------------------------


def test_a_link_that_is_put_in_place_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, true = tmp_path / "run.json", tmp_path / "true.json"
    file.write_text("{}")
    true.write_text("secret")
    opened = os.open

    def swap(path: Path, flags: int) -> int:
        file.unlink()
        file.symlink_to(true)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(file)


def test_a_folder_of_runs_that_cannot_be_searched_is_one_sentence(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> None:
    copy(good, tmp_path / "good")
    (tmp_path / "closed").mkdir()
    seen = Path.lstat

    def closed(path: Path) -> os.stat_result:
        if path.parent.name == "closed":
            raise PermissionError(13, "Permission denied")  # root may search any folder
        return seen(path)

    monkeypatch.setattr(Path, "lstat", closed)
    runs, complaints = list_runs(tmp_path)
    assert [run.name for run in runs] == ["good"]
    assert [str(one) for one in complaints] == [
        f"{tmp_path / 'closed'} cannot be read: Permission denied"
    ]

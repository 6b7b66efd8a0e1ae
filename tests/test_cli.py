"""The command line as a user meets it: words, exit statuses, speed of starting."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backsight.cli import main
from backsight.signals import Recorder, Run
from tests import processes


def backsight(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return processes.run([*processes.COMMAND, *arguments], cwd=cwd)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--help",),
        ("train", "--help"),
        ("train", "chars", "--help"),
        ("report", "--help"),
        ("diagnose", "--help"),
        ("follow", "--help"),
        ("study", "--help"),
        ("study", "map", "--help"),
        ("runs", "--help"),
        ("version", "--help"),
    ],
)
def test_help_is_there_and_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; from backsight.cli import main\n"
        "try: status = main(sys.argv[1:])\n"
        "except SystemExit as e: status = e.code or 0\n"
        "heavy = {'torch', 'numpy', 'plotly', 'lightning_fabric', 'typeguard', 'asyncio'}\n"
        "print('HEAVY', heavy & set(sys.modules), 'STATUS', status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert "HEAVY set() STATUS 0" in done.stdout
    assert "usage: backsight" in done.stdout


def test_reading_commands_never_import_torch(small_run: Run) -> None:
    code = (
        "import sys; from backsight.cli import main\n"
        "assert main(['runs', sys.argv[1]]) == 0\n"
        "assert main(['runs', sys.argv[1], '--json']) == 0\n"
        "assert main(['report', sys.argv[1] + '/run']) == 0\n"
        "import backsight.ui._server\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(small_run.path.parent)], check=True)


def test_train_then_runs_then_report(text_file: Path, tmp_path: Path) -> None:
    """The main job from a shell, away from a terminal: plain lines and a page."""
    done = backsight(
        "train", "chars", "--text", text_file, "--hidden", 16, "--seq-len", 12, "--batch", 4,
        "--iterations", 30, "--stateful", "--optimizer", "momentum", "--momentum", 0.8,
        "--clip", "None", "--init", "orthogonal", "--device", "cpu", "--precision", "32-true",
        "--seed", 5, "--every", 10, "--layers", 1, "--cell", "gru", "--lr", 0.1, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "to beat, in bits per character" in done.stdout
    assert "30/30  loss " in done.stdout
    assert "\x1b" not in done.stdout
    assert "counting pairs of characters" in done.stdout
    assert "chars-gru-1/report.html" in done.stdout

    done = backsight("runs", cwd=tmp_path)
    assert "chars-gru-1" in done.stdout
    assert "finished" in done.stdout
    (row,) = json.loads(backsight("runs", "--json", cwd=tmp_path).stdout)
    assert row["iterations"] == 30
    assert row["name"] == "chars-gru-1"
    assert (row["status"], row["end_reason"]) == ("finished", "completed")

    done = backsight("report", "runs/chars-gru-1", "--out", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "page.html"
    assert (tmp_path / "page.html").stat().st_size > 1_000_000


def test_json_spells_a_nan_and_is_standard_json(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"loss": float("nan")})
    assert main(["runs", str(run_path.parent), "--json"]) == 0

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    (row,) = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert row["loss"] == "NaN"
    assert row["val_loss"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tarin"], "did you mean train?"),
        (["xyz"], "backsight --help"),
        (["train", "tetris"], "there is no task 'tetris': choose one of chars"),
        (["train", "chars", "--cell", "foo"], "invalid choice 'foo'"),
        (
            ["train", "chars", "--lr", "abc"],
            "--lr: expected None or a value of type FLOAT, not 'abc'",
        ),
        (["train", "chars", "--lr", "nan"], "--lr must be a number above 0, not nan"),
        (["train", "chars", "--hidden", "-3"], "--hidden must be a whole number of at least 1"),
        (["train", "chars", "--hidden", "2.5"], "--hidden"),
        (["train", "chars", "--bogus"], "--bogus"),
        (["train", "chars", "--text", "/nowhere.txt"], "/nowhere.txt does not exist"),
        (["report"], "report needs PATH, the run folder ("),
        (["diagnose"], "diagnose needs PATH, the run folder; the run may still be training ("),
        (["report", "/nowhere"], "/nowhere does not exist"),
        (["runs", "/nowhere"], "/nowhere is not a folder"),
        (["ui", "pyproject.toml"], "pyproject.toml is a file: expected a folder of runs"),
        (["ui", "--port", "70000"], "--port must be a whole number from 0 to 65535"),
        (["ui", "--host", "0.0.0.0"], "add --token-file FILE"),
        (["ui", "--token-file", "/nowhere"], "--token-file /nowhere cannot be read"),
        (["ui", "--root-path", "x"], "--root-path must begin with a slash"),
        (["version", "--bogus"], "--bogus"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("backsight: ")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary", "is a binary file"),
        ("café".encode("latin-1"), "is not UTF-8 text"),
        (b"short", "too few"),
    ],
)
def test_bad_texts_from_the_command_line(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    run = tmp_path / "run"
    assert main(["train", "chars", "--text", str(file), "--run", str(run)]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err
    assert not run.exists()


def test_debug_shows_the_traceback() -> None:
    done = backsight("report", "/nowhere", "--debug")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "RunError" in done.stderr


def test_a_broken_run_among_good_ones_is_named(
    small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = small_run.path.parent / "bad"
    Recorder(bad).close()
    content = (bad / "signals.db").read_bytes()
    (bad / "signals.db").write_bytes(content[:-1000])
    assert main(["runs", str(small_run.path.parent)]) == 2
    out, err = capsys.readouterr()
    assert "finished" in out
    assert "bad" in err
    assert "damaged" in err


def test_a_page_that_cannot_be_written(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(small_run.path), "--out", "/nowhere/page.html"]) == 2
    assert "cannot write /nowhere/page.html" in capsys.readouterr().err


def test_a_reader_that_closes_early_is_no_error(small_run: Run) -> None:
    done = subprocess.run(
        f"{sys.executable} -m backsight runs {small_run.path.parent} --json | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_version_names_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("backsight", "torch", "numpy", "python", "platform"))

"""``backsight diagnose``: its exit status, what it leaves out, and what a project may say of it."""

import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.cli import main
from backsight.cli._run import _ignored, _log_to
from backsight.diagnosis import Judge, diagnose
from backsight.monitor import announce
from backsight.signals import Recorder
from tests import processes

FALLS = [float(x) for x in 1 + 3 * np.exp(-np.arange(120) / 40)]
BROKEN = [*FALLS, float("nan")]


@pytest.fixture
def run_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "inside")
    return tmp_path / "run"


def write(path: Path, loss: Sequence[float], error: BaseException | None = None) -> None:
    recorder = Recorder(path)
    recorder.series("loss", range(len(loss)), loss)
    recorder.close_after(error)


def project(path: Path, text: str) -> Path:
    """The file above the working directory."""
    file = path.parent / "project" / "pyproject.toml"
    file.write_text(text)
    return file


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (None, [], 0),
        (ValueError("shapes differ"), [], 1),
        (SystemExit(3), [], 1),
        (KeyboardInterrupt(), [], 0),  # it was asked to stop
        (ValueError("shapes differ"), ["--fail-on", "BKS202"], 0),
        (ValueError("shapes differ."), [], 1),
        (ValueError("shapes differ"), ["--json"], 1),
    ],
)
def test_a_run_that_failed_gives_status_1(
    error: BaseException | None, words: list[str], status: int, run_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nothing is found in it, and it failed all the same."""
    write(run_path, FALLS, error)
    assert main(["diagnose", str(run_path), *words]) == status
    out = capsys.readouterr().out
    if "--json" in words:
        told = json.loads(out)
        assert (told["end_reason"], told["reason"]) == ("error", "ValueError: shapes differ")
    else:
        said = "The run failed: ValueError: shapes differ.\n"
        assert (said in out) == isinstance(error, ValueError)


def test_what_is_ignored_is_left_out_and_said(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(run_path, BROKEN)
    assert main(["diagnose", str(run_path)]) == 1
    assert "BKS201 not finite" in capsys.readouterr().out
    assert main(["diagnose", str(run_path), "--ignore", "bks201"]) == 0
    out = capsys.readouterr().out
    assert "not finite  from" not in out
    assert "Training failed" not in out
    assert "ignored: BKS201" in out
    assert main(["diagnose", str(run_path), "--json", "--ignore", "BKS201", "BKS202"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ignored"], told["findings"], told["has_errors"]) == (
        ["BKS201", "BKS202"], [], False
    )  # fmt: skip
    assert not {v["code"] for v in told["verdicts"]} & {"BKS201", "BKS202"}


TABLES: Mapping[str, tuple[list[str], int]] = {
    'ignore = ["BKS201"]': ([], 0),
    'ignore = ["BKS202"]': ([], 1),
    'ignore = ["BKS202"] ': (["--ignore", "BKS201"], 0),  # both count
    'fail-on = ["BKS202"]': ([], 0),
    'fail-on = ["bks201"]': ([], 1),
    'fail-on = ["BKS202"] ': (["--fail-on", "BKS201"], 1),  # the command line goes before
    "": ([], 1),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("table", TABLES)
def test_a_project_may_say_it_once_for_all(
    table: str, run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(run_path, BROKEN)
    project(run_path, f"[project]\nname = 'mine'\n[tool.backsight]\n{table}\n")
    words, status = TABLES[table]
    assert main(["diagnose", str(run_path), *words]) == status
    assert capsys.readouterr().err == ""


def test_only_the_nearest_file_counts(run_path: Path) -> None:
    write(run_path, BROKEN)
    project(run_path, '[tool.backsight]\nignore = ["BKS201"]\n')
    Path("pyproject.toml").write_text("[tool.other]\n")
    assert main(["diagnose", str(run_path)]) == 1


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.backsight]\nignored = []\n", "has no setting 'ignored': choose from fail-on, igno"),
        ("[tool.backsight]\nignore = 'BKS201'\n", "must be a list of codes"),
        ("[tool.backsight]\nignore = [201]\n", "must be a list of codes"),
        ("[tool.backsight]\nignore = ['BKS999']\n", "expects codes of findings, not BKS999"),
        ("tool = {backsight = 3}\n", "must be a table, not 3"),
        ("[tool.backsight\n", "cannot read"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(
    text: str, said: str, run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(run_path, FALLS)
    file = project(run_path, text)
    assert main(["diagnose", str(run_path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert str(file) in err


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\n", "[tool.ruff]\nignore = ['E501']\n", ""])
def test_a_file_of_other_tools_is_none_of_ours(text: Any, run_path: Path) -> None:
    write(run_path, FALLS)
    project(run_path, text)
    assert main(["diagnose", str(run_path)]) == 0


@pytest.mark.parametrize("from_project", [False, True])
def test_the_page_and_the_strip_leave_the_same_out(
    from_project: bool, run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(run_path, BROKEN)
    page = run_path / "report.html"
    assert main(["report", str(run_path), "--light"]) == 0
    (told,) = [f for f in diagnose(run_path).lasting if f.code == "BKS201"]
    assert escape(told.message[1:]) in page.read_text()
    words = [] if from_project else ["--ignore", "bks201"]
    if from_project:
        project(run_path, '[tool.backsight]\nignore = ["BKS201"]\n')
    assert main(["report", str(run_path), "--light", *words]) == 0
    assert escape(told.message[1:]) not in page.read_text()
    assert "Ignored: BKS201." in page.read_text()
    capsys.readouterr()
    assert main(["follow", str(run_path), "--once", *words]) == 0
    assert "BKS201" not in capsys.readouterr().out


def test_the_log_of_a_run_leaves_out_what_the_project_ignores(run_path: Path) -> None:
    (finding,) = [f for f in Judge().update(0, {"loss": float("nan")}) if f.code == "BKS201"]
    for ignored, lines in (((), 1), (("BKS201",), 0)):
        stderr = StringIO()
        with _log_to(stderr, ignored):
            announce(finding)
        assert stderr.getvalue().count("BKS201") == lines


def test_a_mistake_in_the_project_does_not_keep_a_script_from_running(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(run_path, '[tool.backsight]\nignore = ["BKS201"]\n')
    assert _ignored(None) == {"BKS201"}
    project(run_path, "[tool.backsight]\nignored = []\n")
    assert _ignored(sys.stderr) == set()
    assert "has no setting 'ignored'" in capsys.readouterr().err


LOSES = """
import torch
layer = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for i in range(3):
    loss = layer(torch.ones(1, 1)).sum() * float("nan")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_run_does_not_tell_what_it_is_to_ignore(run_path: Path) -> None:
    """It is recorded all the same."""
    Path("train.py").write_text(LOSES)
    for path, words, told in (("one", [], True), ("two", ["--ignore", "bks201", "BKS105"], False)):
        command = [sys.executable, "-m", "backsight", "run", "--run", path, *words, "train.py"]
        done = processes.run(command, cwd=Path.cwd())
        assert done.returncode == 0
        assert ("BKS201" in done.stderr) == told
        assert "BKS201" in {f.code for f in diagnose(Path(path)).lasting}


@pytest.mark.parametrize("words", [["BKS999", "train.py"], ["train.py"]])
def test_run_is_told_which_code_there_is_not(
    words: list[str], run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--ignore", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"--ignore expects codes of findings, not {words[0].upper()}: choose" in err

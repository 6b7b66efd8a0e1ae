"""Folders of format 1 are read as if this version had written them."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from backsight.cli import main
from backsight.diagnosis import diagnose, read_tried
from backsight.signals import FORMAT, Recorder, Run, current_plan
from backsight.signals._migration import FINDING_FIELDS, current_event
from backsight.studies import StudyFolder

OLD = Path(__file__).parent / "fixtures" / "run-with-findings"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def raw(path: Path, kind: str) -> list[dict[str, object]]:
    """Events as they are on disk."""
    with sqlite3.connect(f"file:{path / 'signals.db'}?mode=ro&immutable=1", uri=True) as store:
        rows = store.execute("SELECT body FROM event WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(body) for (body,) in rows]


def test_a_run_of_format_1_is_read(old: Path) -> None:
    run = Run(old)
    assert run.info["format"] == 1 < FORMAT
    assert run.end_reason == "completed"
    written, read = raw(old, "finding"), [event.body for event in run.events("finding")]
    assert written
    for before, now in zip(written, read, strict=True):
        assert str(before["code"]).startswith("BS")
        assert now["code"] == str(before["code"]).replace("BS", "BKS")
        for former, current in FINDING_FIELDS.items():
            assert former not in now
            assert now[current] == before[former]
    (ended,) = run.events("diagnosis")
    assert {f["code"] for f in ended.body["findings"]} == {f.code for f in diagnose(run).findings}


def test_what_was_found_then_is_found_now(old: Path) -> None:
    """Online verdicts of the version before, and fresh rules on the same signals."""
    run = Run(old)
    then = {(e.iteration, e.body["code"], e.body["module"]) for e in run.events("finding")}
    now = {(f.iteration, f.code, f.module) for f in diagnose(run).findings}
    assert now <= then


@pytest.mark.parametrize(
    "command", [["diagnose"], ["report"], ["runs"]], ids=lambda command: command[0]
)
def test_every_reader_takes_it(
    command: list[str], old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*command, str(old.parent if command == ["runs"] else old)])
    assert status in (0, 1) if command == ["diagnose"] else status == 0
    assert "BS1" not in capsys.readouterr().out


def test_what_is_current_stays(run_path: Path) -> None:
    """A run that goes on holds events of both formats: looking twice changes nothing."""
    body: dict[str, object] = {
        "code": "BKS101",
        "module": "rnn",
        "message": "m",
        "resolved_at": None,
        "outcome": {},
    }
    assert current_event("finding", body) == body
    once = current_event("diagnosis", {"findings": [{"code": "BS202", "where": "", "then": {}}]})
    assert once == {"findings": [{"code": "BKS202", "module": "", "outcome": {}}]}
    assert current_event("diagnosis", once) == once
    act = current_event("act", {"words": "w", "what": "norm"})
    assert act == current_event("act", act) == {"message": "w", "quantity": "norm"}
    criterion = {"criterion": {"words": "none wrong", "of": 9}}
    solved = {"criterion": {"statement": "none wrong", "sequences": 9}}
    assert current_event("setup", criterion) == current_event("setup", solved) == solved
    assert current_event("mine", {"words": "w", "where": 1}) == {"words": "w", "where": 1}
    odds: list[object] = [None, [], "BS101", {"findings": None}, {"findings": [None]}]
    for odd in odds:
        assert current_event("diagnosis", odd) == odd
    with Recorder(run_path) as recorder:
        recorder.event("mine", 0, {"code": "BS101"})
    assert Run(run_path).events("mine")[0].body == {"code": "BS101"}
    assert Run(run_path).info["format"] == FORMAT


def test_a_plan_of_format_1_is_the_same_plan() -> None:
    plan = {"symptoms": {"codes": ["BS203", "BS101"], "norm": 0.5}, "script": "BS2 BS101.py"}
    assert current_plan(plan) == {
        "symptoms": {"codes": ["BKS203", "BKS101"], "norm": 0.5}, "script": "BS2 BS101.py",
    }  # fmt: skip
    assert current_plan(current_plan(plan)) == current_plan(plan)


def test_remedies_of_a_study_of_format_1_have_their_names(tmp_path: Path) -> None:
    """Its trials are found where they are, and a trial that it lacks gets today's name."""
    path = tmp_path / "study"
    for part in ("runs/rate-third-seed0", "runs/clip-seed0", "logs"):
        (path / part).mkdir(parents=True)
    (path / "logs/rate-third-seed0.txt").write_text("trained")
    plan = {"kind": "remedies", "only": ["rate-third", "clip"], "script": ["rate-third"]}
    ended = {"rate-third-seed0": [0, 1.5], "clip-seed0": [1, 2.0]}
    (path / "study.json").write_text(json.dumps({"format": 1, "plan": plan, "ended": ended}))
    folder = StudyFolder(path)
    with folder.open({**plan, "only": ["lr-third", "clip"]}):
        assert {name: how.status for name, how in folder.ended.items()} == {
            "lr-third-seed0": 0, "clip-seed0": 1,
        }  # fmt: skip
    assert folder.run("lr-third-seed0") == path / "runs/rate-third-seed0"
    assert folder.log("lr-third-seed0").read_text() == "trained"
    assert folder.run("clip-seed0") == path / "runs/clip-seed0"
    assert folder.run("lr-third-seed1") == path / "runs/lr-third-seed1"


def test_what_a_study_of_format_1_left_with_a_run_is_read(old: Path) -> None:
    left = {
        "format": 1, "proven": True, "remedy": "rate-tenth", "words": "It helps.",
        "command": "backsight train", "study": "s", "iterations": 60, "made": 1.0,
    }  # fmt: skip
    (old / "remedies.json").write_text(json.dumps(left))
    tried = read_tried(old)
    assert tried is not None
    assert (tried.remedy, tried.message, tried.proven) == ("lr-tenth", "It helps.", True)

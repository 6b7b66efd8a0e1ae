"""Folders of format 1 are read as if this version had written them."""

import json
import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from backsight.cli import main
from backsight.diagnosis import diagnose, read_tried
from backsight.signals import FORMAT, Recorder, Run, Series, current_plan, measure_reach
from backsight.signals._former_reach import computed_again, reach_of
from backsight.signals._migration import FINDING_FIELDS, current_event
from backsight.signals._samples import SampleBlock
from backsight.studies import StudyFolder

NAN = math.nan
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
    then = {f["code"] for f in ended.body["findings"]}
    # With a loss at the last step only, no window is wasted; that version did not ask.
    assert then - {"BKS105"} == {f.code for f in diagnose(run).findings}


def test_what_was_derived_from_a_reach_is_computed_again(old: Path) -> None:
    """0.545, 0.300, 0.114: below half of lag 0 from lag 2 on, of lag 1 from lag 3 on."""
    with sqlite3.connect(f"file:{old / 'signals.db'}?mode=ro&immutable=1", uri=True) as store:
        ((numbers,),) = store.execute(
            "SELECT numbers FROM chunk JOIN signal ON signal.id = chunk.signal"
            " WHERE name = 'half_life/rnn.l0'"
        )
    np.testing.assert_array_equal(np.frombuffer(numbers)[:5], [2.0] * 5)
    run = Run(old)
    reach = run.profile("reach/rnn.l0")
    np.testing.assert_allclose(reach.rows[0][1:4], [0.545, 0.300, 0.114], atol=5e-4)
    measured = [measure_reach(row) for row in reach.rows]
    wanted = {
        "half_life": [float(one.half_life.steps) if one.half_life else NAN for one in measured],
        "horizon": [float(one.horizon.steps) if one.horizon else NAN for one in measured],
        "growth_rate": [one.growth_rate for one in measured],
    }
    assert wanted["half_life"][0] == 3
    names = [f"{name}/rnn.l0" for name in wanted]
    (part,) = run.stretches(names, [10**6])  # as the judge and every export read
    for name, values in wanted.items():
        np.testing.assert_array_equal(run[name], values)
        for read in (run.read(names), part):
            again = read[f"{name}/rnn.l0"]
            assert isinstance(again, Series)
            np.testing.assert_array_equal(again.values, values)
        at, value = run.last(name)
        assert at == reach.iterations[-1]
        np.testing.assert_equal(value, values[-1])


def test_a_run_that_goes_on_keeps_the_meaning_of_its_beginning(old: Path) -> None:
    """Also in what is recorded from then on: both are computed from the same profiles."""
    iterations = Run(old).iterations
    before = Run(old)["half_life"].tolist()
    with Recorder.resume(old, before=iterations, events=10**6, config={}) as recorder:
        recorder.profile("reach/rnn.l0", iterations, [1.0, 0.5, 0.3, 0.2])
        recorder.scalars(iterations, {"half_life/rnn.l0": 99.0, "horizon/rnn.l0": 3.0})
    assert Run(old)["half_life"].tolist() == [*before, 3.0]


def test_a_derived_value_without_its_profile_stays(old: Path) -> None:
    """No gradient arrived, and there is no row."""
    stored = SampleBlock(np.array([0, 5, 9]), np.array([2.0, NAN, 2.0]))
    reach = [SampleBlock(np.array([0, 9]), np.array([0.5 ** np.arange(6)] * 2))]
    block = computed_again("horizon/rnn.l0", stored, reach)
    assert block.iterations.tolist() == [0, 5, 9]
    np.testing.assert_array_equal(block.values, [5.0, NAN, 5.0])
    assert reach_of("horizon/rnn.l0") == "reach/rnn.l0"
    assert reach_of("horizon") == "reach"
    assert reach_of("loss") is None


def test_a_current_run_is_read_as_it_was_recorded(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.profile("reach/rnn.l0", 0, [1.0, 0.5, 0.3, 0.2])
        recorder.scalars(0, {"half_life/rnn.l0": 99.0})
    assert Run(run_path)["half_life"].tolist() == [99.0]


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

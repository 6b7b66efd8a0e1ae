"""Which folders the dashboard shows, by which keys, and what their rows say."""

import json
import math
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from backsight.report import strip
from backsight.signals import Recorder, Run, _reading, write_json
from backsight.studies._progress import Progress, end_progress, write_progress
from backsight.ui import _app, _index, _run_row, _survey
from backsight.ui._index import FolderIndex, RunPlace
from backsight.ui._run_row import run_row
from backsight.ui._survey import Survey


def record(path: Path, loss: float = 1.0, **given: object) -> Path:
    with Recorder(path, **given) as recorder:  # type: ignore[arg-type]
        recorder.scalars(0, {"loss": loss})
    return path


def study(path: Path, plan: dict[str, object], ended: dict[str, object]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "study.json", {"format": 1, "plan": plan, "ended": ended})
    return path


def read(survey: Survey) -> dict[str, dict[str, object]]:
    survey.find()
    assert survey.read(60)
    return {str(row["key"]): row for row in json.loads(survey.since(0))["rows"]}


def test_keys_are_paths_below_the_folder(tmp_path: Path) -> None:
    record(tmp_path / "one")
    record(study(tmp_path / "lengths", {}, {}) / "runs/rnn-10")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    record(tmp_path / ".hidden")
    found = FolderIndex([tmp_path]).scan()
    assert {key: (place.kind, place.study) for key, place in found.items()} == {
        "one": ("run", ""),
        "lengths": ("study", ""),
        "lengths/runs/rnn-10": ("run", "lengths"),
    }


def test_the_folder_above_the_runs_may_be_named(tmp_path: Path) -> None:
    """``backsight ui .`` shows what a script called there has put into ``runs``."""
    record(tmp_path / "runs/one")
    record(study(tmp_path / "runs/lengths", {}, {}) / "runs/rnn-10")
    record(tmp_path / "runs/deeper/runs/two")
    record(tmp_path / "other/three")
    found = FolderIndex([tmp_path]).scan()
    assert {key: place.study for key, place in found.items()} == {
        "runs/one": "",
        "runs/lengths": "",
        "runs/lengths/runs/rnn-10": "runs/lengths",
    }


def test_several_folders_are_told_apart_by_name(tmp_path: Path) -> None:
    for folder in ("a/runs", "b/runs"):
        record(tmp_path / folder / "one")
    index = FolderIndex([tmp_path / "a/runs", tmp_path / "b/runs", tmp_path / "a/../a/runs"])
    assert set(index.scan()) == {"runs/one", "runs-2/one"}
    assert index["runs-2/one"].path == tmp_path / "b/runs/one"


def test_a_run_folder_itself_can_be_shown(tmp_path: Path) -> None:
    index = FolderIndex([record(tmp_path / "one")])
    assert list(index.scan()) == ["one"]


def test_runs_come_and_go_without_a_restart(tmp_path: Path) -> None:
    survey = Survey(FolderIndex([tmp_path / "runs"]))
    assert read(survey) == {}
    assert json.loads(survey.since(0))["missing"] == [str(tmp_path / "runs")]
    record(tmp_path / "runs/one")
    assert set(read(survey)) == {"one"}
    assert json.loads(survey.since(0))["problems"] == json.loads(survey.since(0))["missing"] == []
    version = survey.version
    record(tmp_path / "runs/two")
    shutil.rmtree(tmp_path / "runs/one")
    survey.find()
    news = json.loads(survey.since(version))
    assert ([row["key"] for row in news["rows"]], news["gone"]) == (["two"], ["one"])
    assert json.loads(survey.since(survey.version))["rows"] == []


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_that_no_link_can_hold_has_a_digest(tmp_path: Path) -> None:
    for name in (b"r\xff", b"two\nlines"):
        record(tmp_path / "plain").rename(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    keys = FolderIndex([tmp_path]).scan()
    assert len(keys) == 2
    assert all(re.fullmatch("~[0-9a-f]{16}", key) for key in keys)


def test_a_folder_that_has_not_changed_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a folder is, is asked again only after a change in it."""
    monkeypatch.setattr(_index, "SURE", -1e9)
    for number in range(20):
        (tmp_path / f"folder-{number}").mkdir()
    record(tmp_path / "one")
    asked: list[Path] = []
    kind_of = _index._kind_of

    def noted(path: Path) -> str | None:
        asked.append(path)
        return kind_of(path)

    monkeypatch.setattr(_index, "_kind_of", noted)
    index = FolderIndex([tmp_path])
    index.scan()
    assert len(asked) == 22  # and the root itself
    asked.clear()
    index.scan()
    assert asked == []
    record(tmp_path / "folder-3")
    assert "folder-3" in index.scan()
    assert asked == [tmp_path / "folder-3"]


def test_a_folder_that_has_only_just_changed_may_change_again_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a change is no finer than the tick of a clock."""
    path = tmp_path / "one"
    path.mkdir()
    index = FolderIndex([tmp_path])
    monkeypatch.setattr(_index, "_changed", lambda path: time.time_ns())
    assert index.scan() == {}
    changed = time.time_ns()
    monkeypatch.setattr(_index, "_changed", lambda path: changed)
    assert index.scan() == {}
    record(tmp_path / "two").rename(path / "signals.db")  # within the tick
    assert list(index.scan()) == ["one"]


def test_folders_that_are_no_runs_are_looked_at_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand of them are not looked at every two seconds; a new one is seen at once."""
    monkeypatch.setattr(_index, "SURE", -1e9)
    monkeypatch.setattr(_index, "SETTLED", -1e9)
    monkeypatch.setattr(_index, "TURN", 4)
    for number in range(10):
        (tmp_path / f"folder-{number}").mkdir()
    record(tmp_path / "one")
    looked: list[str] = []
    changed = _index._changed

    def noted(path: str) -> int:
        looked.append(Path(path).name)
        return changed(path)

    monkeypatch.setattr(_index, "_changed", noted)
    index = FolderIndex([tmp_path])
    index.scan()
    index.scan()
    seen: list[str] = []
    for _ in range(3):
        looked.clear()
        index.scan()
        idle = [name for name in looked if name.startswith("folder")]
        assert 3 <= len(idle) <= 4
        assert "one" in looked
        seen += idle
    assert len(set(seen)) == 10
    record(tmp_path / "new")
    assert {"one", "new"} == set(index.scan())
    record(tmp_path / "folder-3")
    assert any("folder-3" in index.scan() for _ in range(3))


def test_a_folder_that_cannot_be_searched_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is a run, nobody knows; root may search everything."""
    record(tmp_path / "good")
    (tmp_path / "locked").mkdir()
    kind_of = _index._kind_of

    def asked(path: Path) -> str | None:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return kind_of(path)

    monkeypatch.setattr(_index, "_kind_of", asked)
    survey = Survey(FolderIndex([tmp_path]))
    assert set(read(survey)) == {"good"}
    told = json.loads(survey.since(0))
    assert told["problems"] == []
    assert told["hidden"] == (
        f"{tmp_path / 'locked'} cannot be searched (Permission denied): if a run is there, it is "
        "not shown"
    )
    monkeypatch.setattr(_index, "_kind_of", kind_of)
    survey.find()
    assert json.loads(survey.since(0))["hidden"] == ""


def test_a_row_is_read_again_only_when_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        record(tmp_path / name)
    survey = Survey(FolderIndex([tmp_path]))
    read(survey)
    version = survey.version
    asked: list[str] = []
    row_of = _run_row.run_row

    def noted(place: RunPlace) -> dict[str, object]:
        asked.append(place.key)
        return row_of(place)

    monkeypatch.setattr(_survey, "run_row", noted)
    monkeypatch.setattr(_survey, "BUSY", 0.0)
    assert survey.read(60)
    assert (asked, survey.version) == ([], version)
    shutil.rmtree(tmp_path / "one")
    record(tmp_path / "one", 0.5)
    survey.find()
    assert survey.read(60)
    assert asked == ["one"]
    assert [row["loss"] for row in json.loads(survey.since(version))["rows"]] == [0.5]


def test_a_row_of_a_run_that_has_ended_opens_its_store_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see that it is whole, and to read it: of a thousand runs, opening takes the time."""
    with Recorder(tmp_path / "one") as recorder:
        recorder.series("loss", range(9), [1.0] * 9)
        recorder.profile("reach/l0", 3, [1.0, 0.5])
    (place,) = FolderIndex([tmp_path]).scan().values()
    opened = []
    connect = _reading._connect_once

    def counted(*given: Any) -> Any:
        opened.append(given)
        return connect(*given)

    monkeypatch.setattr(_reading, "_connect_once", counted)
    row = run_row(place)
    assert (row["state"], row["iterations"], row["loss"]) == ("finished", 9, 1.0)
    assert row["duration"] >= 0
    assert len(opened) == 2


def test_what_a_row_says(tmp_path: Path) -> None:
    with Recorder(
        tmp_path / "one", kind="run", config={"facts": {"baseline": 2.0}, "group": "g"},
        command="backsight run src/train.py --lr 1",
    ) as recorder:  # fmt: skip
        recorder.series("loss", [0, 1, 2, 3], [2.0, math.nan, 1.0, 1.0])
        recorder.profile("reach/l0", 3, [0.5**lag for lag in range(20)])
        recorder.profile("reach/l1", 3, [1.0, 1.0, 0.0])
    row = read(Survey(FolderIndex([tmp_path])))["one"]
    assert row["script"] == "train.py"
    assert row["group"] == "g"
    assert row["state"] == "finished"
    assert row["iterations"] == 4
    assert (row["loss"], row["guess"], row["below"]) == (1.0, 2.0, 0.5)
    assert (row["horizon"], row["window"]) == (1, 2)  # of the layer that reaches least far
    assert row["judged"] is False  # nobody has looked, which is not the same as nothing found
    assert row["spark"] == {"x": [0, 2, 3], "y": [2.0, 1.0, 1.0], "broken": [1]}


def test_a_run_that_stays_not_finite_is_marked_to_its_end(tmp_path: Path) -> None:
    with Recorder(tmp_path / "lost") as recorder:
        recorder.series("loss", range(200), [math.nan] * 200)
    spark = read(Survey(FolderIndex([tmp_path])))["lost"]["spark"]
    assert isinstance(spark, dict)
    assert (spark["broken"][0], spark["broken"][-1]) == (0, 199)
    assert len(spark["broken"]) <= _run_row.SPARK + 1


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("run_json", "words"),
    [
        ("{", "is damaged or only partly copied"),
        ("[]", "expected an object"),
        ('{"format": 999}', "was written by a newer Backsight"),
        ('{"format": 1, "created": 1, "status": "<b>"}', "status is"),
        (None, "contains no run.json"),
    ],
)
def test_a_broken_folder_is_shown_as_broken_and_hurts_nobody_else(
    run_json: str | None, words: str, tmp_path: Path
) -> None:
    record(tmp_path / "good")
    path = record(tmp_path / "bad")
    (path / "run.json").unlink()
    if run_json is not None:
        (path / "run.json").write_text(run_json)
    rows = read(Survey(FolderIndex([tmp_path])))
    assert rows["good"]["state"] == "finished"
    assert rows["bad"]["state"] == "broken"
    assert words in str(rows["bad"]["problem"])


def test_a_run_that_is_just_begun_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store comes after run.json; where it does not come, that is said."""
    monkeypatch.setattr(_survey, "AGAIN", -1.0)
    monkeypatch.setattr(_survey, "BUSY", 0.0)
    with Recorder(tmp_path / "one"):
        shutil.copytree(tmp_path / "one", tmp_path / "two", ignore=lambda *_: ["signals.db"])
    survey = Survey(FolderIndex([tmp_path]))
    assert read(survey)["two"]["state"] == "reading"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10)
    row = read(survey)["two"]
    assert row["state"] == "broken"
    assert "contains run.json but no signals.db" in str(row["problem"])


def test_an_error_of_ours_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        record(tmp_path / name)

    def fail(run: Run) -> object:
        if run.name == "one":
            raise ValueError("a mistake of ours")
        return strip(run)

    monkeypatch.setattr(_run_row, "strip", fail)
    rows = read(Survey(FolderIndex([tmp_path])))
    assert rows["one"]["problem"] == "cannot be shown: ValueError: a mistake of ours"
    assert rows["two"]["state"] == "finished"


def test_a_store_that_is_cut_is_told_in_its_row(tmp_path: Path) -> None:
    path = record(tmp_path / "cut")
    store = path / "signals.db"
    store.write_bytes(store.read_bytes()[:5000])
    row = read(Survey(FolderIndex([tmp_path])))["cut"]
    assert row["state"] == "broken"
    assert "only partly copied" in str(row["problem"])


def test_how_far_a_study_of_an_earlier_version_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_survey, "BUSY", 0.0)
    plan: dict[str, object] = {"task": "echo", "lengths": [10, 20], "cells": ["rnn"], "seeds": 2}
    path = study(tmp_path / "lengths", plan, {"a": [0, 4.0], "b": [0, 6.0]})
    survey = Survey(FolderIndex([tmp_path]))
    row = read(survey)["lengths"]
    assert (row["state"], row["done"], row["total"], row["left"]) == ("running", 2, 4, None)
    assert row["page"] is False
    monkeypatch.setattr(time, "time", lambda: path.stat().st_mtime + 1000)
    row = read(survey)["lengths"]
    assert (row["state"], row["left"]) == ("stopped", None)
    ended = {name: [0, 1.0] for name in "abcd"}
    study(path, plan, dict(ended))
    (path / "report.html").write_text("page")
    row = read(survey)["lengths"]
    assert (row["state"], row["done"], row["page"]) == ("finished", 4, True)


def test_how_far_a_study_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the process says that trains it, which need not write for minutes."""
    monkeypatch.setattr(_survey, "BUSY", 0.0)
    path = tmp_path / "map"
    path.mkdir()
    write_json(path / "map.json", {"format": 1, "plan": {"task": "echo"}})
    write_progress(path, Progress(9, 4, "network", 60.0, more=True))
    told = json.loads((path / "progress.json").read_text())
    survey = Survey(FolderIndex([tmp_path]))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1000)
    row = read(survey)["map"]
    assert (row["state"], row["done"], row["total"], row["unit"]) == ("running", 4, 9, "network")
    assert (row["left"], row["more"], row["at"]) == (60.0, True, told["at"])
    write_json(path / "progress.json", {**told, "writer": {**told["writer"], "started": "before"}})
    row = read(survey)["map"]
    assert (row["state"], row["left"], row["more"]) == ("stopped", None, False)
    # On another machine, as seen over a shared disk: what it writes is all that tells.
    write_json(path / "progress.json", {**told, "writer": {**told["writer"], "host": "elsewhere"}})
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert read(survey)["map"]["state"] == "running"
    monkeypatch.setattr(time, "time", lambda: now + 1000)
    assert read(survey)["map"]["state"] == "stopped"
    end_progress(path)
    assert read(survey)["map"]["state"] == "finished"
    for damaged in ("{", '{"format": 1, "total": -1}'):  # what it would tell is no part of a study
        (path / "progress.json").write_text(damaged)
        row = read(Survey(FolderIndex([tmp_path])))["map"]
        assert (row["done"], row["total"]) == (0, None)


def test_a_study_of_another_kind_has_no_total(tmp_path: Path) -> None:
    study(tmp_path / "remedies", {"lengths": "x", "task": ["<b>"]}, {"a": [0, 1.0]})
    row = read(Survey(FolderIndex([tmp_path])))["remedies"]
    assert (row["done"], row["total"], row["left"]) == (1, None, None)
    (tmp_path / "remedies/study.json").write_text(json.dumps({"format": 1, "plan": 3}))
    assert read(Survey(FolderIndex([tmp_path])))["remedies"]["state"] == "broken"


def test_a_clock_that_goes_back_gives_no_negative_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "one")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    row = read(Survey(FolderIndex([tmp_path])))["one"]
    assert row["state"] == "finished"
    assert float(str(row["duration"])) >= 0


def test_a_sign_of_life_is_no_news(tmp_path: Path) -> None:
    """A page asks for everything again where something was recorded, and only there."""
    with Recorder(tmp_path / "slow") as recorder:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        look = _app._look_at(RunPlace("slow", "slow", tmp_path / "slow", "run"))
        recorded, status, written = look().split()
        os.utime(tmp_path / "slow/signals.db")
        assert look().split()[:2] == [recorded, "running"] == [recorded, status]
        assert float(written) > 0
        recorder.event("note", 0, {"text": "an event alone is news"})
        recorder.flush()
        noted = look().split()[0]
        recorder.scalars(1, {"loss": 1.0})
        recorder.flush()
        assert len({recorded, noted, look().split()[0]}) == 3
    assert look().split()[1] == "finished"

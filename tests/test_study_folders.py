"""Folders of studies that an earlier version wrote are read, and gone on with."""

import json
import shutil
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backsight.cli import main
from backsight.errors import RunError
from backsight.signals import Run
from backsight.studies import (
    Ended,
    LengthPlan,
    MapOutcome,
    StudyFolder,
    Trial,
    length_study,
    print_stability_map,
    read_length_study,
    read_map,
    run_map,
)

FIXTURES = Path(__file__).parent / "fixtures"

MAP = (
    "study", "map", "first-symbol", "--x", "lr=1e-8,0.03,1e30", "--y", "length=4,20,30",
    "--symbols", "3", "--optimizer", "adam", "--hidden", "8", "--batch", "16", "--iterations", "60",
    "--validate-sequences", "100", "--json", "--out",
)  # fmt: skip

LENGTH = (
    "study", "length", "first-symbol", "--lengths", "4,30", "--seeds", "1", "--iterations", "60",
    "--lr", "0.03", "--hidden", "8", "--batch", "16", "--symbols", "3", "--every", "20",
    "--validate-every", "1000", "--validate-sequences", "100", "--checkpoint-every", "0", "--json",
    "--out",
)  # fmt: skip


class Refusing:
    """An engine that notes what it is asked for, and has every trial die at once."""

    workers = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            self.asked.append(trial.name)
            yield Ended(trial.name, 1, 0.0)


@pytest.fixture
def length_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "length-study", tmp_path / "length-study"))


@pytest.fixture
def map_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "stability-map", tmp_path / "stability-map"))


def length_plan(folder: Path) -> LengthPlan:
    told = json.loads((folder / "study.json").read_text())["plan"]
    assert told.pop("kind") == "length"
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    return LengthPlan(**told | lists)


def test_a_length_study_has_its_verdict(length_folder: Path) -> None:
    study = read_length_study(length_plan(length_folder), length_folder)
    (verdict,) = study.verdicts
    assert (verdict.outcome, verdict.collapses_at, verdict.cause) == ("collapses", 30, "vanishes")
    assert [(t.length, t.outcome) for t in study.trials] == [
        (4, "learned"),
        (30, "nothing learned"),
    ]
    assert [t.loss for t in study.trials] == pytest.approx([0.4770038986, 1.1107079315])
    horizons = [t.horizon for t in study.trials]
    assert [(h.steps, h.censored) for h in horizons if h] == [(3, True), (7, False)]
    assert {Run(path).end_reason for path in (length_folder / "runs").iterdir()} == {"completed"}


def test_a_length_study_that_is_done_trains_nothing(
    length_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in Python nor by the command that began it."""
    engine, before = Refusing(), (length_folder / "study.json").read_bytes()
    length_study(length_plan(length_folder), length_folder, engine)
    assert engine.asked == []
    assert main([*LENGTH, str(length_folder)]) == 0
    out, err = capsys.readouterr()
    assert "2 of 2 trials were already done" in err
    assert json.loads(out)["verdicts"][0]["outcome"] == "collapses"
    assert (length_folder / "study.json").read_bytes() == before


def test_a_length_study_that_was_cut_short_goes_on(length_folder: Path) -> None:
    told = json.loads((length_folder / "study.json").read_text())
    del told["ended"]["rnn-30-seed0"]
    (length_folder / "study.json").write_text(json.dumps(told))
    shutil.rmtree(length_folder / "runs" / "rnn-30-seed0")
    engine = Refusing()
    study = length_study(length_plan(length_folder), length_folder, engine)
    assert engine.asked == ["rnn-30-seed0"]
    assert [t.outcome for t in study.trials] == ["learned", "failed"]
    folder = StudyFolder(length_folder)
    folder.load()
    assert {name: one.status for name, one in folder.ended.items()} == {
        "rnn-4-seed0": 0, "rnn-30-seed0": 1,
    }  # fmt: skip


def test_a_map_has_its_outcomes(map_folder: Path) -> None:
    found = read_map(map_folder)
    assert found.complete
    words = [[MapOutcome(kind).label for kind in row] for row in found.outcomes]
    assert words == [
        ["stuck", "learned", "exploded"],
        ["vanished", "vanished", "exploded"],
        ["vanished", "vanished", "exploded"],
    ]
    assert found.best == (0, 1)
    np.testing.assert_allclose(
        found.loss[:, 1], [0.4725736999, 1.1040659332, 1.1107079315], rtol=1e-9
    )


def test_a_map_of_an_earlier_version_says_what_its_vanished_means(
    map_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parts hold R(lag) relative to lag 0; a part that is trained today does not."""
    found = read_map(map_folder)
    assert found.former == found.as_dict()["former"] == 9
    print_stability_map(found)
    assert "An earlier version of Backsight trained 9 of the points." in capsys.readouterr().out
    (map_folder / "part-0001.npz").unlink()
    today = run_map(found.plan, map_folder)
    assert (today.complete, today.former) == (True, 6)
    np.testing.assert_array_equal(today.outcomes, found.outcomes)
    print_stability_map(replace(today, former=0))
    assert "earlier version" not in capsys.readouterr().out


def test_a_map_that_is_done_trains_nothing(
    map_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in map_folder.iterdir()}
    engine = Refusing()
    run_map(read_map(map_folder).plan, map_folder, engine=engine)
    assert engine.asked == []
    assert main([*MAP, str(map_folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["trained"], told["best"]["outcome"]) == (9, "learned")
    after = {path.name: path.stat().st_mtime_ns for path in map_folder.iterdir()}
    assert before.items() <= after.items()


def test_a_map_that_was_cut_short_goes_on(map_folder: Path) -> None:
    """Also with what a study that was killed had left of a trial."""
    left = map_folder / "trials" / "part-0002"
    left.mkdir(parents=True)
    shutil.copy(map_folder / "map.json", left)
    (map_folder / "part-0002.npz").rename(left / "part-0002.npz")
    (map_folder / "part-0001.npz").unlink()
    engine = Refusing()
    found = run_map(read_map(map_folder).plan, map_folder, engine=engine)
    assert engine.asked == ["part-0001"]
    assert (found.outcomes[1] == -1).all()
    assert found.trained == 6
    assert not (map_folder / "trials").exists()


def test_what_a_beginning_that_was_cut_short_leaves_is_begun_again(tmp_path: Path) -> None:
    """The lock comes before the plan, and the plan is half written before it is whole."""
    path = tmp_path / "study"
    path.mkdir()
    (path / ".lock").touch()
    (path / ".study.json.123").write_text("{")
    with StudyFolder(path).open({"kind": "length"}):
        assert json.loads((path / "study.json").read_text())["plan"] == {"kind": "length"}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".thesis").touch()
    with (
        pytest.raises(RunError, match="already exists and is not a study"),
        StudyFolder(tmp_path / "other").open({"kind": "length"}),
    ):
        pass

"""``backsight study map`` as a user meets it, and its pictures."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.cli import main
from backsight.report.figures import (
    OUTCOME_COLOURS,
    MapAxis,
    MapView,
    map_growth,
    map_loss,
    map_outcomes,
)
from backsight.studies import MapOutcome, MapPlan, parse_axis, read_map, run_map
from backsight.studies.map._text import train_command
from tests import processes
from tests.test_map import small

TINY = (
    "--hidden", "4", "--batch", "4", "--iterations", "10", "--length", "10",
    "--validate-sequences", "40",
)  # fmt: skip
AXES = ("--x", "lr=log:0.01:1e30:4", "--y", "gain=0.5:3:3")


def test_a_tiny_map_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study", "map", "order", *AXES, *TINY]) == 0
    out = capsys.readouterr().out
    assert "y: gain from 0.5 to 3, x: lr from 0.01 to 1e+30" in out
    assert "12 of 12 points are trained" in out
    assert "Its fragility: not enough data" in out  # decades apart, nothing is within ×2 on lr
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("map-temporal-order-")
    html = (folder / "map.html").read_text()
    for words in ("Stability map: temporal-order", "Definitions", "fragility", "exploded"):
        assert words in html
    assert "<script src" not in html  # nothing is fetched
    assert '<link rel="stylesheet' not in html
    # The same command finds it done.
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert main(["study", "map", "temporal-order", *AXES, *TINY, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")} == before
    assert told["trained"] == 12
    assert np.shape(told["outcomes"]) == np.shape(told["loss"]) == (3, 4)
    assert sum(told["counts"].values()) == 12
    assert {row[3] for row in told["outcomes"]} <= {"exploded", "not finite"}
    assert told["best"]["fragility"]["share"] == "NaN"
    assert told["plan"]["x"]["name"] == "lr"
    found = read_map(folder)
    assert [[MapOutcome(kind).label for kind in row] for row in found.outcomes] == told["outcomes"]


def test_zoom_and_a_chosen_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["study", "map", "xor", *AXES, *TINY, "--zoom", "lr=0.1:0.4,gain=1:2"]
    assert main([*words, "--at", "lr=0.17,gain=1.5", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "y: gain from 1 to 2, x: lr from 0.1 to 0.4" in out
    assert "The chosen point, lr 0.1587, gain 1.5" in out
    assert "of 8 points within a factor of 2 have another outcome" in out
    assert "Each point has the outcome of most of its 2 seeds" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tetris"], "there is no task 'tetris': choose one of temporal-order"),
        (["chars"], "a map needs a memory task, not chars"),
        (["order", "--x", "lr=1:0.1:8"], "is a reversed range"),
        (["order", "--x", "lr=log:1:1:8"], "is an empty range"),
        (["order", "--y", "foo=1:2:3"], "there is no setting 'foo' to vary"),
        (["order", "--cell", "lstm", "--engine", "spark"], "--engine expects local, local:N for"),
        (["order", "--cell", "lstm", "--threads", "2"], "process of --engine local has one thread"),
        (["order", "--trial-timeout", "60"], "--trial-timeout needs --engine local"),
        (["order", "--engine", "local", "--trial-timeout", "0"], "above 0, not 0"),
        (["order", "--init", "chrono"], "--init chrono sets gates or decays, but rnn has none"),
        (["order", "--guard", "pray"], "pray"),
        (["order", "--x", "momentum=0:0.9:4"], "--momentum has no effect with --optimizer sgd"),
        (["order", "--x", "gain=1:2:3"], "both axes vary gain"),
        (["order", "--zoom", "lr=1:0.1"], "is a reversed range"),
        (["order", "--zoom", "lr=1e-9:0.1"], "lies outside the map"),
        (["order", "--at", "lr=0.1"], "a point of this map needs lr and gain, not lr"),
        (["order", "--symbols", "3"], "--symbols is not a setting of temporal-order"),
        (["order", "--form", "mine"], "form of temporal-order must be pascanu or hochreiter"),
        (["order", "--seeds", "0"], "--seeds must be a whole number"),
        (["order", "--bogus"], "--bogus"),
        ([], "backsight study map --help lists the options"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["study", "map", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())  # nothing was begun


def test_the_group_tells_its_studies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study"]) == main(["study", "--help"]) == 0
    assert "map " in capsys.readouterr().out
    assert main(["study", "mpa"]) == 2
    assert "there is no study 'mpa': did you mean map?" in capsys.readouterr().err


ENGINE = ("--engine", "local:1")


@pytest.mark.parametrize(
    ("engine", "fresh"),
    [
        pytest.param((), False, marks=pytest.mark.long),  # as in test_map.py
        (ENGINE, False),
        pytest.param(ENGINE, True, marks=pytest.mark.long),
    ],
    ids=["here", "engine", "engine of its own"],
)
def test_a_ctrl_c_keeps_what_is_done(engine: tuple[str, ...], fresh: bool, tmp_path: Path) -> None:
    words = ["study", "map", "order", "--x", "lr=log:0.01:1:4", "--y", "length=10,11,12,13,14"]
    words += ["--hidden", "4", "--batch", "2", "--iterations", "1000", *engine]
    words += ["--out", str(tmp_path / "map")]
    command = [*processes.COMMAND, *words]
    process: processes.Forked | subprocess.Popen[str] = (
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=processes.plain,
        ) if fresh
        else processes.Forked(command, cwd=tmp_path)
    )  # fmt: skip
    with process:
        for _ in range(4800):
            if (tmp_path / "map" / "part-0000.npz").exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "points are done, and the same command continues" in err
    assert "Traceback" not in err
    assert ". not trained" in out
    found = read_map(tmp_path / "map")
    assert 4 <= found.trained < 20
    assert (tmp_path / "map" / "map.html").exists()
    assert not (tmp_path / "map" / "trials").exists()
    assert str(tmp_path) not in running_commands()


def running_commands() -> str:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return found.stdout


@pytest.mark.usefixtures("forked_trials")
def test_cells_without_a_batch_go_through_an_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "map")
    words = ["study", "map", "order", "--x", "lr=0.1,1e30", "--y", "gain=1", *TINY, "--out", out]
    words += ["--cell", "rnn-norm", "--guard", "skip"]
    assert main([*words, "--engine", "local:1"]) == 0
    said = capsys.readouterr()
    assert "2 of 2 points are trained" in said.out
    assert (
        "train one by one: only rnn, rnn-relu, mingru, minlstm, lru without dropout and guard"
        in said.err
    )
    page = (tmp_path / "map" / "map.html").read_text()
    assert "--cell rnn-norm" in page
    assert "--guard skip" in page
    told = json.loads((tmp_path / "map" / "map.json").read_text())["plan"]["settings"]
    assert (told["cell"], told["guard"]) == ("rnn-norm", "skip")
    assert main([*words, "--json"]) == 0  # done: no engine starts anything
    assert json.loads(capsys.readouterr().out)["trained"] == 2


def test_a_part_that_fails_is_told_by_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interpreter that is not there any more, say."""
    false = tmp_path / "false"
    false.write_text("#!/bin/sh\necho no such luck; exit 3\n")
    false.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(false))
    words = ["study", "map", "order", *AXES, *TINY, "--cell", "gru", "--engine", "local:1"]
    assert main([*words, "--out", str(tmp_path / "map")]) == 1
    out, err = capsys.readouterr()
    assert "0 of 12 points are trained." in out
    assert err.splitlines()[1:] == [
        "backsight: 12 networks were not trained: exit status 3: no such luck; run the same "
        "command again to retry"
    ]


# -- what the lab can train of it ----------------------------------------------------------------


def test_a_setting_is_told_as_a_command_of_the_lab(tmp_path: Path) -> None:
    settings = small(iterations=1, optimizer="momentum")
    plan = MapPlan(settings, parse_axis("lr=0.25,0.5"), parse_axis("length=10"))
    found = run_map(plan, tmp_path / "map")
    command = train_command(found, (0, 0))
    assert command is not None
    told = command.split()
    for flag, value in (
        ("--lr", "0.25"), ("--length", "10"), ("--clip", "None"), ("--optimizer", "momentum"),
        ("--hidden", "5"), ("--iterations", "1"),
    ):  # fmt: skip
        assert told[told.index(flag) + 1] == value
    scaled = run_map(MapPlan(small(iterations=1), plan.x, plan.y, init_scale=2), tmp_path / "other")
    assert train_command(scaled, (0, 0)) is None


# -- figures --------------------------------------------------------------------------------------


def view(**changes: Any) -> MapView:
    """2 by 3, known."""
    given: dict[str, Any] = {
        "x": MapAxis("lr", (0.1, 1.0, 10.0), "log"),
        "y": MapAxis("length", (10, 50), "list"),
        "kinds": tuple(kind.label for kind in MapOutcome),
        "outcomes": np.array([[0, 1, 4], [2, 3, -1]]),
        "loss": np.array([[0.1, 1.4, np.nan], [1.4, 90.0, np.nan]]),
        "growth": np.array([[-0.1, 0.2, np.nan], [-2.0, np.nan, np.nan]]),
        "chance": 1.4,
        "path": (0, None, None),
        "marks": {"best": (0, 0)},
        "box": (0.05, 0.2, 5, 20),
    }
    return MapView(**given | changes)


def test_the_outcomes_have_a_colour_each_and_what_is_not_trained_has_none() -> None:
    figure = map_outcomes(view())
    grid = figure.data[0]
    np.testing.assert_array_equal(grid.z, [[0, 1, 4], [2, 3, np.nan]])
    middle = {kind: (index + 0.5) / 5 for index, kind in enumerate(OUTCOME_COLOURS)}
    for kind, at in middle.items():
        below = [step for step in grid.colorscale if step[0] <= at][-1]
        assert below[1] == OUTCOME_COLOURS[kind]
    names = [trace.name for trace in figure.data]
    assert {"learned (1)", "not finite (1)", "not trained (1)", "best"} <= set(names)


def test_cells_of_a_logarithmic_axis_meet_in_the_middle_of_the_logarithm() -> None:
    figure = map_loss(view())
    np.testing.assert_allclose(figure.data[0].x, np.sqrt([0.001, 0.1, 10, 1000]))
    np.testing.assert_allclose(figure.data[0].y, [-0.5, 0.5, 1.5])  # a list has its places
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.yaxis.ticktext) == ["10", "50"]


def test_the_cells_under_the_pointer_tell_a_nan() -> None:
    texts = map_growth(view()).data[0].text
    assert texts[0][2] == (
        "lr = 10<br>length = 10<br><b>not finite</b><br>loss NaN (chance 1.4)<br>"
        "gradient growth NaN nats per step back"
    )
    assert texts[1][2].endswith("not trained")


def test_an_exploded_loss_leaves_colours_for_the_others_and_not_finite_is_black() -> None:
    grid, broken = map_loss(view()).data
    assert 10**grid.zmax == pytest.approx(2.8)
    np.testing.assert_array_equal(broken.z, [[np.nan, np.nan, 1], [np.nan] * 3])


@pytest.mark.parametrize("draw", [map_outcomes, map_loss, map_growth])
def test_a_map_of_nothing_and_a_single_cell_are_drawn(draw: Any) -> None:
    nothing = np.full((2, 3), np.nan)
    untrained = np.full((2, 3), -1)
    draw(view(outcomes=untrained, loss=nothing, growth=nothing, path=(), marks=None, box=None))
    one = MapAxis("lr", (0.1,), "list")
    cell = np.array([[0.5]])
    draw(view(x=one, y=one, outcomes=np.array([[0]]), loss=cell, growth=cell, path=(0,)))

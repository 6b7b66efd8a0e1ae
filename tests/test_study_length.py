"""The length study: its verdict on numbers by hand, and real, tiny studies end to end."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from backsight.cli import main
from backsight.cli._study_length import split
from backsight.errors import RunError, SettingError
from backsight.signals import Lag, Recorder, Run
from backsight.studies import (
    Ended,
    LengthPlan,
    LengthTrial,
    StudyFolder,
    Trial,
    find_folder,
    judge_lengths,
    length_study,
    make_engine,
    read_length_study,
    read_lengths,
    read_vary,
    write_length_page,
)
from backsight.studies.length._plan import LengthSetting
from backsight.studies.length._row import read_trial, spread
from backsight.studies.length._study import _steps_of_all
from tests import processes

TINY = ("--hidden", "8", "--batch", "4", "--validate-sequences", "20", "--device", "cpu")

SCRIPT = """
    import argparse, time, torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--seq-len", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ignore", action="store_true")
    parser.add_argument("--die-at", type=int, default=0)
    asked = parser.parse_args()
    steps = 5 if asked.ignore else asked.seq_len
    if steps == asked.die_at:
        raise SystemExit("no room for so many steps")
    torch.manual_seed(asked.seed)
    rnn, head = nn.RNN(1, 4, batch_first=True), nn.Linear(4, 1)
    optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
    for _ in range(30):
        x = torch.randn(4, steps, 1)
        loss = (head(rnn(x)[0][:, -1]) - x[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def trial(length: int, loss: float, seed: int = 0, **more: object) -> LengthTrial:
    """A trial whose guess costs 1; its gradient reaches all of the window unless told."""
    outcome = "not finite" if math.isnan(loss) else "learned" if loss < 0.95 else "nothing learned"
    given = {"outcome": outcome, "baseline": 1.0, "steps": length, "lag": length - 2} | more
    given.setdefault("horizon", Lag(length - 1, True))
    return LengthTrial("rnn", length, seed, loss=loss, **given)  # type: ignore[arg-type]


def test_it_collapses_because_the_signal_does_not_arrive() -> None:
    trials = [trial(n, 0.1, seed) for n in (10, 20) for seed in range(3)]
    trials += [trial(n, 0.98, seed, horizon=Lag(7, False)) for n in (40, 80) for seed in range(3)]
    found = judge_lengths("rnn", trials)
    assert (found.outcome, found.collapses_at, found.cause) == ("collapses", 40, "vanishes")
    assert "from length 40 on" in found.message
    assert "the median horizon is 7 steps, and the task needs 38" in found.message
    assert "6 of 6 trials" in found.message


def test_a_known_lag_is_asked_for_itself() -> None:
    """A horizon beyond it does not help a lag at which nothing arrives."""
    short = [trial(10, 0.1), trial(20, 0.98, share_at_lag=0.009)]
    assert judge_lengths("rnn", short).cause == "vanishes"
    arrives = [trial(10, 0.1), trial(20, 0.98, share_at_lag=0.011, horizon=Lag(7, False))]
    assert judge_lengths("rnn", arrives).cause == "neither"


def test_of_layers_that_reach_as_far_the_one_with_more_at_the_lag_counts(run_path: Path) -> None:
    with Recorder(run_path, kind="train echo") as recorder:
        recorder.event("setup", -1, {"lag": 3, "baselines": {"memoryless": 1.4}})
        recorder.series("loss", range(20), [1.0] * 20)
        recorder.profile("reach/rnn.l0", 0, [1, 1, 0.5, 0.1, 0.5])
        recorder.profile("reach/rnn.l1", 0, [1, 1, 0.5, 0.4, 0.5])
    row = read_trial(LengthSetting("rnn", 5, 0), Run(run_path), short=5)
    assert (row.share_at_lag, row.horizon) == (0.4, Lag(4, True))


@pytest.mark.parametrize(
    "sick",
    [
        {"loss": math.nan},
        {"loss": 0.99, "grad_max": math.inf},
        {"loss": 0.99, "grad_max": math.nan},
        {"loss": 0.99, "findings": ("BKS102",)},
        {"loss": 0.99, "outcome": "lost"},
    ],
)
def test_it_collapses_because_it_explodes(sick: dict[str, object]) -> None:
    """Also where little is left of the reach afterwards: the explosion came first."""
    trials = [trial(10, 0.1, seed) for seed in range(3)]
    trials += [trial(50, seed=seed, horizon=Lag(3, False), **sick) for seed in range(3)]  # type: ignore[arg-type]
    found = judge_lengths("rnn", trials)
    assert (found.outcome, found.collapses_at, found.cause) == ("collapses", 50, "explodes")
    assert "Training explodes" in found.message


def test_a_loss_that_is_not_finite_is_never_healthy() -> None:
    """One seed of three is a minority; two are the verdict, and no median hides them."""
    sound = [trial(10, 0.1, seed) for seed in range(3)]
    one = judge_lengths("rnn", [*sound, trial(20, 0.1), trial(20, 0.1, 1), trial(20, math.nan, 2)])
    two = judge_lengths(
        "rnn", [*sound, trial(20, 0.1), trial(20, math.nan, 1), trial(20, math.nan, 2)]
    )
    assert one.outcome == "holds"
    assert one.lengths[1].exploding == 1
    assert (two.outcome, two.collapses_at, two.cause) == ("collapses", 20, "explodes")
    assert "most losses are not finite" in two.message


def test_half_not_finite_is_no_health_either() -> None:
    sound = [trial(10, 0.1, seed) for seed in range(2)]
    found = judge_lengths("rnn", [*sound, trial(20, 0.1), trial(20, math.nan, 1)])
    assert found.outcome == "collapses"


def test_it_collapses_though_the_signal_arrives() -> None:
    found = judge_lengths("rnn", [trial(10, 0.1), trial(50, 0.99)])
    assert (found.outcome, found.cause) == ("collapses", "neither")
    assert "the learning rate and the number of iterations" in found.message


def test_it_collapses_for_both_reasons() -> None:
    long = [trial(50, 0.99, 0, horizon=Lag(3, False)), trial(50, math.nan, 1)]
    assert judge_lengths("rnn", [trial(10, 0.1), *long]).cause == "both"


def test_a_length_that_collapses_between_two_that_do_not_is_no_collapse() -> None:
    found = judge_lengths("rnn", [trial(10, 0.1), trial(20, 0.99), trial(40, 0.1)])
    assert found.outcome == "holds"
    assert "At length 20 the gain is less than half as large" in found.message


def test_it_holds() -> None:
    found = judge_lengths("rnn", [trial(n, 0.1 + n / 400) for n in (10, 20, 40)])
    assert (found.outcome, found.collapses_at, found.cause) == ("holds", None, None)
    assert "up to length 40" in found.message


def test_it_holds_without_reach_and_that_is_said() -> None:
    """As on text: the loss does not ask for what the gradient does not reach."""
    short = [trial(n, 0.5, lag=None, horizon=Lag(6, False)) for n in (10, 40)]
    words = judge_lengths("rnn", short).message
    assert "learns from inputs within the horizon" in words
    assert "half the window is 19" in words
    assert "needed" not in words, "nobody knows what a text asks for"


def test_nothing_learned_at_any_length_says_nothing_of_length() -> None:
    found = judge_lengths("rnn", [trial(10, 0.99), trial(20, 1.0), trial(40, math.nan)])
    assert found.outcome == "learns nothing"
    assert "not even the shortest" in found.message


def test_trials_without_a_result_are_not_enough_data() -> None:
    dead = LengthTrial("rnn", 20, 0, "failed", "exit status 1")
    found = judge_lengths("rnn", [trial(10, 0.1), dead])
    assert found.outcome == "not enough data"
    assert "1 of 2 trials have no result" in found.message


def test_gains_are_relative_to_a_guess_that_depends_on_the_length() -> None:
    """A copy task's guess costs less in longer sequences, where most is blank."""
    found = judge_lengths("rnn", [trial(10, 0.1), trial(100, 0.011, baseline=0.1)])
    assert found.outcome == "holds"


def test_negative_losses_are_compared_as_well() -> None:
    found = judge_lengths(
        "rnn",
        [trial(10, -4.0, baseline=-1.0), trial(20, -1.05, baseline=-1.0, horizon=Lag(2, False))],
    )
    assert (found.outcome, found.cause) == ("collapses", "vanishes")


def test_a_spread_leaves_out_what_is_not_finite_and_counts_it() -> None:
    assert spread([None, None]) is None
    found = spread([1.0, 3.0, math.nan, None])
    assert found is not None
    assert (found.median, found.low, found.high, found.count, found.broken) == (2, 1, 3, 2, 1)
    broken = spread([math.inf])
    assert broken is not None
    assert math.isnan(broken.median)
    assert (broken.count, broken.broken) == (0, 1)


def recorded(path: Path, loss: Callable[[int], float], count: int = 200) -> Run:
    with Recorder(path, kind="train temporal-order", config={"batch": 4}, seed=0) as recorder:
        recorder.event("setup", -1, {"lag": 8, "baselines": {"memoryless": 1.4}})
        for i in range(count):
            numbers = {"loss": loss(i), "grad_norm": 100.0 if i == 50 else 1.0, "seq_len": 10.0}
            recorder.scalars(i, numbers | {"tokens_per_second": 4000.0})
            if i % 20 == 0:
                recorder.profile("reach/rnn.l0", i, 0.5 ** np.arange(10.0))
                recorder.profile("reach/rnn.l1", i, 0.1 ** np.arange(10.0))
                recorder.profile("hidden_norm/rnn.l0", i, np.linspace(0, 9, 10))
        recorder.profile("context_length", count, np.array([1.0, 2.0, 4.0, 8.0]))
        recorder.profile("context_loss", count, np.array([4.0, 3.0, 2.0, 1.0]))
    return Run(path)


def test_a_row_from_the_signals_of_a_run(run_path: Path) -> None:
    row = read_trial(LengthSetting("rnn", 10, 3), recorded(run_path, lambda i: 1.0), short=5)
    assert (row.cell, row.length, row.seed, row.outcome) == ("rnn", 10, 3, "learned")
    assert (row.loss, row.baseline, row.lag, row.steps) == (1.0, 1.4, 8, 10)
    assert (row.grad_median, row.grad_max) == (1.0, 100.0)
    assert (row.short_context, row.short_loss) == (4, 2.0)
    assert (row.half_life, row.horizon) == (Lag(2, False), Lag(7, False))  # of the better layer
    assert row.share_at_lag == 0.5**7  # lag 8, relative to lag 1
    assert row.growth == pytest.approx(math.log(0.5))
    assert row.hidden_drift == pytest.approx(9 / 5)
    assert row.seconds == pytest.approx(4 * 10 / 4000)


@pytest.mark.parametrize(
    ("loss", "count", "outcome"),
    [
        (lambda i: 1.39, 200, "nothing learned"),
        (lambda i: math.nan if i == 199 else 0.1, 200, "not finite"),
        (lambda i: math.inf if i > 180 else 0.1, 200, "not finite"),
        (lambda i: 0.1, 3, "not enough data"),
        (lambda i: math.nan, 3, "not finite"),
    ],
)
def test_what_a_trial_came_to(
    run_path: Path, loss: Callable[[int], float], count: int, outcome: str
) -> None:
    row = read_trial(LengthSetting("rnn", 10, 0), recorded(run_path, loss, count), short=5)
    assert row.outcome == outcome


def test_lengths_and_what_is_varied() -> None:
    assert read_lengths("50, 10,25") == (10, 25, 50)
    assert read_lengths("10:160:5") == (10, 20, 40, 80, 160)
    assert read_lengths("1:3:9") == (1, 2, 3)
    assert read_vary("--seq-len=10,25") == ("--seq-len=", (10, 25))
    assert read_vary("--seq-len 10,25") == ("--seq-len ", (10, 25))
    assert read_vary("model.steps=2:8:3") == ("model.steps=", (2, 4, 8))


@pytest.mark.some(5)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "study length expects a task"),
        (["order"], "needs lengths"),
        (["order", "--lengths", ""], "at least 2 lengths"),
        (["order", "--lengths", "10"], "at least 2 lengths"),
        (["order", "--lengths", "10,10"], "repeats a length"),
        (["order", "--lengths", "10,-5"], "whole numbers above 0"),
        (["order", "--lengths", "10,x"], "whole numbers above 0"),
        (["order", "--lengths", "200:10:5"], "the shorter length first"),
        (["order", "--lengths", "10:200:1"], "is too small"),
        (["order", "--lengths", "5,20"], "at least 10, not 5"),
        (["order", "--lengths", "10,20", "--colour", "red"], "--colour"),
        (["order", "--lengths", "10,20", "--hidden", "0"], "--hidden"),
        (["order", "--lengths", "10,20", "--cell", "rnn,brain"], "--cell expects some of"),
        (["order", "--lengths", "10,20", "--seed=3"], "the study sets --seed itself"),
        (["order", "--lengths", "10,20", "--length=3"], "the study sets --length itself"),
        (["order", "--lengths", "10,20", "--seeds", "0"], "--seeds must be"),
        (["order", "--lengths", "10,20", "--engine", "steam"], "--engine expects"),
        (["order", "--lengths", "10,20", "--engine", "local:0"], "--engine expects"),
        (["order", "--lengths", "10,20", "--engine", "ray:"], "--engine expects"),
        (["order", "--lengths", "10,20", "--gpus-per-trial", "1"], "needs --engine ray"),
        (["order", "--lengths", "10,20", "--gpus-per-trial", "-1"], "at least 0"),
        (["order", "--lengths", "10,20", "--trial-timeout", "0"], "above 0, not 0"),
        (["order", "--lengths", "10,20", "--trial-timeout=-1"], "above 0, not -1"),
        (["order", "--lengths", "10,20", "--trial-timeout", "nan"], "above 0, not nan"),
        (["order", "--lengths", "10,20", "--trial-timeout", "inf"], "above 0, not inf"),
        (["order", "--lengths", "10,20", "--trial-timeout", "soon"], "--trial-timeout"),
        (["order", "--lengths", "10,20", "--trial-timeout"], "--trial-timeout"),
        (
            ["order", "--lengths", "10,20", "--trial-timeout", "9", "--engine", "ray"],
            "--trial-timeout needs --engine local",
        ),
        (["order", "--lengths", "10,20", "--vary", "--length=1,2"], "give one of them"),
        (["order", "--vary", "--seq-len=10,20"], "expects --length"),
        (["chars", "--lengths", "10,999999999"], "the text is too short"),
        (["knitting", "--lengths", "10,20"], "there is no task 'knitting'"),
        (["--script", "nowhere.py", "--vary", "--n=1,2"], "there is no script nowhere.py"),
        (["--script", "nowhere.py"], "needs the argument to vary"),
        (["order", "--script", "nowhere.py", "--vary", "--n=1,2"], "not both"),
        (["--script", "nowhere.py", "--vary", "--n"], "--vary expects an argument"),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study", "length", *(words or ["--seeds", "1"])]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_study_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "lenght"]) == 2
    assert "did you mean length?" in capsys.readouterr().err
    assert main(["study"]) == 0
    assert "length" in capsys.readouterr().out


def test_our_words_and_those_for_every_trial() -> None:
    words = ["order", "--vary", "--length=1,2", "--hidden", "8", "--json", "--cell=gru"]
    assert split(words) == (
        "order", ["--vary=--length=1,2", "--json", "--cell=gru"], ["--hidden", "8"],
    )  # fmt: skip
    assert split(["--script", "a.py", "--", "--json"]) == ("", ["--script=a.py"], ["--json"])


def study(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return processes.run([*processes.COMMAND, "study", "length", *words], cwd=cwd)


def test_a_study_end_to_end_and_again(tmp_path: Path) -> None:
    """Two cells side by side; the same command then reads what is done; another plan is new."""
    words = ("order", "--lengths", "10,16", "--seeds", 1, "--cell", "rnn,gru", "--iterations", 20,
             *TINY)  # fmt: skip
    done = study(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "study-length-temporal-order"
    assert "4/4" in done.stdout
    assert "left" in done.stdout
    assert "gru: " in done.stdout
    page = (folder / "report.html").read_text()
    for title in ("Reach against length", "Loss by length", "Gradient norm against length",
                  "Time per iteration", "gru, 16 steps", "dash-dotted", "loss of a guess",
                  "The vertical line marks the lag"):  # fmt: skip
        assert title in page
    assert 'src="http' not in page
    before = {path.name: Run(path).info["created"] for path in (folder / "runs").iterdir()}
    assert sorted(before) == ["gru-10-seed0", "gru-16-seed0", "rnn-10-seed0", "rnn-16-seed0"]

    again = study(*words, "--json", cwd=tmp_path)
    assert "4 of 4 trials were already done" in again.stderr
    told = json.loads(again.stdout)
    assert [row["iterations"] for row in told["trials"]] == [20] * 4
    assert {v["cell"] for v in told["verdicts"]} == {"rnn", "gru"}
    assert before == {p.name: Run(p).info["created"] for p in (folder / "runs").iterdir()}

    other = study(*words, "--seeds", 2, "--out", folder, cwd=tmp_path)
    assert other.returncode == 2
    assert "other settings (seeds 1, now 2): choose another --out" in other.stderr


@pytest.mark.long  # as test_study_remedies.py shows
@pytest.mark.long
def test_interrupted_it_keeps_what_is_done_and_goes_on(tmp_path: Path) -> None:
    words = ["order", "--lengths", "10,12", "--seeds", "1", "--iterations", "400", *TINY,
             "--engine", "local:1", "--out", "it"]  # fmt: skip
    process = processes.Forked([*processes.COMMAND, "study", "length", *words], cwd=tmp_path)
    second = tmp_path / "it" / "runs" / "rnn-12-seed0"
    deadline = time.monotonic() + 120
    while not any((second / "checkpoints").glob("*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "To continue, type:" in said
    first = Run(tmp_path / "it" / "runs" / "rnn-10-seed0")
    stopped = Run(second)
    assert stopped.status != "running"  # no child is left behind
    assert 0 < stopped.iterations < 400
    halfway, began = stopped.iterations, stopped.info["created"]

    done = study(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 trials were already done" in done.stdout
    assert Run(first.path).info["created"] == first.info["created"]
    finished = Run(second)
    assert finished.iterations == 400
    assert finished.info["created"] == began  # it went on, from a checkpoint
    assert finished.info["resumed"][0]["iteration"] <= halfway


def script(folder: Path) -> Path:
    path = folder / "train.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


@pytest.mark.long
def test_a_script_by_one_of_its_arguments_with_a_trial_that_dies(tmp_path: Path) -> None:
    script(tmp_path)
    words = ("--script", "train.py", "--vary", "--seq-len=3,6,9", "--seeds", 2,
             "--seed-argument", "--seed", "--json", "--", "--die-at", 6)  # fmt: skip
    done = study(*words, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    by_length = {n: [r for r in told["trials"] if r["length"] == n] for n in (3, 6, 9)}
    assert all(row["steps"] == n for n in (3, 9) for row in by_length[n])
    assert by_length[3][0]["loss"] != by_length[3][1]["loss"]  # the seed arrives
    assert [row["outcome"] for row in by_length[6]] == ["failed"] * 2
    assert by_length[6][0]["reason"] == "exit status 1: no room for so many steps"
    assert "no room for so many steps" in Path(tmp_path, told["page"]).read_text()
    again = study(*words, cwd=tmp_path)  # what has failed is tried again, the rest is not
    assert "4 of 6 trials were already done" in again.stderr


def test_a_script_that_takes_no_notice_is_found_out(tmp_path: Path) -> None:
    script(tmp_path)
    done = study("--script", "train.py", "--vary", "--seq-len 3,6", "--seeds", 1, "--", "--ignore",
                 cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert "train.py ignores --seq-len" in done.stderr


@pytest.mark.long
@pytest.mark.long
def test_a_script_without_a_seed_that_takes_no_notice_is_doubted(tmp_path: Path) -> None:
    """Its losses differ by chance; what its layers saw does not."""
    path = script(tmp_path)
    path.write_text(path.read_text().replace("torch.manual_seed(asked.seed)", "torch.seed()"))
    words = ("--script", "train.py", "--vary", "--seq-len=3,6", "--seeds", 1)
    told = {}
    for out, ignoring in (("ignores", ("--", "--ignore")), ("varies", ())):
        done = study(*words, "--out", out, "--json", *ignoring, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told[out] = json.loads(done.stdout)
    losses = [row["loss"] for row in told["ignores"]["trials"]]
    assert losses[0] != losses[1]
    (doubted,), (sound,) = (told[out]["verdicts"] for out in ("ignores", "varies"))
    assert doubted["message"].startswith(
        "the layers saw 5 steps at every --seq-len: either train.py"
    )
    assert "the layers saw" not in sound["message"]
    assert "the layers saw 5 steps" in (tmp_path / "ignores" / "report.html").read_text()


def test_steps_that_are_not_known_raise_no_doubt() -> None:
    assert _steps_of_all([trial(10, 0.1, steps=7), trial(20, 0.2, steps=7)]) == 7
    assert _steps_of_all([trial(10, 0.1, steps=7), trial(20, 0.2, steps=9)]) is None
    assert _steps_of_all([trial(10, 0.1, steps=7), trial(20, 0.2, steps=None)]) is None
    assert _steps_of_all([trial(10, 0.1, steps=7), trial(10, 0.2, 1, steps=7)]) is None


def test_an_argument_the_script_does_not_know(tmp_path: Path) -> None:
    script(tmp_path)
    done = study("--script", "train.py", "--vary", "--length=3,6", "--seeds", 1, cwd=tmp_path)
    assert done.returncode == 1
    assert "unrecognized arguments: --length=3" in done.stdout
    assert "not enough data" in done.stdout


def plan(folder: Path) -> LengthPlan:
    return LengthPlan(str(script(folder)), "--seq-len=", (3, 6), 1, script=True)


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("a thesis")
    with pytest.raises(RunError, match="already exists and is not a study"):
        length_study(plan(tmp_path), folder, make_engine("local:1"))
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_damaged_study_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "study.json").write_text('{"format": 1, "plan": ')
    with pytest.raises(RunError, match="damaged"):
        length_study(plan(tmp_path), folder, make_engine("local:1"))


def test_two_studies_do_not_share_a_folder(tmp_path: Path) -> None:
    ours = plan(tmp_path)
    with (
        StudyFolder(tmp_path / "study").open(ours.as_dict()),
        pytest.raises(RunError, match="another study is running"),
    ):
        length_study(ours, tmp_path / "study", make_engine("local:1"))


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        length_study(plan(tmp_path), tmp_path / "study", make_engine("local:1"))


def test_an_edited_script_is_another_study(tmp_path: Path) -> None:
    """Its default folder is another one, and the same script finds its own again."""
    before = plan(tmp_path)
    folder = StudyFolder(find_folder(tmp_path, before.stem, before.as_dict()))
    with folder.open(before.as_dict()):
        pass
    assert find_folder(tmp_path, before.stem, before.as_dict()) == folder.path
    Path(before.task).write_text("pass")
    assert find_folder(tmp_path, before.stem, before.as_dict()) == tmp_path / f"{before.stem}-2"


def test_a_study_without_any_result_still_has_a_page(tmp_path: Path) -> None:
    ours = plan(tmp_path)
    with StudyFolder(tmp_path / "study").open(ours.as_dict()):
        pass
    found = read_length_study(ours, tmp_path / "study")
    assert {trial.outcome for trial in found.trials} == {"not run"}
    assert "not enough data" in write_length_page(found).read_text()


def test_captions_of_a_script_speak_of_no_lag_that_it_needs(tmp_path: Path) -> None:
    ours, place = plan(tmp_path), StudyFolder(tmp_path / "study")
    with place.open(ours.as_dict()):
        for setting in ours.settings:
            with Recorder(place.run(setting.name), kind="run") as recorder:
                recorder.series("loss", range(10), [2.0] * 5 + [1.0] * 5)
                recorder.profile("reach/l0", 2, [1.0, 0.5, 0.001, 0.0005])
            place.note(Ended(setting.name, 0, 1.0))
    page = write_length_page(read_length_study(ours, place.path)).read_text()
    assert "Where a curve levels off while the window (dotted) grows" in page
    for absent in ("dash-dotted", "the lag that the task needs", "loss of a guess", "A cross marks",
                   "An open mark", "short context only"):  # fmt: skip
        assert absent not in page


def test_the_local_engine_runs_so_many_at_once_with_one_thread_each(tmp_path: Path) -> None:
    """Each waits for the other: one at a time, they would never end."""
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "Path(sys.argv[1]).touch()\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.01)\n"
        "sys.exit(int(os.environ['OMP_NUM_THREADS']) + 2)"
    )
    names = [str(tmp_path / name) for name in "ab"]
    trials = [
        Trial(f"{n}", (sys.executable, "-c", code, *pair), tmp_path / "run", tmp_path / "log")
        for n, pair in enumerate((names, names[::-1]))
    ]
    ended = list(make_engine("local:2").run(trials))
    assert sorted(one.name for one in ended) == ["0", "1"]
    assert [one.status for one in ended] == [3, 3]


def test_what_runs_is_ended_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    code = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
    trials = [
        Trial("long", (sys.executable, "-c", code), tmp_path / "run", tmp_path / "log"),
        Trial("short", (sys.executable, "-c", "pass"), tmp_path / "run", tmp_path / "other"),
    ]
    ends = make_engine("local:2").run(trials)
    assert next(ends).name == "short"
    while not (tmp_path / "log").read_text().strip():
        time.sleep(0.01)
    ends.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "log").read_text()), 0)


def test_a_plan_needs_its_script(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no script"):
        LengthPlan(str(tmp_path / "no.py"), "--n=", (1, 2), script=True)


def test_without_ray_that_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["study", "length", "order", "--lengths", "10,12", "--engine", "ray"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'backsight[ray]'" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_one_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 1 answers nowhere; Ray itself is not asked."""
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    with pytest.raises(SettingError, match=f"cannot reach Ray at {address}"):
        make_engine(f"ray:{address}")


def test_ray_gives_what_processes_give(tmp_path: Path) -> None:
    """The same losses bit for bit, one failed row where a trial dies, and no second training."""
    pytest.importorskip("ray")
    script(tmp_path)
    words = ("--script", "train.py", "--vary", "--seq-len=3,6,9", "--seeds", 1, "--seed-argument",
             "--seed", "--json")  # fmt: skip
    given = ("--", "--die-at", 6)
    here = study(*words, "--out", "here", *given, cwd=tmp_path)
    there = study(*words, "--out", "there", "--engine", "ray", *given, cwd=tmp_path)
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    ours, theirs = (json.loads(done.stdout)["trials"] for done in (here, there))
    assert [row["outcome"] for row in ours] == [row["outcome"] for row in theirs]
    for length in (3, 9):
        one, other = (
            Run(tmp_path / out / "runs" / f"script-{length}-seed0") for out in ("here", "there")
        )
        assert np.array_equal(one["loss"], other["loss"])
    assert theirs[1]["reason"] == "exit status 1: no room for so many steps"
    again = study(*words, "--out", "there", "--engine", "ray", *given, cwd=tmp_path)
    assert "2 of 3 trials were already done" in again.stderr

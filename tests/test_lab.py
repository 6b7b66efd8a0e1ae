"""The trainer: reproducible, honest about what it learned, and alive on several processes."""

import math
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from backsight.diagnosis import Finding
from backsight.errors import DataError, RunError, SettingError
from backsight.guard import Intervention
from backsight.lab import Chars, Training, train
from backsight.lab._validation import Validation
from backsight.nn import Cell, CharModel
from backsight.signals import Run
from backsight.tasks import read_corpus, split_text
from tests import processes
from tests.capability import skip_where_there_is_no_bf16_lstm
from tests.crossed import crossed

SIGNALS = ("loss", "grad_norm", "grad_norm_applied", "val_loss", "hidden_norm_max")


@pytest.fixture
def small(text_file: Path, run_path: Path) -> dict[str, Any]:
    """Settings of a run that takes a moment."""
    return {
        "text": text_file, "run": run_path, "hidden": 16, "seq_len": 12, "batch": 4,
        "iterations": 20, "every": 5, "device": "cpu", "validate_chars": 500, "sample_chars": 20,
        "report": False,
    }  # fmt: skip


def test_two_runs_with_one_seed_are_bit_identical(small: dict[str, Any], tmp_path: Path) -> None:
    settings = small | {"layers": 2, "dropout": 0.2, "stateful": False}
    first = train(Chars(**settings))
    again = train(Chars(**settings | {"run": tmp_path / "again"}))
    other = train(Chars(**settings | {"run": tmp_path / "other", "seed": 1}))
    for name in SIGNALS:
        assert first[name].tobytes() == again[name].tobytes()
        assert first[name].tobytes() != other[name].tobytes()
    samples = [[e.body["text"] for e in run.events("sample")] for run in (first, again)]
    assert samples[0] == samples[1]


def test_validating_and_sampling_do_not_change_training(
    small: dict[str, Any], tmp_path: Path
) -> None:
    settings = small | {"layers": 2, "dropout": 0.2}
    often = train(Chars(**settings, validate_every=1))
    never = train(Chars(**settings | {"run": tmp_path / "never", "sample_chars": 0}))
    assert often["loss"].tobytes() == never["loss"].tobytes()


def test_what_it_records_and_how_often(small: dict[str, Any]) -> None:
    run = train(Chars(**small, validate_every=7, clip=0.05))
    assert run.status == "finished"
    assert run.iterations == 20
    assert run.series("val_loss").iterations.tolist() == [6, 13, 19]
    assert run.profile("hidden_norm").iterations.tolist() == [0, 5, 10, 15]
    for name in ("loss", "grad_norm", "grad_norm_applied", "lr", "momentum", "tokens_per_second"):
        assert run.series(name).iterations.tolist() == list(range(20))
    assert (run["loss"] == run["loss"].astype(np.float32)).all()  # as it was computed
    assert (run["grad_norm"] > 0.05).any()
    np.testing.assert_allclose(
        run["grad_norm_applied"], np.minimum(run["grad_norm"], 0.05), rtol=1e-3
    )
    assert run["lr"].tolist() == [0.002] * 20
    assert run["seq_len"].tolist() == [12.0] * 20
    assert [len(e.body["text"]) for e in run.events("sample")] == [20, 20, 20]
    assert run.info["config"]["lr"] == 0.002


@pytest.mark.long
def test_it_learns_and_beats_counting(small: dict[str, Any]) -> None:
    run = train(
        Chars(**small | {"iterations": 400, "hidden": 48, "seq_len": 32, "batch": 8, "lr": 0.01})
    )
    baselines = run.events("setup")[0].body["baselines"]
    assert baselines["bigram"] < baselines["unigram"] < baselines["uniform"]
    assert run.last("val_loss")[1] < baselines["bigram"]


@pytest.mark.some(2)
@crossed(
    "precision,cell", ["64-true", "bf16-mixed", "bf16-true", "32-true"], get_args(Cell), together=1
)
def test_every_cell_in_every_precision(cell: Any, precision: Any, small: dict[str, Any]) -> None:
    skip_where_there_is_no_bf16_lstm(cell, precision)
    settings = small | {"iterations": 3, "embedding": 8, "layers": 2}
    run = train(Chars(**settings, cell=cell, precision=precision))
    in_float32 = run["loss"] == run["loss"].astype(np.float32)
    assert in_float32.all() == (precision != "64-true")
    assert run["loss"][0] == pytest.approx(run.events("setup")[0].body["baselines"]["uniform"], 0.1)
    assert np.isfinite(run["grad_norm"]).all()


@pytest.mark.some(1)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_every_optimizer(optimizer: Any, small: dict[str, Any]) -> None:
    run = train(Chars(**small | {"iterations": 60, "hidden": 32}, optimizer=optimizer))
    assert run["loss"][-5:].mean() < run["loss"][0] - 0.3
    assert run["momentum"][0] == (0.0 if optimizer == "sgd" else 0.9)


def test_a_run_that_explodes_is_recorded_to_the_end(small: dict[str, Any]) -> None:
    """NaN is no reason to stop, to drop a value, or to crash in validation or sampling."""
    run = train(
        Chars(
            **small, cell="rnn-relu", init="identity", gain=5.0, optimizer="sgd", lr=1e6, clip=None
        )
    )
    loss, norm = run["loss"], run["grad_norm"]
    assert len(loss) == len(norm) == 20
    assert np.isnan(loss).any()
    assert np.isnan(norm[np.isnan(loss)]).all()
    assert np.isnan(run["val_loss"][-1])
    assert not np.isfinite(run["hidden_norm_max"][-1])
    assert run.status == "finished"


def test_stopping_keeps_what_there_is(small: dict[str, Any]) -> None:
    asked = iter([False] * 4 + [True])
    run = train(Chars(**small), stop=lambda: next(asked))
    assert run.status == "finished"
    assert run.iterations == 5
    assert run.info["reason"] == "stopped by the user after 5 of 20 iterations"
    assert run.end_reason == "interrupted"
    assert run.series("val_loss").iterations[-1] == 4


def test_the_page_is_written_and_its_failure_costs_nothing(
    small: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = small | {"report": True, "iterations": 2}
    assert (train(Chars(**settings)).path / "report.html").stat().st_size > 1_000_000

    def full(*_: object) -> None:
        raise RunError("cannot write report.html: No space left on device")

    monkeypatch.setattr("backsight.lab._train.write_report", full)
    run = train(Chars(**settings | {"run": tmp_path / "full"}))
    assert run.status == "finished"
    assert "cannot write the page about the run: cannot write" in caplog.text


def test_the_view_is_told(small: dict[str, Any]) -> None:
    told: list[Any] = []

    class View:
        def begin(self, run: Path, config: Training, facts: Mapping[str, Any]) -> None:
            told.append(("begin", run, facts["vocabulary"]))

        def update(self, iteration: int, latest: Mapping[str, float]) -> None:
            told.append(iteration)

        def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
            told.append(("validated", iteration, math.isfinite(scores["val_loss"]), len(sample)))

        def found(self, finding: Finding) -> None:
            told.append(finding)

        def acted(self, act: Intervention) -> None:
            told.append(act)

    train(Chars(**small, validate_every=10), view=View())
    assert told[0][0] == "begin"
    assert [t for t in told if isinstance(t, int)] == list(range(1, 21))
    assert ("validated", 10, True, 20) in told
    assert ("validated", 20, True, 20) in told


def test_a_view_that_fails_does_not_end_the_training(
    small: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise UnicodeEncodeError("ascii", "‖", 0, 1, "ordinal not in range")

    assert train(Chars(**small), view=Broken()).iterations == 20
    assert caplog.text.count("the view failed and is switched off") == 1


def test_stateful_training_carries_the_hidden_state_detached(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    returned: list[torch.Tensor] = []
    forward = CharModel.forward

    def spy(self: CharModel, codes: torch.Tensor, state: Any = None) -> Any:
        logits, after = forward(self, codes, state)
        if self.training:
            given.append(state)
            assert isinstance(after, torch.Tensor)
            returned.append(after.detach())
        return logits, after

    monkeypatch.setattr(CharModel, "forward", spy)
    train(Chars(**small, validate_every=3))
    assert given[0] is None
    for before, state in zip(returned, given[1:], strict=False):
        assert torch.equal(state, before)
        assert state.grad_fn is None
    given.clear()
    train(Chars(**small | {"run": tmp_path / "fresh", "stateful": False}))
    assert given == [None] * 20


def test_validation_is_the_mean_over_positions(text_file: Path) -> None:
    """Against a loop over windows and positions in float64, with the state carried."""
    split = split_text(read_corpus(text_file))
    validation = Validation(split, batch=3, steps=10, characters=120, stateful=True)
    torch.manual_seed(0)
    model = CharModel(len(split.vocabulary), hidden=8, cell="gru").double()
    total, count = 0.0, 0
    length = len(split.validation) // 3
    for row in range(3):
        codes = torch.from_numpy(split.validation[row * length : row * length + 41])
        with torch.no_grad():
            logits, _ = model(codes[None, :-1])
        chances = torch.log_softmax(logits[0], dim=-1)
        for t in range(40):
            total -= chances[t, codes[t + 1]].item()
            count += 1
    model.train()
    assert validation.loss(model) == pytest.approx(total / count, rel=1e-12)
    assert model.training


def test_an_untrained_uniform_model_scores_the_uniform_baseline(text_file: Path) -> None:
    split = split_text(read_corpus(text_file))
    validation = Validation(split, batch=2, steps=10, characters=100, stateful=False)
    model = CharModel(len(split.vocabulary), hidden=4)
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    assert validation.loss(model) == pytest.approx(validation.baselines()["uniform"], rel=1e-6)


def launch(*arguments: str, processes: int = 1) -> list[str]:
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "-m", "--"]
    return [sys.executable, *(torchrun if processes > 1 else ["-m"]), "backsight", *arguments]


def flags(settings: dict[str, Any]) -> list[str]:
    named = [(f"--{k.replace('_', '-')}", v) for k, v in settings.items() if k != "report"]
    return ["--no-report", *(word for name, value in named for word in (name, str(value)))]


@pytest.mark.parametrize("fresh", [False, pytest.param(True, marks=pytest.mark.long)])
def test_two_processes_train_as_one(fresh: bool, small: dict[str, Any], tmp_path: Path) -> None:
    """torchrun with gloo: the same run as a single process with the same global batch."""
    alone = train(Chars(**small))
    both = tmp_path / "both"
    command = launch("train", "chars", *flags(small | {"run": both}), processes=2)
    done = (
        subprocess.run(command, capture_output=True, text=True, timeout=300)
        if fresh
        else processes.run(command)
    )
    assert done.returncode == 0, done.stderr
    run = Run(both)
    assert run.events("setup")[0].body["processes"] == 2
    for name in ("loss", "grad_norm", "grad_norm_applied", "val_loss"):
        np.testing.assert_allclose(run[name], alone[name], rtol=2e-4)
    assert done.stdout.count("to write a page: backsight report") == 1  # one process speaks


def test_kill_9_during_training(small: dict[str, Any]) -> None:
    command = launch("train", "chars", *flags(small | {"iterations": 1_000_000}))
    with processes.Forked(command) as process:
        try:
            wait_for_iterations(small["run"], 50)
        finally:
            process.kill()
    run = Run(small["run"])
    assert run.status == "killed"
    loss = run.series("loss")
    assert loss.iterations.tolist() == list(range(len(loss.iterations)))
    assert np.isfinite(loss.values).all()


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_ctrl_c_ends_cleanly(how: signal.Signals, small: dict[str, Any]) -> None:
    command = launch("train", "chars", *flags(small | {"iterations": 1_000_000}))
    process: processes.Forked | subprocess.Popen[str] = (
        processes.Forked(command) if how == signal.SIGINT
        else subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=processes.plain,
        )
    )  # fmt: skip
    try:
        wait_for_iterations(small["run"], 1)
        process.send_signal(how)
        said, complaints = process.communicate(timeout=300)
    finally:
        process.kill()  # or it trains for ever
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in complaints
    assert "The run was stopped by the user after" in said
    run = Run(small["run"])
    assert run.status == "finished"
    assert "stopped by the user" in run.info["reason"]
    assert len(run["loss"]) == run.iterations
    assert not (small["run"] / "signals.db-wal").exists()


def wait_for_iterations(path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            run = Run(path)
            if "loss" in run and run.last("loss")[0] >= count:
                return
        except RunError:
            pass  # not created yet
        time.sleep(0.05)
    raise AssertionError(f"{path} did not reach {count} iterations")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"lr": -1.0}, "--lr must be a number above 0, not -1.0"),
        ({"lr": math.nan}, "--lr must be a number above 0, not nan"),
        ({"lr": math.inf}, "--lr must be a number above 0, not inf"),
        ({"lr": 0.0}, "--lr must be"),
        ({"clip": 0.0}, "--clip must be"),
        ({"clip": math.nan}, "--clip must be"),
        ({"momentum": 1.0}, "--momentum must be a number of at least 0 and below 1"),
        ({"momentum": math.nan}, "--momentum must be"),
        ({"momentum": 0.9, "optimizer": "sgd"}, "choose --optimizer momentum"),
        ({"lr_schedule": "cosine"}, "--lr-schedule must be linear, not cosine"),
        ({"lr_schedule": "linear", "guard": "safe"}, "would undo what a guard does"),
        ({"dropout": -0.1, "layers": 2}, "--dropout must be"),
        ({"dropout": 0.1}, "set --layers to 2"),
        ({"gain": math.nan}, "--gain must be"),
        ({"temperature": 0.0}, "--temperature must be"),
        ({"weight_decay": -1.0}, "--weight-decay must be"),
        ({"hidden": 0}, "--hidden must be a whole number of at least 1, not 0"),
        ({"layers": -1}, "--layers must be"),
        ({"seq_len": 0}, "--seq-len must be"),
        ({"batch": 0}, "--batch must be"),
        ({"iterations": 0}, "--iterations must be"),
        ({"every": 0}, "--every must be"),
        ({"validate_every": 0}, "--validate-every must be"),
        ({"validate_chars": 0}, "--validate-chars must be"),
        ({"embedding": -1}, "--embedding must be"),
        ({"sample_chars": -1}, "--sample-chars must be"),
        ({"seed": -1}, "--seed must be"),
        ({"seed": 2**40}, "--seed must be"),
    ],
)
def test_bad_settings_are_named(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        Chars(**setting)


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ({"device": "cuda:7"}, SettingError, "does not exist here: choose one of auto, cpu"),
        ({"device": "quantum"}, SettingError, "does not exist here"),
        ({"precision": "16-mixed"}, SettingError, "needs a GPU"),
        ({"seq_len": 10_000}, DataError, "a window needs 10,001"),
        ({"text": Path("/nowhere/x.txt")}, DataError, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_run_is_made(
    setting: dict[str, Any], error: type[Exception], words: str, small: dict[str, Any]
) -> None:
    with pytest.raises(error, match=words):
        train(Chars(**small | setting))
    assert not small["run"].exists()


def test_an_existing_run_is_not_overwritten(small: dict[str, Any]) -> None:
    train(Chars(**small | {"iterations": 1}))
    with pytest.raises(RunError, match="already exists: choose another name"):
        train(Chars(**small))
    assert Run(small["run"]).iterations == 1


def test_without_a_name_the_next_free_one_is_taken(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = small | {"iterations": 1, "run": None, "cell": "gru"}
    names = [train(Chars(**settings)).path for _ in range(2)]
    assert names == [Path("runs/chars-gru-1"), Path("runs/chars-gru-2")]

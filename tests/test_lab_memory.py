"""Training on memory tasks: the same loop, and words that are true of them."""

import itertools
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from backsight.cli import main
from backsight.cli._train import ALIASES
from backsight.errors import SettingError
from backsight.lab import (
    TASKS,
    Chars,
    Memory,
    MemoryEcho,
    MemoryFirstSymbol,
    MemoryMixture,
    MemoryOrder,
    Training,
    train,
)
from backsight.lab._memory import HELD_OUT, Memorising
from backsight.nn import SequenceModel
from backsight.report import TrainingView, summary, write_report
from backsight.report._page import _tiles
from backsight.report._task_summary import wrong
from backsight.report.figures._loss import loss as draw_loss
from backsight.signals import Recorder, Run
from backsight.tasks import NO_LOSS, Adding, Batches, Criterion, TemporalOrder
from tests import processes
from tests.capability import skip_where_there_is_no_bf16_lstm
from tests.memory_settings import EACH, EVERY, FIRST, ONE_OF_A_KIND


@pytest.fixture
def small(run_path: Path) -> dict[str, Any]:
    """Settings of a run that takes a moment."""
    return {
        "run": run_path, "hidden": 12, "batch": 8, "iterations": 12, "every": 5, "device": "cpu",
        "validate_sequences": 60, "report": False,
    }  # fmt: skip


# -- training --------------------------------------------------------------------------------


@pytest.mark.some(2)
@ONE_OF_A_KIND
def test_what_a_short_run_records(
    kind: type[Memory], own: dict[str, Any], small: dict[str, Any]
) -> None:
    config = kind(**small, **own, validate_every=5)
    run = train(config)
    task = config.task
    assert run.status == "finished"
    assert run.info["kind"] == f"train {task.name}"
    assert run.series("loss").iterations.tolist() == list(range(12))
    assert run.series("val_loss").iterations.tolist() == [4, 9, 11]
    for name in ("val_error", "val_sequence_error"):
        assert run.series(name).iterations.tolist() == [4, 9, 11]
        assert ((run[name] >= 0) & (run[name] <= 1)).all()
    assert (run["val_sequence_error"] >= run["val_error"]).all()
    assert run["seq_len"].tolist() == [float(task.length)] * 12
    assert len(run.profile("reach/rnn.l0").rows[0]) == task.length
    assert run.events("sample") == []

    (event,) = run.events("setup")
    facts = event.body
    assert facts["task"] == task.name
    assert facts["lag"] == task.lag
    assert facts["length"] == task.length
    assert Criterion(**facts["criterion"]) == task.criterion
    assert facts["baselines"]["memoryless"] == task.baseline
    assert facts["baselines"].get("short memory", task.baseline) == task.near_baseline
    assert facts["validation_sequences"] == 60
    assert (facts["device"], facts["processes"]) == ("cpu", 1)
    assert facts["parameters"] > 0


@pytest.mark.long
# Of the other kinds, test_resume.py shows that a run that goes on is the one that never ended.
@pytest.mark.parametrize(
    ("kind", "own"),
    [
        pytest.param(kind, own, marks=pytest.mark.long if number else ())
        for number, (kind, own) in enumerate(EVERY)
    ],
)
def test_two_runs_with_one_seed_are_bit_identical(
    kind: type[Memory], own: dict[str, Any], small: dict[str, Any], tmp_path: Path
) -> None:
    first = train(kind(**small, **own))
    again = train(kind(**small | own | {"run": tmp_path / "again"}))
    other = train(kind(**small | own | {"run": tmp_path / "other", "seed": 1}))
    for name in ("loss", "grad_norm", "val_loss", "hidden_norm_max"):
        assert first[name].tobytes() == again[name].tobytes()
        assert first[name].tobytes() != other[name].tobytes()


@pytest.mark.long
def test_validating_does_not_change_training(small: dict[str, Any], tmp_path: Path) -> None:
    settings = small | {"layers": 2, "dropout": 0.2}
    often = train(MemoryEcho(**settings, validate_every=1))
    never = train(MemoryEcho(**settings | {"run": tmp_path / "never"}, validate_every=12))
    assert often["loss"].tobytes() == never["loss"].tobytes()
    assert often["val_loss"][-1] == never["val_loss"][-1]


PRECISIONS = ("64-true", "bf16-mixed", "bf16-true")
SHORT = list(zip(FIRST, PRECISIONS, strict=False))
"""An answer at the end, a number, and answers at several steps."""


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("task", "precision"),
    [
        pytest.param(*one, marks=() if one in SHORT else pytest.mark.long)
        for one in itertools.product(EVERY, PRECISIONS)
    ],
)
def test_every_task_in_other_precisions(
    task: tuple[type[Memory], dict[str, Any]], precision: Any, small: dict[str, Any]
) -> None:
    kind, own = task
    skip_where_there_is_no_bf16_lstm("lstm", precision)
    run = train(kind(**small, **own, precision=precision, cell="lstm", layers=2))
    assert np.isfinite(run["loss"]).all()
    assert np.isfinite(run["val_loss"]).all()
    in_float32 = run["loss"] == run["loss"].astype(np.float32)
    assert in_float32.all() == (precision != "64-true")


@pytest.mark.long  # the next one learns as well; words of a summary are tested below
def test_a_short_memory_is_learned_and_the_summary_says_so(small: dict[str, Any]) -> None:
    settings = small | {"iterations": 150, "hidden": 32, "lr": 0.02, "batch": 16}
    run = train(MemoryEcho(**settings, length=16, lag=1, symbols=4))
    assert run.last("val_loss")[1] < 0.1
    assert run.last("val_error")[1] < 0.02
    assert any("it remembers what lies at least 1 step back" in s for s in summary(run))


@pytest.mark.long
def test_a_task_that_is_learned_is_solved(small: dict[str, Any]) -> None:
    settings = small | {"iterations": 200, "hidden": 24, "lr": 0.02, "batch": 32}
    run = train(MemoryFirstSymbol(**settings, length=5, symbols=3, cell="gru"))
    assert run.last("val_sequence_error")[1] == 0
    assert any(s.startswith("The task is solved: 0.0 % of 60 held-out") for s in summary(run))


@pytest.mark.parametrize("kind", [MemoryOrder, MemoryEcho, MemoryMixture])
def test_the_first_loss_is_about_the_baseline(kind: type[Memory], small: dict[str, Any]) -> None:
    """An untrained model hardly knows more than that classes are alike: the unit is the same."""
    config = kind(**small | {"iterations": 1})
    assert train(config)["loss"][0] == pytest.approx(config.task.baseline, rel=0.15)


def test_a_run_that_explodes_has_no_right_answer(small: dict[str, Any]) -> None:
    run = train(
        MemoryEcho(
            **small, cell="rnn-relu", init="identity", gain=5.0, optimizer="sgd", lr=1e6, clip=None
        )
    )
    assert np.isnan(run["val_loss"][-1])
    assert run["val_error"][-1] == 1.0
    assert any("The validation loss is NaN" in sentence for sentence in summary(run))


@pytest.mark.long  # as with text (test_lab.py), and with a guard (test_safe.py)
def test_two_processes_train_as_one(small: dict[str, Any], tmp_path: Path) -> None:
    """The batch is shared among them, and validation is of the same sequences."""
    alone = train(MemoryEcho(**small))
    words = [
        "--hidden", "12", "--batch", "8", "--iterations", "12", "--every", "5", "--device", "cpu",
        "--validate-sequences", "60", "--no-report", "--run", str(tmp_path / "both"),
    ]  # fmt: skip
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "--"]
    done = processes.run([*launch, "backsight", "train", "echo", *words])
    assert done.returncode == 0, done.stderr
    both = Run(tmp_path / "both")
    assert both.events("setup")[0].body["processes"] == 2
    for name in ("loss", "grad_norm", "val_loss"):
        np.testing.assert_allclose(both[name], alone[name], rtol=2e-4)


# -- validation ------------------------------------------------------------------------------


@EACH
def test_validation_is_the_mean_over_answers(
    kind: type[Memory], own: dict[str, Any], small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a loop over sequences and answers in float64, in batches that do not divide."""
    monkeypatch.setattr("backsight.lab._memory.AT_ONCE", 25)
    task = Memorising(kind(**small, **own))
    torch.manual_seed(0)
    model = task.model().double().train()
    held_out = Batches(task.task, 25, seed=HELD_OUT)
    inputs, targets = (np.concatenate(a)[:60] for a in zip(*(held_out.draw() for _ in range(3)),
                                                           strict=True))  # fmt: skip
    with torch.no_grad():
        outputs = model(torch.from_numpy(inputs))[0].numpy().reshape(60, -1, task.task.outputs)
    losses, errors, failed = [], [], []
    for row, wanted in zip(outputs, targets.reshape(60, -1), strict=True):
        failed.append(False)
        for answer, target in zip(row, wanted, strict=True):
            if task.kind == "value":
                losses.append((answer[0] - target) ** 2)
                errors.append(abs(answer[0] - target) >= task.task.criterion.tolerance)
            elif target != NO_LOSS:
                losses.append(np.log(np.exp(answer).sum()) - answer[target])
                errors.append(answer.argmax() != target)
            else:
                continue
            failed[-1] = failed[-1] or errors[-1]
    scores = task.scores(model)
    assert scores["val_loss"] == pytest.approx(np.mean(losses), rel=1e-9)
    assert scores["val_error"] == np.mean(errors)
    assert scores["val_sequence_error"] == np.mean(failed)
    assert scores == task.scores(model)
    assert model.training


def test_guessing_evenly_scores_the_baseline(small: dict[str, Any]) -> None:
    task = Memorising(MemoryOrder(**small, length=20))
    model = task.model()
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    assert task.scores(model)["val_loss"] == pytest.approx(task.task.baseline, rel=1e-6)


def test_a_model_answers_at_every_step_or_at_the_last() -> None:
    torch.manual_seed(0)
    every = SequenceModel(3, 4, cell="gru", hidden=5)
    last = SequenceModel(3, 4, cell="gru", hidden=5, every_step=False)
    last.load_state_dict(every.state_dict())
    features = torch.rand(2, 7, 3)
    outputs, state = every(features)
    assert outputs.shape == (2, 7, 4)
    answer, same = last(features)
    torch.testing.assert_close(answer, outputs[:, -1])
    assert torch.equal(state, same)
    assert last(features.double())[0].dtype == torch.float32


# -- words -----------------------------------------------------------------------------------

CONFIG = {"cell": "rnn", "layers": 1, "hidden": 8, "batch": 4, "clip": 1.0}
ORDER = {
    "origin": "the order task", "task": "order", "kind": "classes", "length": 30, "lag": 23,
    "parameters": 1234, "device": "cpu", "processes": 1,
    "baselines": {"memoryless": math.log(4), "short memory": math.log(2)},
}  # fmt: skip
ADDING = ORDER | {
    "origin": "the adding task", "task": "adding", "kind": "value", "lag": 15,
    "baselines": {"memoryless": 1 / 6, "short memory": 1 / 12},
}  # fmt: skip
JUDGED = {"validation_sequences": 2000, "criterion": asdict(TemporalOrder().criterion)}
"""Facts of a run that knows when its task is solved."""

NO_TEXT = re.compile(r"character|bits")


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Run]:
    """Makes a finished run of a memory task with one validation."""

    def make(facts: Mapping[str, Any], **numbers: float) -> Run:
        with Recorder(tmp_path / "recorded", config=CONFIG) as recorder:
            recorder.event("setup", 0, dict(facts))
            recorder.scalars(9, {"loss": 1.0, "tokens_per_second": 1000.0, **numbers})
        return Run(tmp_path / "recorded")

    return make


@pytest.mark.some(3)
@pytest.mark.parametrize(
    ("facts", "loss", "words"),
    [
        (ORDER, 2.0, "the model is worse than that"),
        (ORDER, 1.39, "no better than that: it has not learned to remember"),
        (ORDER, 1.36, "no better than that: it has not learned to remember"),
        (ORDER, 0.9, "better than that, but no better than a memory of fewer than 23 steps"),
        (ORDER, 0.69, "but no better than a memory of fewer than 23 steps (0.6931)"),
        (ORDER, 0.3, "better than that: it remembers what lies at least 23 steps back"),
        (ADDING, 0.166, "it has not learned to remember"),
        (ADDING, 0.1, "but no better than a memory of fewer than 15 steps (0.08333)"),
        (ADDING, 0.01, "it remembers what lies at least 15 steps back"),
        (ORDER | {"lag": 1, "baselines": {"memoryless": 2.0}}, 0.5, "at least 1 step back"),
    ],
)
def test_the_summary_says_whether_the_baseline_was_beaten(
    facts: dict[str, Any], loss: float, words: str, recorded: Callable[..., Run]
) -> None:
    first, learning, *rest = summary(recorded(facts, val_loss=loss))
    assert words in learning
    assert not NO_TEXT.search(" ".join((first, learning, *rest)))


def test_the_summary_names_task_memory_units_and_errors(recorded: Callable[..., Run]) -> None:
    first, learning, *_ = summary(recorded(ORDER, val_loss=1.2, val_error=0.6172))
    who = "The Vanilla RNN (tanh) with 1 layer of 8 units (1,234 parameters) trained on the "
    assert first.startswith(who)
    assert "the order task in sequences of 30 steps, which needs a memory of at least 23" in first
    assert "with 4 sequences per iteration, at 1,000 steps per second" in first
    assert "is 1.2 nats per answer, with 61.7 % of the answers wrong. " in learning
    assert "Guessing without memory gives 1.386; " in learning


def test_adding_is_told_as_a_squared_error(recorded: Callable[..., Run]) -> None:
    run = recorded(ADDING, val_loss=0.05)
    assert "the validation loss is a mean squared error of 0.05. Guessing" in summary(run)[1]
    assert ("0.05", "mean squared error", "validation") in _tiles(run)


@pytest.mark.parametrize(("loss", "note"), [(1.38, "not beaten"), (1.0, "beaten")])
def test_tiles_of_a_memory_task(loss: float, note: str, recorded: Callable[..., Run]) -> None:
    tiles = _tiles(recorded(ORDER, val_loss=loss, val_error=0.5))
    assert ("50.0 %", "wrong answers", "validation") in tiles
    assert ("1.386", "guessing without memory", f"for comparison: {note}") in tiles
    assert not NO_TEXT.search(str(tiles))


@pytest.mark.parametrize(
    ("failed", "verdict"),
    [
        (0.0, "The task is solved: 0.0 % of 2,000 held-out sequences are wrong"),
        (19 / 2000, "The task is solved: 0.9 % of 2,000"),
        (20 / 2000, "The task is not solved: 1.0 % of 2,000"),
        (1.0, "The task is not solved: 100.0 % of 2,000"),
    ],
)
def test_the_verdict_is_the_criterions(
    failed: float, verdict: str, recorded: Callable[..., Run]
) -> None:
    run = recorded(ORDER | JUDGED, val_loss=0.2, val_error=failed, val_sequence_error=failed)
    (sentence,) = (s for s in summary(run) if s.startswith("The task is "))
    assert sentence.startswith(verdict)
    assert (
        "and solved means wrong answers in under 1 % of 10,000 fresh sequences (Pascanu" in sentence
    )
    done = "yes" if "is solved" in verdict else "no"
    assert (done, "solved", "wrong answers in under 1 % of 10,000 fresh sequences") in _tiles(run)


def test_without_a_criterion_nothing_is_said_of_it(recorded: Callable[..., Run]) -> None:
    """A run of before, and one that recorded no share of sequences."""
    for facts, scores in ((ORDER, {"val_sequence_error": 0.0}), (ORDER | JUDGED, {})):
        run = recorded(facts, val_loss=0.2, val_error=0.0, **scores)
        assert not any("solved" in sentence for sentence in summary(run))
        assert not any("solved" in tile for tile in _tiles(run))
        shutil.rmtree(run.path)


def test_a_value_is_wrong_by_its_tolerance(recorded: Callable[..., Run]) -> None:
    facts = ADDING | JUDGED | {"criterion": asdict(Adding().criterion)}
    run = recorded(facts, val_loss=0.05, val_error=0.7, val_sequence_error=0.7)
    learning, verdict = summary(run)[1:3]
    assert "with 70.0 % of the answers off by 0.08 or more. Guessing" in learning
    assert "solved means no error of 0.08 or more in 2,000 consecutive sequences" in verdict
    assert ("70.0 %", "off by 0.08 or more", "validation") in _tiles(run)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1.0])
def test_the_page_of_a_memory_task_never_speaks_of_text(
    loss: float, recorded: Callable[..., Run]
) -> None:
    run = recorded(ORDER, val_loss=loss, val_error=1.0)
    page = write_report(run).read_text(encoding="utf-8")
    own = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "Text samples" not in own
    assert "bits per character" not in own
    assert "training characters" not in own


def test_the_loss_figure_has_the_unit_and_both_baselines(recorded: Callable[..., Run]) -> None:
    figure = draw_loss(recorded(ORDER, val_loss=1.2))
    assert figure.layout.yaxis.title.text == "loss, nats per answer"
    notes = [note.text for note in figure.layout.annotations]
    assert notes == ["memoryless 1.386", "short memory 0.6931"]


@pytest.mark.parametrize(
    ("error", "words"),
    [(0.0, "0.0 %"), (1e-5, "under 0.1 %"), (0.7421, "74.2 %"), (0.99999, "over 99.9 %"),
     (1.0, "100.0 %"), (math.nan, "NaN")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(error: float, words: str) -> None:
    assert wrong(error) == words


def test_the_terminal_speaks_of_answers_and_steps() -> None:
    console = Console(file=StringIO(), force_terminal=False, width=200)
    config = MemoryOrder(length=30)
    with TrainingView(1, console) as view:
        view.begin(Path("runs/one"), config, ORDER | JUDGED)
        view.validated(1, {"val_loss": 1.2, "val_error": 0.61, "val_sequence_error": 0.61}, "")
        view.validated(2, {"val_loss": 0.1, "val_error": 0.005, "val_sequence_error": 0.005}, "")
        view.update(1, {"loss": 1.0, "tokens_per_second": 12345.6})
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "the order task in sequences of 30 steps, which needs a memory of at least 23" in text
    assert "to beat: 1.386 nats per answer by guessing without memory, 0.6931 by a memory" in text
    assert "a memory of fewer than 23 steps; solved means wrong answers in under 1 % of" in text
    assert "after 1 iterations: validation 1.2 nats per answer, 61.0 % wrong\n" in text
    assert "after 2 iterations: validation 0.1 nats per answer, 0.5 % wrong: solved\n" in text
    assert "loss 1  steps/s 12,346" in text
    assert not NO_TEXT.search(text)


# -- command line ----------------------------------------------------------------------------


def test_help_lists_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    said = capsys.readouterr().out
    for name in TASKS:
        assert re.search(rf"^  {name} ", said, re.MULTILINE)


def test_the_short_runs_are_of_every_task() -> None:
    assert {kind for kind, _ in EVERY} == set(TASKS.values()) - {Chars}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_another_name_does_as_well(
    alias: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert alias not in TASKS
    assert main(["train", alias, "--length", "0"]) == 2
    assert f"backsight train {name} --help" in capsys.readouterr().err


COMMANDS = {"temporal-order", "adding", "copying"}
"""One of order, one of marked numbers, one with an alphabet of its own."""


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in COMMANDS else pytest.mark.long)
        for name in TASKS
        if name != "chars"
    ],
)
def test_every_task_is_trained_from_the_command_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [
        "--length", "30", "--iterations", "12", "--hidden", "8", "--batch", "8", "--device", "cpu",
        "--curriculum", "adaptive", "--validate-sequences", "40", "--no-report",
    ]  # fmt: skip
    assert main(["train", name, *small, "--run", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert f"the {name} task in sequences of 30 steps" in said
    assert re.search(r"The task is (not )?solved: [\d.]+ % of 40 held-out sequences", said)
    assert main(["train", name, "--length", "1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"backsight: length of {name} must be a whole number of at least ")


def test_help_of_a_task_needs_no_torch() -> None:
    code = (
        "import sys; from backsight.cli import main\n"
        "try: main(['train', 'mixture', '--help'])\n"
        "except SystemExit: pass\n"
        "print('HEAVY', {'torch', 'numpy', 'plotly'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "HEAVY set()" in done.stdout
    assert "--lag" in done.stdout


def test_train_from_a_shell(run_path: Path) -> None:
    words = ["order", "--length", "12", "--iterations", "4", "--hidden", "8", "--device", "cpu"]
    done = processes.run([*processes.COMMAND, "train", *words, "--run", run_path])
    assert done.returncode == 0, done.stderr
    assert "Guessing without memory gives 1.386" in done.stdout
    assert (run_path / "report.html").is_file()
    assert Run(run_path).info["config"]["length"] == 12


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["order", "--length", "5"], "length of temporal-order must be a whole number of at least"),
        (["copying", "--length", "20"], "length of copying must be a whole number of at least 21"),
        (["echo", "--lag", "50"], "lag of echo must be below its 50 steps, not 50"),
        (["mixture", "--lag", "1"], "lag of mixture must be a whole number of at least 2, not 1"),
        (["adding", "--validate-sequences", "0"], "--validate-sequences must be a whole number"),
        (["adding", "--lag", "3"], "--lag"),
        (["order", "--seq-len", "3"], "--seq-len"),
        (["adding", "--hidden", "0"], "--hidden must be a whole number of at least 1, not 0"),
    ],
)
def test_a_bad_setting_is_one_sentence(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("backsight: ")
    assert complaint in line


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_bad_setting_is_one_sentence_on_any_terminal(encoding: str) -> None:
    """What reads the options frames its messages otherwise where there is ASCII alone."""
    done = subprocess.run(
        [sys.executable, "-m", "backsight", "train", "order", "--length", "9", "--hidden", "3"],
        capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "backsight: length of temporal-order must be a whole number of at least 10, not 9 "
        "(backsight train temporal-order --help lists the options)\n"
    )


def test_what_is_no_task_is_refused(small: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="train expects settings of class Chars or Memory"):
        train(Training(device="cpu"))
    with pytest.raises(SettingError, match="choose a subclass, such as MemoryOrder"):
        Memory(**small)

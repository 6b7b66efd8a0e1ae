"""The lab's guard and curriculum: what is asked for is done, recorded, shown and told."""

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from backsight.cli import main
from backsight.diagnosis import Finding
from backsight.errors import SettingError
from backsight.guard import Intervention
from backsight.lab import (
    Chars,
    Memory,
    MemoryEcho,
    MemoryOrder,
    Training,
    train,
)
from backsight.lab._train import _Loop
from backsight.report import TrainingView, summary, write_report
from backsight.signals import Run, member
from backsight.state import Checkpoints
from tests.memory_settings import ONE_OF_A_KIND
from tests.processes import run as run_command
from tests.test_lab import flags, launch

HOPELESS: dict[str, Any] = {
    "cell": "rnn-relu", "init": "identity", "gain": 5.0, "optimizer": "sgd", "lr": 1e3,
}  # fmt: skip
"""Explodes in its first steps."""


@pytest.fixture
def small(tmp_path: Path) -> dict[str, Any]:
    """Settings of a memory task that takes a moment."""
    return {
        "run": tmp_path / "run", "hidden": 12, "batch": 8, "iterations": 30, "every": 10,
        "device": "cpu", "validate_sequences": 20, "report": False, "curriculum_start": 10,
    }  # fmt: skip


@pytest.fixture
def small_text(text_file: Path, tmp_path: Path) -> dict[str, Any]:
    """The same of a text."""
    return {
        "text": text_file, "run": tmp_path / "run", "hidden": 12, "seq_len": 12, "batch": 4,
        "iterations": 30, "every": 10, "device": "cpu", "validate_chars": 200, "sample_chars": 10,
        "report": False,
    }  # fmt: skip


class Watcher:
    """A view that keeps what it is told of the guard."""

    def __init__(self) -> None:
        self.acts: list[Intervention] = []

    def begin(self, run: Path, config: Training, facts: Mapping[str, Any]) -> None:
        pass

    def update(self, iteration: int, latest: Mapping[str, float]) -> None:
        pass

    def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
        pass

    def found(self, finding: Finding) -> None:
        pass

    def acted(self, act: Intervention) -> None:
        self.acts.append(act)


def policies(run: Run) -> set[str]:
    """Those that have acted."""
    return {member(name) for name in run.members("act_before", profile=False)}


def weights(run: Run) -> list[torch.Tensor]:
    model = Checkpoints(run.path / "checkpoints").load().state["shared"]["model"]
    return list(model.values())


# -- settings ----------------------------------------------------------------------------------

CONTRADICTIONS = [
    (["--safe", "--plain"], "--safe and --plain contradict each other: choose one"),
    (["--safe", "--guard", "skip"], "--safe and --guard contradict each other: choose one"),
    (["--plain", "--guard", "skip"], "--plain and --guard contradict each other: choose one"),
    (["--plain", "--curriculum", "linear"], "--plain and --curriculum contradict each other"),
    (["--curriculum-start", "0"], "--curriculum-start must be a whole number of at least 1, not 0"),
    (["--curriculum", "circular"], "circular"),
    (["--guard", "nonsense"], "unknown guard policy 'nonsense': choose from safe, "),
    (["--guard", "clip=-1"], "guard policy clip: norm must be a number above 0, not -1.0"),
    (["--guard", "clip=1,agc"], "guard policies clip and agc both clip"),
    (["--guard", "skip,skip"], "guard policy skip is given twice: give it once"),
    (["--guard", "safe,skip"], "guard policy skip is given twice: give it once"),
    (["--guard", ""], "a guard needs at least one policy: choose from safe, "),
]


@pytest.mark.parametrize(("words", "said"), CONTRADICTIONS)
def test_what_cannot_be_meant_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "run"
    command = ["train", "order", "--run", str(place), "--iterations", "3", "--device", "cpu"]
    assert main([*command, *words]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert told.count("\n") == 0
    assert not place.exists()


def test_a_guard_that_finds_nothing_to_act_on_says_so(small: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="momentum"):
        train(MemoryOrder(**small, guard="momentum", optimizer="sgd"))
    assert not small["run"].exists()


def test_what_was_asked_for_is_in_the_run(small: dict[str, Any], tmp_path: Path) -> None:
    words = "auto,skip:row=10,rollback:attempts=5,backoff"
    run = train(MemoryOrder(**small, guard=words, curriculum="linear"))
    config = json.loads((run.path / "run.json").read_text())["config"]
    assert (config["guard"], config["curriculum"], config["safe"]) == (words, "linear", False)
    other = train(MemoryOrder(**small | {"run": tmp_path / "safe"}, safe=True))
    config = other.info["config"]
    assert (config["safe"], config["plain"], config["guard"]) == (True, False, None)


# -- healthy -----------------------------------------------------------------------------------


@pytest.mark.some(1)
@ONE_OF_A_KIND
def test_safe_on_every_task(kind: type[Memory], own: dict[str, Any], small: dict[str, Any]) -> None:
    config = kind(**small, **own, safe=True)
    run = train(config)
    assert (run.status, run.iterations) == ("finished", 30)
    lengths = run["seq_len"]
    assert len(lengths) == len(run["lr"]) == len(run["loss"]) == 30
    assert 10 <= lengths.min() <= lengths.max() <= config.length
    assert lengths[0] < config.length
    assert np.isfinite(run["loss"]).all()


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("kind", "lengths"),
    [
        ("linear", [10 + 14 * n // 15 for n in range(16)]),
        ("stepwise", [10, 10, 10, 20]),
        ("adaptive", [10] * 23 + [24] * 7),
        ("none", [24] * 30),
    ],
)
def test_each_curriculum(kind: Any, lengths: list[int], small: dict[str, Any]) -> None:
    """Of 30 iterations: linear over 15 of them, stepwise every third.

    Adaptive has seen nothing, and has the last quarter at full length.
    """
    run = train(MemoryOrder(**small, length=24, curriculum=kind))
    seen = run["seq_len"].tolist()
    assert seen[: len(lengths)] == lengths
    assert seen[-1] == 24
    widths = {row.size for row in run.profile("reach/rnn.l0").rows}
    assert widths == {int(seen[n]) for n in run.profile("reach/rnn.l0").iterations}


def test_adaptive_lengths_grow_with_what_is_learned(
    small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backsight.curriculum.AdaptiveLength.WINDOW", 4)
    learnable = {"hidden": 20, "batch": 32, "iterations": 80, "lr": 0.02, "every": 5}
    run = train(MemoryOrder(**small | learnable, cell="gru", length=16, curriculum="adaptive"))
    lengths = run["seq_len"]
    assert lengths[0] == 10
    assert lengths[-1] > 10
    grown = int(np.argmax(lengths > 10))
    assert np.median(run["loss"][grown - 4 : grown]) <= np.log(4) / 2  # a short memory's half


def test_a_task_begins_with_what_it_can_be_asked(small: dict[str, Any]) -> None:
    """An echo of 12 steps back makes no sense in 10."""
    echo: dict[str, Any] = {"length": 30, "lag": 12, "symbols": 3}
    run = train(MemoryEcho(**small, **echo, curriculum="stepwise"))
    assert 12 < run["seq_len"][0] < 30


def test_a_text_keeps_its_window(small_text: dict[str, Any]) -> None:
    """Up to 64 steps; a longer one begins there."""
    run = train(Chars(**small_text, safe=True))
    assert set(run["seq_len"]) == {12}
    assert policies(run) == set()


def test_a_long_text_window_begins_with_64(small_text: dict[str, Any]) -> None:
    """And ends at full length, whatever has come of it."""
    run = train(Chars(**small_text | {"seq_len": 90, "iterations": 4}, safe=True))
    assert run["seq_len"].tolist() == [64, 64, 64, 90]


def test_where_nothing_acts_nothing_changes(small: dict[str, Any], tmp_path: Path) -> None:
    """The guard clips in place of --clip: without either, the weights are the same bit for bit."""
    healthy: dict[str, Any] = {"optimizer": "adam", "clip": None}
    one = train(MemoryOrder(**small, **healthy))
    other = train(MemoryOrder(**small | {"run": tmp_path / "safe"}, **healthy, guard="safe"))
    assert policies(other) == set()
    assert all(map(torch.equal, weights(one), weights(other)))


def test_plain_does_not_clip(small: dict[str, Any], tmp_path: Path) -> None:
    one = train(MemoryOrder(**small, clip=1e-3, plain=True))
    other = train(MemoryOrder(**small | {"run": tmp_path / "other"}, clip=None))
    assert one["grad_norm_applied"].tobytes() == one["grad_norm"].tobytes()
    assert all(map(torch.equal, weights(one), weights(other)))


def test_a_guard_clips_in_place_of_clip(small: dict[str, Any]) -> None:
    run = train(MemoryOrder(**small, clip=1e-4, guard="clip=0.01"))
    assert run["grad_norm"].min() > 0.01
    np.testing.assert_allclose(run["grad_norm_applied"], 0.01, rtol=1e-3)
    np.testing.assert_allclose(run.series("act_before/clip").values, run["grad_norm"], rtol=1e-5)
    np.testing.assert_allclose(run.series("act_after/clip").values, 0.01, rtol=1e-5)


def test_a_guard_that_does_not_clip_leaves_clip_alone(small: dict[str, Any]) -> None:
    run = train(MemoryOrder(**small, clip=0.01, guard="skip"))
    assert run["grad_norm_applied"].max() <= 0.01 * 1.001


# -- in trouble --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rescued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Watcher]:
    """A hopeless run under --safe, and who watched."""
    watcher = Watcher()
    config = MemoryOrder(
        **HOPELESS, run=tmp_path_factory.mktemp("safe") / "run", hidden=12, batch=8, length=24,
        iterations=80, every=10, device="cpu", validate_sequences=20, safe=True,
    )  # fmt: skip
    return train(config, view=watcher), watcher


def test_without_a_guard_it_is_lost(small: dict[str, Any]) -> None:
    """Otherwise the next ones prove nothing."""
    run = train(MemoryOrder(**small, **HOPELESS, length=24, plain=True))
    assert not all(tensor.isfinite().all() for tensor in weights(run))


def test_safe_keeps_it_alive(rescued: tuple[Run, Watcher]) -> None:
    run, _ = rescued
    assert (run.status, run.iterations) == ("finished", 80)
    assert all(tensor.isfinite().all() for tensor in weights(run))
    assert np.isfinite(run["val_loss"][-1])
    assert "rollback" in policies(run)
    assert run["lr"][0] == 1e3
    assert run["lr"][-1] < 1e3


def test_every_act_is_recorded_with_its_cause(rescued: tuple[Run, Watcher]) -> None:
    run, watcher = rescued
    events = run.events("act")
    assert events
    for event in events:
        body = event.body
        assert body["cause"]
        assert body["message"].startswith(f"{body['policy']}: {body['quantity']} ")
        at = run.series(f"act_before/{body['policy']}")
        (place,) = np.flatnonzero(at.iterations == event.iteration)
        assert np.float32(at.values[place]) == np.float32(body["before"])
        after = run.series(f"act_after/{body['policy']}")
        assert np.float32(after.values[place]) == np.float32(body["after"])
    told = [act.policy for act in watcher.acts]
    assert set(told) == policies(run)
    for policy in ("rollback", "skip"):
        assert told.count(policy) == len(run.series(f"act_before/{policy}").iterations)


def test_a_rollback_goes_back_to_earlier_weights(rescued: tuple[Run, Watcher]) -> None:
    run, _ = rescued
    before, after = run.series("act_before/rollback"), run.series("act_after/rollback")
    assert (after.values < before.values).all()
    for n in before.iterations:
        if n + 1 < run.iterations:
            assert run["lr"][n + 1] < run["lr"][0]


def test_the_page_and_the_summary_tell_it(rescued: tuple[Run, Watcher]) -> None:
    run, _ = rescued
    page = write_report(run).read_text(encoding="utf-8")
    assert "What the guard did" in page
    section = page[page.index('id="acts"') :]
    section = section[: section.index("</section>")]
    for event in run.events("act")[:3]:
        assert event.body["quantity"] in section
    (sentence,) = [text for text in summary(run) if text.startswith("The guard acted: ")]
    for policy in policies(run):
        count = len(run.series(f"act_before/{policy}").iterations)
        assert f"{policy} in {count} iteration" in sentence


def test_a_healthy_page_has_no_such_section(small: dict[str, Any]) -> None:
    run = train(MemoryOrder(**small, guard="skip"))
    assert "What the guard did" not in write_report(run).read_text(encoding="utf-8")
    assert not any("guard" in text for text in summary(run))


@pytest.mark.some(1)
@pytest.mark.parametrize("terminal", [False, True])
def test_the_terminal_tells_each_act(terminal: bool, small: dict[str, Any]) -> None:
    """Each rollback; of what may be done at every step the first, and a count."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=200, color_system=None)
    with TrainingView(60, console) as view:
        run = train(
            MemoryOrder(**small | {"iterations": 60}, **HOPELESS, length=24, safe=True), view=view
        )
    text = out.getvalue()
    for event in run.events("act"):
        if event.body["policy"] == "rollback":
            assert event.body["message"] in text
    assert text.count("guard, iteration") >= len(run.series("act_before/rollback").iterations)
    if terminal:
        assert f"rollback ×{len(run.series('act_before/rollback').iterations)}" in text


def test_without_a_view_it_is_in_the_log(
    small: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    run = train(MemoryOrder(**small, guard="clip=0.01"))
    assert run.series("act_before/clip").iterations.size == 30
    said = [r.getMessage() for r in caplog.records if "guard" in r.getMessage()]
    assert len(said) == 2  # the first and the tenth
    assert "10 times so far" in said[1]


def test_what_a_passed_over_batch_begins_the_next_one_begins(small: dict[str, Any]) -> None:
    """Or the state of the text's end would be carried into its second window."""

    class TrainingTask:
        def __init__(self) -> None:
            self.fresh = iter([False, True, False, False])

        def draw(self, steps: int) -> tuple[int, int, bool]:
            return steps, steps, next(self.fresh)

    class Passing:
        def __init__(self) -> None:
            self.bad = iter([False, True, False, False])

        def should_skip_batch(self) -> bool:
            return next(self.bad)

    nothing: Any = None
    fabric: Any = SimpleNamespace(device=torch.device("cpu"))
    lesson: Any = TrainingTask()
    loop = _Loop(MemoryOrder(**small), fabric, nothing, nothing, lesson, nothing, nothing)
    passing: Any = Passing()
    loop.guard = passing
    assert [loop._draw(5)[2] for _ in range(3)] == [False, True, False]


# -- the limit ---------------------------------------------------------------------------------

LIMIT = "rollback:attempts=1,skip:row=4"
"""What gives up soon."""


def test_at_the_limit_the_run_ends_on_good_weights(small: dict[str, Any]) -> None:
    run = train(MemoryOrder(**small | {"iterations": 300}, **HOPELESS, length=24, guard=LIMIT))
    assert run.status == "failed"
    assert "guard" in run.info["reason"]
    assert run.end_reason == "guard_gave_up"
    assert run.iterations < 300
    assert len(run["loss"]) == run.iterations
    assert all(tensor.isfinite().all() for tensor in weights(run))
    assert any(run.info["reason"] in text for text in summary(run))


def test_at_the_limit_the_command_says_so(
    small: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = small | HOPELESS | {"iterations": 300, "length": 24, "guard": LIMIT}
    assert main(["train", "order", *flags(settings)]) == 1
    out, err = capsys.readouterr()
    assert Run(small["run"]).info["reason"] in " ".join(out.split())
    assert "Traceback" not in out + err


# -- two processes -----------------------------------------------------------------------------


@pytest.mark.long
def test_two_processes_act_alike(small: dict[str, Any], tmp_path: Path) -> None:
    """The same acts at the same iterations as one process, told by one of them."""
    settings = small | HOPELESS | {"iterations": 24, "length": 24, "validate_sequences": 20}
    words = [*flags(settings), "--safe"]
    both = tmp_path / "both"
    words[words.index("--run") + 1] = str(both)
    done = run_command(launch("train", "order", *words, processes=2))
    assert done.returncode == 0, done.stderr
    alone = train(MemoryOrder(**settings, safe=True))
    run = Run(both)
    assert run.events("setup")[0].body["processes"] == 2
    assert run.status == "finished"
    assert "rollback" in policies(run)
    first = int(run.series("act_before/rollback").iterations[0])
    for name in ("loss", "grad_norm", "seq_len", "lr"):
        np.testing.assert_allclose(run[name][: first + 1], alone[name][: first + 1], rtol=1e-3)
    own = {(e.iteration, e.body["policy"]) for e in run.events("act") if e.iteration <= first}
    assert own == {
        (e.iteration, e.body["policy"]) for e in alone.events("act") if e.iteration <= first
    }
    # What goes back is each process's own.
    processes = Checkpoints(both / "checkpoints").load().state["processes"]
    carried = [p["guard"]["snapshots"][0]["along"]["hidden"]["value"] for p in processes]
    assert carried[0].shape == carried[1].shape
    assert not torch.equal(*carried)
    told = done.stdout + done.stderr
    (words_of_it,) = [
        e.body["message"] for e in run.events("act")
        if e.body["policy"] == "rollback" and e.iteration == first
    ]  # fmt: skip
    assert told.count(words_of_it) == 1

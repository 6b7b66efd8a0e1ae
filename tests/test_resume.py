"""A training that was interrupted and goes on is the one that never was."""

import itertools
import json
import math
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from lightning_fabric.plugins import MixedPrecision

from backsight.cli import main
from backsight.diagnosis import Finding, diagnose
from backsight.errors import DataError, RunError, SettingError
from backsight.guard import Intervention
from backsight.lab import (
    Chars,
    Memory,
    Training,
    resume,
    saved_settings,
    train,
)
from backsight.lab._text import Text
from backsight.nn import Cell
from backsight.signals import Profile, Recorder, Run, Series, family
from backsight.signals._store import Store
from backsight.state import Checkpoints, Generators
from tests import processes
from tests.guarded import same
from tests.memory_settings import ONE_OF_A_KIND

TIMED = {"tokens_per_second"}
"""Signals that depend on the clock."""


@pytest.fixture
def small(text_file: Path, tmp_path: Path) -> dict[str, Any]:
    """Settings of a run that takes a moment and draws from everything there is to draw from."""
    return settings_in(tmp_path, text_file)


def settings_in(folder: Path, text: Path) -> dict[str, Any]:
    return {
        "text": text, "run": folder / "run", "hidden": 12, "seq_len": 12, "batch": 4,
        "iterations": 24, "every": 4, "device": "cpu", "validate_chars": 300, "sample_chars": 20,
        "validate_every": 6, "checkpoint_every": 5, "layers": 2, "dropout": 0.3, "report": False,
    }  # fmt: skip


@pytest.fixture
def small_memory(small: dict[str, Any]) -> dict[str, Any]:
    """The same for a memory task."""
    text_only = {"text", "seq_len", "validate_chars", "sample_chars"}
    return {k: v for k, v in small.items() if k not in text_only} | {"validate_sequences": 40}


class CrashError(Exception):
    """Something that ends a training in the middle."""


def crash_after(iterations: int) -> Callable[[], bool]:
    """A ``stop`` that raises."""
    left = iter(range(iterations - 1))

    def stop() -> bool:
        if next(left, None) is None:
            raise CrashError
        return False

    return stop


def stop_after(iterations: int) -> Callable[[], bool]:
    """A ``stop`` that asks to stop, as Ctrl-C does."""
    asked = iter([False] * (iterations - 1))
    return lambda: next(asked, True)


def crash(config: Training, after: int) -> Run:
    with pytest.raises(CrashError):
        train(config, stop=crash_after(after))
    assert config.run is not None
    return Run(config.run)


def state(run: Run) -> dict[str, Any]:
    return Checkpoints(run.path / "checkpoints").load().state


def content(signal: Series | Profile) -> list[bytes]:
    rows = (signal.values,) if isinstance(signal, Series) else signal.rows
    return [row.tobytes() for row in rows]


def assert_alike(one: Run, other: Run) -> None:
    """The same training, and the same record of it."""
    states = [state(run) for run in (one, other)]
    for found in states:
        del found["settings"]["run"]
    assert same(*states)
    assert (one.status, one.iterations) == (other.status, other.iterations)
    assert one.names == other.names
    found, again = (run.read(run.names) for run in (one, other))
    for name, a in found.items():
        b = again[name]
        assert a.iterations.tolist() == b.iterations.tolist(), name
        if family(name) not in TIMED:
            assert content(a) == content(b), name
    for name in ("loss", "grad_norm", "tokens_per_second"):
        assert again[name].iterations.tolist() == list(range(one.iterations))
    events = [[(e.kind, e.iteration, e.body) for e in run.events()] for run in (one, other)]
    assert events[0] == events[1]
    assert diagnose(one).as_dict() == diagnose(other).as_dict()


WHOLE: dict[str, Run] = {}
"""Trainings that were never interrupted, by their settings: several tests compare with the same."""


def alone(config: Training, tmp_path: Path) -> Run:
    """The same, never interrupted."""
    wanted = repr(replace(config, run=None))
    if wanted not in WHOLE:
        # Beside the folders of the tests: that of this one may go when it ends.
        WHOLE[wanted] = train(replace(config, run=tmp_path.parent / f"alone-{len(WHOLE)}"))
    return WHOLE[wanted]


# -- it goes on ------------------------------------------------------------------------------


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("cell", "stateful"),
    [
        ("gru", True),  # of PyTorch's own
        ("mingru", False),
        *(
            pytest.param(cell, stateful, marks=pytest.mark.long)
            for cell, stateful in itertools.product(get_args(Cell), [True, False])
            if (cell, stateful) not in {("gru", True), ("mingru", False)}
        ),
    ],
)
def test_every_cell(cell: Any, stateful: bool, small: dict[str, Any], tmp_path: Path) -> None:
    config = Chars(**small, cell=cell, stateful=stateful)
    broken = crash(config, after=18)
    assert broken.status == "failed"
    assert broken.iterations == 17
    run = resume(broken)
    assert_alike(alone(config, tmp_path), run)
    assert [(r["iteration"], r["before"]) for r in run.info["resumed"]] == [(15, "failed")]


@pytest.mark.some(1)
@pytest.mark.parametrize(
    "optimizer",
    [
        "momentum",
        "adam",
        # The one has no state, the other that of Adam.
        *(pytest.param(name, marks=pytest.mark.long) for name in ("sgd", "adamw")),
    ],
)
def test_every_optimizer(optimizer: Any, small: dict[str, Any], tmp_path: Path) -> None:
    config = Chars(**small, optimizer=optimizer, weight_decay=0.01)
    crash(config, after=13)
    whole, run = alone(config, tmp_path), resume(tmp_path / "run")
    assert_alike(whole, run)


@pytest.mark.parametrize(
    "precision",
    [
        "bf16-mixed",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("bf16-true", "64-true")),
    ],
)
def test_other_precisions(precision: Any, small: dict[str, Any], tmp_path: Path) -> None:
    config = Chars(**small, precision=precision, cell="gru", embedding=6)
    crash(config, after=13)
    assert_alike(alone(config, tmp_path), resume(tmp_path / "run"))


@pytest.mark.long
@ONE_OF_A_KIND
def test_every_memory_task(
    kind: type[Memory], own: dict[str, Any], small_memory: dict[str, Any], tmp_path: Path
) -> None:
    config = kind(**small_memory, **own)
    crash(config, after=18)
    assert_alike(alone(config, tmp_path), resume(tmp_path / "run"))


@pytest.mark.long
def test_again_and_again(small: dict[str, Any], tmp_path: Path) -> None:
    """Before the first checkpoint but the one at the start, and twice from the same one."""
    config = Chars(**small)
    crash(config, after=3)
    for after in (9, 3, 2, 12):
        with pytest.raises(CrashError):
            resume(tmp_path / "run", stop=crash_after(after))
    run = resume(tmp_path / "run")
    assert [r["iteration"] for r in run.info["resumed"]] == [0, 5, 5, 5, 15]
    assert_alike(alone(config, tmp_path), run)


@pytest.mark.parametrize(
    "after", [12, *(pytest.param(after, marks=pytest.mark.long) for after in (7, 15))]
)
def test_after_ctrl_c(after: int, small: dict[str, Any], tmp_path: Path) -> None:
    """A validation that only the stop asked for leaves nothing behind, in numbers or in text."""
    config = Chars(**small)
    run = train(config, stop=stop_after(after))
    assert run.series("val_loss").iterations[-1] == after - 1
    assert run.iterations == after
    run = resume(run, stop=stop_after(1))
    assert run.iterations == after + 1
    assert_alike(alone(config, tmp_path), resume(run))


def test_a_schedule_knows_how_much_longer_a_run_is_trained(
    small: dict[str, Any], tmp_path: Path
) -> None:
    """The second half of 24 begins at 12, whatever was done at the end of the first 14."""
    settings = small | {"lr": 0.01, "lr_schedule": "linear"}
    run = resume(train(Chars(**settings | {"iterations": 14})), 24)
    assert run["lr"][12:14] == pytest.approx([0.01 * 2 / 7, 0.01 / 7])
    assert run["lr"][14:] == pytest.approx([0.01 * left / 12 for left in range(10, 0, -1)])


def test_a_finished_run_is_trained_longer(small: dict[str, Any], tmp_path: Path) -> None:
    run = resume(train(Chars(**small | {"iterations": 11})), 24)
    assert run.info["config"]["iterations"] == 24
    assert_alike(alone(Chars(**small), tmp_path), run)


def test_findings_are_told_once_and_stay_the_same(small: dict[str, Any], tmp_path: Path) -> None:
    """Of a run that explodes: NaN is in the weights, and in the checkpoint."""

    class View:
        def __init__(self) -> None:
            self.told: list[tuple[str, int]] = []

        def begin(self, run: Path, config: Training, facts: Mapping[str, Any]) -> None:
            pass

        def update(self, iteration: int, latest: Mapping[str, float]) -> None:
            pass

        def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
            pass

        def found(self, finding: Finding) -> None:
            self.told.append((finding.code, finding.iteration))

        def acted(self, act: Intervention) -> None:
            pass

    config = Chars(
        **small | {"layers": 1, "dropout": 0.0},
        cell="rnn-relu", init="identity", gain=5.0, optimizer="sgd", lr=1e6, clip=None,
    )  # fmt: skip
    whole, first, second = View(), View(), View()
    one = alone(config, tmp_path)
    train(Chars(**vars(config) | {"run": tmp_path / "whole"}), view=whole)
    with pytest.raises(CrashError):
        train(config, view=first, stop=crash_after(18))
    run = resume(tmp_path / "run", view=second)
    assert any(math.isnan(v) for v in state(run)["shared"]["model"]["rnn.weight_hh_l0"].flatten())
    assert len(run.events("finding")) == len(whole.told) > 0
    assert first.told + second.told == whole.told
    assert_alike(one, run)


def test_nothing_is_said_of_a_model_that_is_seen_anew(
    small: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At iteration 10 a monitor says what it did not find; one that begins there has not looked."""
    crash(Chars(**small), after=12)
    caplog.clear()
    resume(tmp_path / "run")
    assert caplog.text == ""


def test_a_damaged_checkpoint_costs_the_way_from_the_one_before(
    small: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Chars(**small)
    crash(config, after=18)
    newest = Checkpoints(tmp_path / "run/checkpoints").paths[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    run = resume(tmp_path / "run")
    assert f"skipped {newest}: it is damaged or truncated" in caplog.text
    assert run.info["resumed"][0]["iteration"] == 10
    assert_alike(alone(config, tmp_path), run)


def test_the_scale_of_losses_goes_on() -> None:
    """16-mixed needs a GPU to train; its state needs none."""
    precisions = [
        MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=scale))
        for scale in (1024.0, 8.0)
    ]
    state = precisions[0].state_dict()
    assert state["scale"] == 1024.0
    precisions[1].load_state_dict(state)
    assert precisions[1].state_dict() == state


def test_a_device_of_another_kind_is_told(caplog: pytest.LogCaptureFixture) -> None:
    here = Generators(torch.device("cpu"))
    here.load_state_dict(here.state_dict() | {"cuda": torch.zeros(16, dtype=torch.uint8)})
    assert (
        "ran on cuda before and runs on cpu now, so it does not continue bit for bit" in caplog.text
    )


# -- what is kept ----------------------------------------------------------------------------


@pytest.mark.long
def test_how_often_and_how_many(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(run: Run) -> list[int]:
        paths = Checkpoints(run.path / "checkpoints").paths
        return [int(path.stem.partition("-")[2]) for path in paths]

    assert kept(train(Chars(**small))) == [24, 20, 15]
    by_default = train(Chars(**small | {"run": tmp_path / "default", "checkpoint_every": None}))
    assert by_default.info["config"]["checkpoint_every"] == 2
    scores = iter([3.0, 1.0, math.nan, 2.0, 4.0, 1.0, 5.0])
    monkeypatch.setattr(Text, "scores", lambda *_: {"val_loss": next(scores)})
    settings = small | {"run": tmp_path / "best", "checkpoint_every": 6, "iterations": 42}
    assert kept(train(Chars(**settings))) == [42, 36, 30, 12]


def test_zero_makes_none(small: dict[str, Any]) -> None:
    run = train(Chars(**small | {"checkpoint_every": 0}))
    assert not (run.path / "checkpoints").exists()
    with pytest.raises(RunError, match="has no checkpoint to continue from"):
        resume(run)


@pytest.mark.parametrize("every", [-1, -100])
def test_a_negative_interval_is_refused(every: int) -> None:
    with pytest.raises(SettingError, match="--checkpoint-every must be a whole number of at least"):
        Chars(checkpoint_every=every)


def test_checkpoints_do_not_change_training(small: dict[str, Any], tmp_path: Path) -> None:
    often = train(Chars(**small | {"checkpoint_every": 1}))
    never = train(Chars(**small | {"checkpoint_every": 0, "run": tmp_path / "never"}))
    for name in ("loss", "grad_norm", "val_loss"):
        assert often[name].tobytes() == never[name].tobytes()


def test_no_checkpoint_runs_ahead_of_its_record(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store takes nothing, what could not be recorded could not be gone on from."""
    write = Store.write

    def full(self: Store, blocks: Any, events: Any, heartbeat: float) -> None:
        if any(block.iterations[-1] >= 8 for parts in blocks.values() for block in parts):
            raise sqlite3.OperationalError("database or disk is full")
        write(self, blocks, events, heartbeat)

    monkeypatch.setattr(Store, "write", full)
    crash(Chars(**small), after=18)
    monkeypatch.undo()
    assert Checkpoints(tmp_path / "run/checkpoints").load().iteration == 5
    assert_alike(alone(Chars(**small), tmp_path), resume(tmp_path / "run"))


def test_a_full_disk_does_not_end_the_training(
    small: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backsight.state._checkpoints.replacing", full)
    assert train(Chars(**small)).status == "finished"
    assert caplog.text.count("cannot write the checkpoint of iteration") == 1


# -- it cannot go on -------------------------------------------------------------------------


def test_a_run_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run", kind="train chars") as recorder:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        with pytest.raises(RunError, match="is still training: stop that"):
            resume(tmp_path / "run")
        with pytest.raises(
            RunError, match=r"another process is still writing .*: stop that process"
        ):
            Recorder.resume(tmp_path / "run", before=1, events=0, config={})
    assert Run(tmp_path / "run").iterations == 1


def test_what_is_no_run_of_the_lab(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        resume(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"is not a run folder: it contains no run\.json"):
        resume(tmp_path / "empty")
    change(small_run.path, kind="watch")
    with pytest.raises(RunError, match=r"not made by backsight train \(its kind is 'watch'\)"):
        resume(small_run.path)
    change(small_run.path, kind="train chars")
    with pytest.raises(RunError, match="has no checkpoint to continue from"):
        resume(small_run.path)


def change(path: Path, **entries: Any) -> None:
    """Edit ``run.json`` by hand."""
    content = json.loads((path / "run.json").read_text())
    config = content["config"] | entries.pop("config", {})
    (path / "run.json").write_text(json.dumps(content | {"config": config} | entries))


@pytest.fixture(scope="module")
def broken_once(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return crash(Chars(**settings_in(tmp_path_factory.mktemp("broken"), text_file)), after=8)


@pytest.fixture
def broken(broken_once: Run, tmp_path: Path) -> Run:
    """A run to go on with."""
    return Run(shutil.copytree(broken_once.path, tmp_path / "run"))


@pytest.mark.some(4)
@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"warp": 9}, RunError, r"unknown settings \(warp\): was it made by another version"),
        ({"cell": "elman"}, RunError, "has an invalid setting: cell = 'elman'"),
        ({"hidden": True}, RunError, "has an invalid setting: hidden = True"),
        ({"hidden": "12"}, RunError, "has an invalid setting: hidden = '12'"),
        ({"text": 5}, RunError, "has an invalid setting: text = 5"),
        ({"lr": -1.0}, RunError, "has invalid settings: --lr must be a number above 0"),
        (
            {"hidden": 13},
            RunError,
            r"another model: .* shape \(12, 25\) in the checkpoint and \(13",
        ),
        ({"layers": 3}, RunError, r"weight_ih_l2 is only in the model"),
        ({"lr": 0.1}, RunError, r"other settings than those in run\.json \(lr 0\.002, now 0\.1\)"),
        (
            {"optimizer": "sgd", "momentum": 0.0},
            RunError,
            "momentum .* optimizer 'adam', now 'sgd'",
        ),
        ({"seq_len": 100_000}, DataError, "the text is too short"),
        ({"text": "/nowhere.txt"}, DataError, "does not exist"),
    ],
)
def test_settings_that_were_edited(
    config: dict[str, Any], error: type[Exception], words: str, broken: Run
) -> None:
    change(broken.path, config=config)
    before = (broken.path / "run.json").read_bytes()
    with pytest.raises(error, match=words):
        resume(broken.path)
    assert (broken.path / "run.json").read_bytes() == before
    assert Run(broken.path).iterations == 7


def test_a_missing_setting(broken: Run) -> None:
    content = json.loads((broken.path / "run.json").read_text())
    del content["config"]["dropout"]
    (broken.path / "run.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"missing settings \(dropout\)"):
        resume(broken.path)
    content["config"] = "lost"
    (broken.path / "run.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="config is 'lost', expected an object"):
        resume(broken.path)


def test_another_text_in_the_place_of_the_old(
    small: dict[str, Any], text_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.txt"
    shutil.copyfile(text_file, copy)
    broken = crash(Chars(**small | {"text": copy}), after=8)
    copy.write_text(text_file.read_text().replace("square", "sqaure"))
    with pytest.raises(DataError, match="is not the text that the run was trained on so far"):
        resume(broken)
    shutil.copyfile(text_file, copy)
    assert resume(broken).status == "finished"


def test_how_many_iterations(small: dict[str, Any]) -> None:
    run = train(Chars(**small))
    with pytest.raises(
        SettingError, match="has trained all of its 24 iterations: to train it longer"
    ):
        resume(run)
    with pytest.raises(SettingError, match="planned 24: it must be at least that, not 10"):
        resume(run, 10)
    assert saved_settings(run) == Chars(**small | {"lr": 0.002, "momentum": 0.9})
    assert saved_settings(run, 30).iterations == 30


def test_another_number_of_processes(broken: Run) -> None:
    checkpoints = Checkpoints(broken.path / "checkpoints")
    found = checkpoints.load()
    found.state["processes"] *= 2
    checkpoints.save(found.iteration, found.state)
    with pytest.raises(
        RunError, match=r"was written by 2 processes, but this training has 1: resume"
    ):
        resume(broken)


def test_other_parts(broken: Run) -> None:
    checkpoints = Checkpoints(broken.path / "checkpoints")
    found = checkpoints.load()
    checkpoints.save(5, found.state | {"shared": found.state["shared"] | {"guard": {}}})
    with pytest.raises(RunError, match="contains a state of guard, unlike this training"):
        resume(broken)
    found.state["shared"].pop("lesson")
    checkpoints.save(5, found.state)
    with pytest.raises(RunError, match="contains no state of lesson, unlike this training"):
        resume(broken)


def test_a_record_that_is_behind_its_checkpoint(broken: Run) -> None:
    """Copied half way: the checkpoint came along, the newest numbers did not."""
    store = Store(broken.path / "signals.db", new=False)
    store.cut(3, events=99)
    store.close()
    change(broken.path, iterations=3)
    with pytest.raises(
        RunError, match=r"should resume at iteration 5, but signals\.db holds only 3"
    ):
        resume(broken.path)


# -- the record ------------------------------------------------------------------------------


def test_a_record_is_cut_anywhere_and_goes_on(tmp_path: Path) -> None:
    """Chunks that straddle are cut; rows of several widths; signals that end, or begin, later."""
    with Recorder(tmp_path / "whole") as recorder:
        write(recorder, range(10_050))
    whole = Run(tmp_path / "whole")
    for before in (0, 1, 49, 50, 51, 5000, 9999, 10_000):
        path = tmp_path / str(before)
        with Recorder(path) as recorder:
            write(recorder, range(10_000))
        with Recorder.resume(path, before=before, events=before // 1000, config={"a": 1}) as again:
            write(again, range(before, 10_050))
        run = Run(path)
        assert run.names == whole.names
        for name in run.names:
            assert run[name].tobytes() == whole[name].tobytes()
            kind = run.profile if run.is_profile(name) else run.series
            assert kind(name).iterations.tolist() == sorted(set(kind(name).iterations.tolist()))
        assert [(e.iteration, e.body) for e in run.events()] == [
            (e.iteration, e.body) for e in whole.events()
        ]
        assert run.iterations == 10_050
        assert run.info["config"] == {"a": 1}


def write(recorder: Recorder, iterations: range) -> None:
    for i in iterations:
        recorder.scalars(i, {"loss": math.nan if i == 60 else float(i)})
        if i % 50 == 0:
            recorder.profile("reach/a", i, np.full(3 + i // 3000, i, np.float32))
        if i % 1000 == 999:
            recorder.event("sample", i, {"text": str(i)})
    if iterations.stop > 10_000:
        recorder.scalars(10_049, {"late": 1.0})


def test_a_damaged_record_is_not_gone_on_with(broken: Run) -> None:
    with sqlite3.connect(broken.path / "signals.db") as connection:
        connection.execute("UPDATE chunk SET checksum = checksum + 1")
    connection.close()
    with pytest.raises(RunError, match=r"signals.db is damaged: signal '.*' should have"):
        resume(broken.path)
    assert json.loads((broken.path / "run.json").read_text())["status"] == "failed"


# -- processes and the command line ----------------------------------------------------------


def backsight(*arguments: object, two: bool = False) -> list[str]:
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "--"]
    start = [*torchrun, "backsight"] if two else ["-m", "backsight"]
    return [sys.executable, *start, *map(str, arguments)]


def flags(settings: dict[str, Any]) -> Iterator[str]:
    yield "--no-report"
    for name, value in settings.items():
        if name != "report":
            yield from (f"--{name.replace('_', '-')}", str(value))


def wait_for(path: Path, iterations: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        kept = Checkpoints(path / "checkpoints").paths
        if kept and kept[0].name >= f"iteration-{iterations:09d}":
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not reach {iterations} iterations")


def test_kill_9_and_the_command_goes_on(small: dict[str, Any], tmp_path: Path) -> None:
    for iterations in (150, 1000, 6000):  # it must not have ended before it is killed
        changes = {"iterations": iterations, "validate_every": 50, "checkpoint_every": 15}
        settings = small | changes | {"run": tmp_path / f"{iterations}"}
        with processes.Forked(backsight("train", "chars", *flags(settings))) as process:
            try:
                wait_for(settings["run"], 45)
            finally:
                process.kill()
        if Run(settings["run"]).status != "finished":
            break
    assert Run(settings["run"]).status == "killed"
    done = processes.run(backsight("train", "--resume", settings["run"]))
    assert done.returncode == 0, done.stderr
    assert "resumes after " in done.stdout
    assert "to continue:" not in done.stdout
    run = Run(settings["run"])
    assert run.info["resumed"][0]["before"] == "running"
    assert_alike(alone(Chars(**settings), tmp_path), run)


@pytest.mark.long  # test_safe.py has two processes, too
@pytest.mark.long
def test_two_processes_go_on_as_two(small: dict[str, Any], tmp_path: Path) -> None:
    """Each with its own dropout and its own part of the carried state."""
    settings = small | {"cell": "lstm"}
    for name, iterations in (("whole", 24), ("run", 12)):
        words = flags(settings | {"iterations": iterations, "run": tmp_path / name})
        processes.run(backsight("train", "chars", *words, two=True)).check_returncode()
    resuming = ("train", "--resume", tmp_path / "run", "--iterations", 24)
    done = processes.run(backsight(*resuming, two=True))
    assert done.returncode == 0, done.stderr
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "run")
    each = state(run)["processes"]
    assert len(each) == 2
    assert not same(each[0]["random"], each[1]["random"])
    assert not same(each[0]["hidden"], each[1]["hidden"])
    assert_alike(whole, run)


def test_the_terminal_says_how_to_go_on(
    small: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stop_after(5)
    monkeypatch.setattr("backsight.cli._train._Interrupt.asked", lambda _: asked())
    assert main(["train", "chars", *flags(small)]) == 130
    assert f"to continue: backsight train --resume {small['run']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chars", "--resume", "runs/x"], "which has its own task: leave out chars"),
        (["--resume", "runs/x", "--lr", "0.1"], "--lr cannot be combined with --resume"),
        (["--lr=0.1", "--resume=runs/x"], "--lr cannot be combined with --resume"),
        (["--resume", "runs/x", "--no-stateful"], "--no-stateful cannot be combined with --resume"),
        (["--resume", "nowhere"], "nowhere does not exist: expected a run folder"),
        (["--resume"], "backsight train --resume --help lists the options"),
        (["--resume", "nowhere", "--iterations", "many"], "--help lists the options"),
        (["--resume", "nowhere", "extra"], "--help lists the options"),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_help_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "backsight train --resume RUN [--iterations N]" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["train", "--resume", "--help"])
    assert "continues from its newest checkpoint" in " ".join(capsys.readouterr().out.split())

"""A fork: a run of its own that begins where another one stood."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backsight.errors import RunError, SettingError
from backsight.lab import Chars, MemoryOrder, Training, resume, train
from backsight.signals import Run
from backsight.state import Checkpoints, load_checkpoint
from tests.guarded import same
from tests.test_resume import CrashError, crash_after

MIDDLE = 12


@pytest.fixture
def words(text_file: Path, tmp_path: Path) -> Chars:
    """A text model that draws from everything there is to draw from."""
    return Chars(
        text=text_file, run=tmp_path / "run", hidden=12, seq_len=12, batch=4, iterations=24,
        every=4, device="cpu", validate_chars=300, sample_chars=20, validate_every=6,
        checkpoint_every=6, layers=2, dropout=0.3, report=False,
    )  # fmt: skip


@pytest.fixture
def order(tmp_path: Path) -> MemoryOrder:
    """The same of a memory task."""
    return MemoryOrder(
        run=tmp_path / "run", length=30, hidden=8, batch=4, iterations=24, every=4, device="cpu",
        validate_sequences=20, validate_every=6, checkpoint_every=6, report=False,
    )  # fmt: skip


def at(config: Training, iteration: int = MIDDLE) -> Path:
    assert config.run is not None
    return config.run / "checkpoints" / f"iteration-{iteration:09d}.ckpt"


def fork(config: Training, **changes: Any) -> Run:
    assert config.run is not None
    path = changes.pop("run", config.run.with_name("fork"))
    return train(replace(config, fork=at(config), run=path, **changes))


def end(run: Run) -> dict[str, Any]:
    """All that a run ended with."""
    state = Checkpoints(run.path / "checkpoints").load().state
    for told in ("recorded", "settings"):
        del state[told]
    return state


@pytest.mark.some(1)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"stateful": False}, marks=pytest.mark.long),
        {"guard": "safe"},
        {"optimizer": "momentum", "curriculum": "linear", "seq_len": 70, "lr_schedule": "linear"},
    ],
)
def test_unchanged_it_is_what_the_run_became(words: Chars, changes: dict[str, Any]) -> None:
    """Bit for bit: weights, optimizer, data, random numbers, curriculum, guard, and the record."""
    config = replace(words, **changes)
    run = train(config)
    forked = fork(config)
    assert same(end(run), end(forked))
    for name in ("loss", "grad_norm", "val_loss"):
        late = run.series(name).iterations >= MIDDLE
        assert run[name][late].tobytes() == forked[name].tobytes()
    assert forked.series("loss").iterations.tolist() == list(range(MIDDLE, 24))
    assert forked.events("setup")[0].body["fork"] == str(at(config))


def test_a_memory_task_as_well(order: MemoryOrder) -> None:
    assert same(end(train(order)), end(fork(order)))


def test_the_run_itself_is_left_as_it_was(order: MemoryOrder) -> None:
    run = train(order)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    fork(order, lr=0.1)
    assert before == {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


@pytest.mark.some(1)
@pytest.mark.parametrize("stateful", [True, False])
def test_another_seed_goes_on_elsewhere_from_the_same_weights(words: Chars, stateful: bool) -> None:
    config = replace(words, stateful=stateful, layers=1, dropout=0.0, lr=1e-9)
    train(config)
    losses = [
        fork(config, seed=seed, run=config.run and config.run.with_name(f"fork{seed}"))
        for seed in (0, 1, 2)
    ]
    firsts = {float(run["loss"][0]) for run in losses}
    assert len(firsts) == 3  # other windows
    ends = [end(run)["shared"]["model"]["head.weight"] for run in losses]
    assert all(torch.allclose(ends[0], other, atol=1e-6) for other in ends)  # the same weights


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("change", "key", "value"),
    [({"lr": 0.07}, "lr", 0.07), ({"momentum": 0.0}, "betas", (0.0, 0.999))],
)
def test_a_change_is_in_force(
    order: MemoryOrder, change: dict[str, float], key: str, value: object
) -> None:
    """And the optimizer's own memory goes on."""
    train(order)
    forked = fork(order, **change)
    state = end(forked)["shared"]["optimizer"]
    assert state["param_groups"][0][key] == value
    assert int(state["state"][0]["step"]) == 24


def test_another_optimizer_begins_afresh(order: MemoryOrder) -> None:
    train(order)
    state = end(fork(order, optimizer="sgd", lr=0.1))["shared"]["optimizer"]
    assert "exp_avg" not in state["state"].get(0, {})


def test_a_guard_may_begin_at_a_fork(order: MemoryOrder) -> None:
    train(order)
    forked = fork(order, guard="clip=0.01")
    assert np.all(forked["grad_norm_applied"] <= 0.0101)
    assert forked.iterations == 24


def test_a_fork_that_was_interrupted_goes_on(order: MemoryOrder) -> None:
    train(order)
    whole = fork(order, lr=0.01)
    part = replace(order, fork=at(order), run=order.run and order.run.with_name("part"), lr=0.01)
    with pytest.raises(CrashError):
        train(part, stop=crash_after(9))
    assert part.run is not None
    at(order).unlink()  # it has checkpoints of its own by now
    assert same(end(whole), end(resume(part.run)))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden": 9}, "hidden 8, now 9"),
        ({"init": "orthogonal"}, "init 'default', now 'orthogonal'"),
        ({"length": 40}, "length 30, now 40"),
        ({"curriculum": "adaptive"}, "curriculum 'none', now 'adaptive'"),
    ],
)
def test_what_a_fork_cannot_change(order: MemoryOrder, changes: dict[str, Any], said: str) -> None:
    train(order)
    with pytest.raises(RunError, match=said):
        fork(order, **changes)


def test_nothing_left_to_train(order: MemoryOrder) -> None:
    train(order)
    with pytest.raises(
        SettingError, match="includes the 12 of the --fork checkpoint: it must be more than that"
    ):
        fork(order, iterations=12)


def test_a_checkpoint_that_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot start from .*: it cannot be read"):
        load_checkpoint(tmp_path / "none.ckpt")
    (tmp_path / "bad.ckpt").write_bytes(b"nonsense")
    with pytest.raises(RunError, match="it is not a Backsight checkpoint"):
        load_checkpoint(tmp_path / "bad.ckpt")

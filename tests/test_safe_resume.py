"""A guarded training that was interrupted in the middle of its trouble goes on as if it had not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backsight.curriculum import AdaptiveLength
from backsight.lab import Chars, MemoryOrder, Training, resume
from backsight.signals import Run
from tests.test_resume import CrashError, alone, assert_alike, crash, crash_after

HOPELESS: dict[str, Any] = {
    "cell": "rnn-relu", "init": "identity", "gain": 5.0, "optimizer": "sgd", "lr": 1e3,
}  # fmt: skip
"""Explodes in its first steps."""


def settings(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A memory task for a moment, with a checkpoint at every iteration."""
    return {
        "run": tmp_path / "run", "hidden": 12, "batch": 8, "iterations": 40, "every": 4,
        "device": "cpu", "validate_sequences": 20, "validate_every": 20, "checkpoint_every": 1,
        "report": False, "length": 24, "curriculum_start": 10,
    } | changes  # fmt: skip


def acts(run: Run, policy: str) -> list[int]:
    """When a policy acted."""
    return [int(n) for n in run.series(f"act_before/{policy}").iterations]


def interrupted(config: Training, tmp_path: Path, *, after: list[int]) -> Run:
    """Crashed after each of these iterations, and resumed each time."""
    assert config.run is not None
    crash(replace(config, run=tmp_path / "broken"), after=after[0])
    done = after[0]
    for place in after[1:]:
        # What was done when it crashed is not in a checkpoint of that iteration.
        with pytest.raises(CrashError):
            resume(tmp_path / "broken", stop=crash_after(place - done + 1))
        done = place
    return resume(tmp_path / "broken")


def test_around_a_rollback(tmp_path: Path) -> None:
    config = MemoryOrder(**settings(tmp_path), safe=True, **HOPELESS)
    whole = alone(config, tmp_path)
    first = acts(whole, "rollback")[0]
    assert whole["lr"][0] == 1e3
    assert whole["lr"][first + 1] < 1e3
    places = [first, first + 1, first + 2]
    assert_alike(whole, interrupted(config, tmp_path, after=places))


@pytest.mark.long
def test_while_a_clip_acts_at_every_step(tmp_path: Path) -> None:
    """Its event is one a stretch, also when the stretch is cut in two."""
    config = MemoryOrder(**settings(tmp_path), guard="clip=0.001")
    whole = alone(config, tmp_path)
    assert acts(whole, "clip") == list(range(40))
    assert [event.iteration for event in whole.events("act")] == [0]
    assert_alike(whole, interrupted(config, tmp_path, after=[7, 26]))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["linear", "stepwise", "adaptive"])
def test_while_the_sequences_grow(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the reach was measured in the last iteration before the checkpoint."""
    monkeypatch.setattr(AdaptiveLength, "WINDOW", 3)
    learnable = {
        "cell": "gru",
        "length": 16,
        "hidden": 20,
        "batch": 32,
        "lr": 0.02,
        "iterations": 60,
    }
    config = MemoryOrder(**settings(tmp_path, **learnable), curriculum=kind)
    whole = alone(config, tmp_path)
    lengths = whole["seq_len"].tolist()
    assert lengths == sorted(lengths)
    assert lengths[0] == 10
    assert lengths[-1] > 10
    assert_alike(whole, interrupted(config, tmp_path, after=[6, 42, 50]))


@pytest.mark.long
def test_a_text_whose_carried_state_goes_back_too(text_file: Path, tmp_path: Path) -> None:
    config = Chars(
        text=text_file, run=tmp_path / "run", hidden=12, seq_len=8, batch=4, iterations=40, every=4,
        device="cpu", validate_chars=200, sample_chars=10, validate_every=20, checkpoint_every=1,
        report=False, layers=2, dropout=0.2, safe=True, **HOPELESS,
    )  # fmt: skip
    whole = alone(config, tmp_path)
    first = acts(whole, "rollback")[0]
    assert_alike(whole, interrupted(config, tmp_path, after=[first, first + 1]))

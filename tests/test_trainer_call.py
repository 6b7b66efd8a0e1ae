"""Trainings that a trainer leaves without telling its callbacks, and other things it may lack."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import backsight
from backsight.errors import SettingError
from backsight.integrations import _trainer_call
from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._headlines import (
    ITERATION,
    SAMPLED,
    Headlines,
    Shown,
    newest_of,
)
from backsight.integrations._session import Session, end_those_left
from backsight.signals import Recorder, Run

CODE = """
def fit(session, model, optimizer, train):
    session.begin(model, optimizer)
    train()
    session.end()
"""


@pytest.fixture(scope="module")
def fit() -> Callable[..., None]:
    """A trainer that tells its callbacks nothing of an error."""
    library = ModuleType("some_library.trainer")
    exec(CODE, vars(library))
    trained: Callable[..., None] = library.fit
    return trained


def training() -> tuple[nn.LSTM, list[torch.optim.Optimizer]]:
    model = nn.LSTM(3, 5)
    return model, [torch.optim.SGD(model.parameters(), lr=0.01)]


def step(model: nn.LSTM, optimizer: torch.optim.Optimizer | None = None) -> None:
    model.zero_grad()
    model(torch.randn(6, 2, 3))[0].square().mean().backward()
    if optimizer is not None:
        optimizer.step()


def raising() -> None:
    raise ValueError("no more data")


def session_in(folder: Path, name: str = "mine") -> Session:
    return Session(folder / name, library="some_library")


def test_an_error_that_is_being_handled_is_the_reason(tmp_path: Path, fit: Any) -> None:
    try:
        fit(session_in(tmp_path), *training(), raising)
    except ValueError as inner:
        try:
            raise KeyError("theirs") from inner
        except KeyError:
            end_those_left()
    run = Run(tmp_path / "mine")
    assert (run.status, run.reason) == ("failed", "ValueError: no more data")


def test_the_next_training_closes_a_run_that_was_left(tmp_path: Path, fit: Any) -> None:
    """Its error has been handled: nobody knows it any longer."""
    with pytest.raises(ValueError, match="no more data"):
        fit(session_in(tmp_path), *training(), raising)
    assert Run(tmp_path / "mine").status == "running"
    fit(session_in(tmp_path, "next"), *training(), lambda: None)
    run = Run(tmp_path / "mine")
    assert (run.status, run.reason) == ("failed", f"RuntimeError: {_trainer_call.LEFT}")
    assert Run(tmp_path / "next").status == "finished"


def test_a_training_within_another_leaves_that_alone(tmp_path: Path, fit: Any) -> None:
    def inner() -> None:
        fit(session_in(tmp_path, "inner"), *training(), lambda: None)
        assert Run(tmp_path / "mine").status == "running"

    fit(session_in(tmp_path), *training(), inner)
    assert Run(tmp_path / "mine").status == "finished"


def test_the_end_of_the_process_closes_a_run_with_the_error_that_ended_it(
    tmp_path: Path, fit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_in(tmp_path)
    with pytest.raises(ValueError, match="no more data") as caught:
        fit(session, *training(), raising)
    monkeypatch.setattr(sys, "last_value", OSError("of something else"), raising=False)
    session._exit()
    assert Run(tmp_path / "mine").status == "running"  # the recorder will say what it knows
    monkeypatch.setattr(sys, "last_value", caught.value)
    session._exit()
    assert Run(tmp_path / "mine").reason == "ValueError: no more data"


def test_without_a_call_of_the_library_nothing_is_concluded(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    session.begin(*training())
    end_those_left()
    assert session.monitor is not None
    session.end()


def test_a_first_training_takes_a_free_number_where_that_is_asked_for(tmp_path: Path) -> None:
    for _ in range(2):
        session = Session(tmp_path / "mine", numbered=True)
        session.begin(*training())
        session.end()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine-2"]


def test_a_number_that_another_process_takes_first_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(tmp_path / "mine", numbered=True)
    free = Session._place

    def taken_once(self: Session, number: int) -> Path | None:
        monkeypatch.setattr(Session, "_place", free)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "theirs").touch()
        return tmp_path / "mine"

    monkeypatch.setattr(Session, "_place", taken_once)
    session.begin(*training())
    session.end()
    assert Run(tmp_path / "mine-2").status == "finished"


def test_several_models_of_one_training_are_recorded_by_their_names(tmp_path: Path) -> None:
    one, two = nn.RNN(3, 5), nn.GRU(5, 2)
    optimizer = torch.optim.SGD([*one.parameters(), *two.parameters()], lr=0.1)
    session = Session(tmp_path / "mine", options={"every": 1})
    session.begin({"encoder": one, "decoder": two}, [optimizer])
    two(one(torch.randn(6, 2, 3))[0])[0].sum().backward()
    optimizer.step()
    session.end()
    assert {"reach/encoder.l0", "reach/decoder.l0"} <= set(Run(tmp_path / "mine").names)


def test_without_an_optimizer_a_guard_says_that_it_does_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = training()
    session = Session(tmp_path / "mine", guard="skip")
    with caplog.at_level(logging.WARNING):
        session.begin(model, None)
    assert "the guard does nothing: it acts when an optimizer of PyTorch's steps" in caplog.text
    session.end()


def test_without_an_optimizer_a_checkpoint_has_the_iteration_whose_gradients_are_there(
    tmp_path: Path,
) -> None:
    model, _ = training()
    first = backsight.watch(model, None, tmp_path / "mine")
    for _ in range(3):
        step(model)
    saved = first.state_dict()
    assert saved["iteration"] == 3
    first.close()
    with backsight.watch(model, None, state=saved):
        for _ in range(2):
            step(model)
    assert Run(tmp_path / "mine").iterations == 5


def test_rows_have_the_trainers_steps(tmp_path: Path) -> None:
    model, (optimizer,) = training()
    session = Session(tmp_path / "mine", options={"every": 1})
    session.begin(model, [optimizer], step=100)
    session.settle()
    assert session.rows() == []  # there is nothing yet
    for _ in range(3):
        step(model, optimizer)
    session.settle()
    assert [at for at, _ in session.rows()] == [100, 101]
    session.end()
    assert [at for at, _ in session.rows()] == [102]


def test_options_of_the_callers_come_before_those_of_a_library(tmp_path: Path) -> None:
    model, optimizers = training()
    for name, given in (("one", {}), ("two", {"lag": 3})):
        session = Session(tmp_path / name, options=given)  # type: ignore[arg-type]
        session.begin(model, optimizers, defaults={"lag": 7})
        session.end()
    facts = [Run(tmp_path / name).info["config"]["facts"] for name in ("one", "two")]
    assert facts == [{"lag": 7}, {"lag": 3}]


def test_findings_are_told_by_their_codes_and_notes_are_not(tmp_path: Path) -> None:
    session = Session()
    for code, severity in (
        ("BKS2", "error"),
        ("BKS1", "warning"),
        ("BKS2", "error"),
        ("N", "info"),
    ):
        session.headlines.event("finding", 3, {"code": code, "severity": severity})
    assert session.found() == "BKS2, BKS1"
    assert session.found() == ""


def test_headlines_hear_what_a_recorder_commits_beside_others(tmp_path: Path) -> None:
    others: list[Any] = []
    headlines = Headlines()
    with Recorder(tmp_path / "mine") as recorder:
        recorder.committed = lambda blocks, events: others.append((blocks, events))
        headlines.listen(recorder)
        recorder.scalars(4, {"grad_norm": 0.5, "loss": 1.0})
        recorder.event("finding", 4, {"code": "BKS201", "value": float("nan")})
        recorder.event("other", 4, {})
        recorder.flush()
        assert headlines.take() == [(4, {"backsight/grad_norm": 0.5})]
        assert headlines.take_findings() == [(4, {"code": "BKS201", "value": "NaN"})]
    assert len(others) == 1


class _Failing:
    """A callback with an error of ours in each hook."""

    @harmless_begin
    def begin(self, error: Exception) -> None:
        raise error

    @harmless
    def later(self, error: Exception) -> None:
        raise error


def test_an_error_of_ours_is_told_once_and_ends_no_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = _Failing(), _Failing()
    for callback in (one, one, other):
        callback.later(SettingError("ours"))
        callback.begin(RuntimeError("ours"))
    assert [record.getMessage() for record in caplog.records] == 2 * [
        "backsight: later failed: SettingError('ours')",
        "backsight: begin failed: RuntimeError('ours')",
    ]


def test_a_setting_that_makes_no_sense_ends_a_training_as_it_begins() -> None:
    with pytest.raises(SettingError, match="no such thing"):
        _Failing().begin(SettingError("no such thing"))


def test_a_log_without_steps_shows_each_group_of_one_iteration() -> None:
    """Norms are thinned in some iterations, and the memory is measured in few samples."""
    norm, state = "backsight/grad_norm", "backsight/hidden_norm_mean/rnn"
    far = "backsight/horizon/rnn"
    shown = Shown()
    assert shown.take([(0, {norm: 1.0, state: 2.0, far: 9.0, "backsight/memory_length/rnn": 3.0})])
    assert shown.row == {norm: 1.0, state: 2.0, ITERATION: 0, far: 9.0, SAMPLED: 0}
    assert shown.take([(4, {norm: 3.0, state: 4.0}), (5, {norm: 5.0}), (2, {far: 8.0})])
    assert shown.row == {norm: 3.0, state: 4.0, ITERATION: 4, far: 8.0, SAMPLED: 2}
    assert not shown.take([(6, {norm: 5.0})])


def test_a_log_with_steps_has_the_newest_and_the_first_that_is_not_finite() -> None:
    nan = float("nan")
    rows = [(0, {"a": 1.0, "b": 1.0}), (1, {"a": nan}), (2, {"a": nan}), (3, {"a": 2.0})]
    assert str(newest_of(rows)) == str([(0, {"b": 1.0}), (1, {"a": nan}), (3, {"a": 2.0})])

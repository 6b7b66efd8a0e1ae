"""What every callback shares, and ``watch(…, state=…)``, by which a run goes on."""

import copy
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import backsight
from backsight.errors import SettingError
from backsight.integrations._headlines import KEPT, Headlines
from backsight.integrations._session import Session


def training() -> tuple[nn.LSTM, torch.optim.Adam]:
    torch.manual_seed(0)
    model = nn.LSTM(3, 5)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def train(model: nn.LSTM, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for iteration in range(first, last):
        x = torch.randn(12, 4, 3, generator=torch.Generator().manual_seed(iteration))
        optimizer.zero_grad()
        model(x)[0][-1].square().mean().backward()
        optimizer.step()


def test_a_run_goes_on_where_the_checkpoint_was_written(tmp_path: Path) -> None:
    model, optimizer = training()
    with backsight.watch(model, optimizer, tmp_path / "whole", every=2):
        train(model, optimizer, 0, 12)
    wanted = copy.deepcopy(model.state_dict())

    model, optimizer = training()
    first = backsight.watch(model, optimizer, tmp_path / "parts", every=2)
    train(model, optimizer, 0, 6)
    saved = first.state_dict()
    kept = copy.deepcopy([model.state_dict(), optimizer.state_dict()])
    train(model, optimizer, 6, 9)  # is forgotten
    first.close()

    model, optimizer = training()
    model.load_state_dict(kept[0])
    optimizer.load_state_dict(kept[1])
    with backsight.watch(model, optimizer, every=2, state=saved):
        train(model, optimizer, 6, 12)

    whole, parts = backsight.Run(tmp_path / "whole"), backsight.Run(tmp_path / "parts")
    assert parts.iterations == 12
    for name in ("loss", "grad_norm", "reach/l0", "hidden_norm_max/l0"):
        assert np.array_equal(whole[name], parts[name]), name
    for name, value in model.state_dict().items():
        assert torch.equal(value, wanted[name])


@pytest.mark.parametrize("state", [{"run": "x"}, {"run": 3, "iteration": 1, "events": 0}, [1]])
def test_another_state_is_one_clear_sentence(state: Any) -> None:
    model, optimizer = training()
    with pytest.raises(SettingError, match=r"state is what monitor\.state_dict\(\) gave"):
        backsight.watch(model, optimizer, state=state)


def test_a_session_goes_on_with_its_run_or_says_why_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine")
    session.begin(model, [optimizer])
    train(model, optimizer, 0, 2)
    saved = session.state_dict()
    session.end()

    again = Session(tmp_path / "mine")
    again.load_state_dict(saved)
    again.begin(model, [optimizer])
    train(model, optimizer, 2, 4)
    again.end()
    assert backsight.Run(tmp_path / "mine").iterations == 4

    (tmp_path / "mine").rename(tmp_path / "away")
    again.load_state_dict(saved)
    with caplog.at_level(logging.WARNING):
        again.begin(model, [optimizer])
    assert "a new run begins" in caplog.text
    again.end()


def test_a_checkpoint_that_is_written_after_the_end_goes_on_too(tmp_path: Path) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine")
    session.begin(model, [optimizer])
    train(model, optimizer, 0, 2)
    session.end()
    session.end()
    again = Session(tmp_path / "mine")
    again.load_state_dict(session.state_dict())
    again.begin(model, [optimizer])
    assert session.state_dict()["watch"]["iteration"] == 2
    train(model, optimizer, 2, 3)
    again.end()
    assert again.run is not None
    assert (again.run.name, again.run.iterations) == ("mine", 3)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("asked", "recorded"), [("mine", 4), ("mine-2", 2), ("other", 2), ("folder/mine", 2)]
)
def test_a_run_of_another_name_is_not_gone_on_with(
    asked: str, recorded: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine")
    session.begin(model, [optimizer])
    train(model, optimizer, 0, 2)
    session.end()
    again = Session(tmp_path / asked)
    again.load_state_dict(session.state_dict())
    again.begin(model, [optimizer])
    train(model, optimizer, 2, 4)
    again.end()
    assert backsight.Run(tmp_path / asked).iterations == recorded
    assert ("not that of the checkpoint" in caplog.text) == (recorded == 2)


def test_a_second_run_is_gone_on_with_by_the_name_of_the_first(tmp_path: Path) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine")
    for _ in range(2):
        session.begin(model, [optimizer])
        train(model, optimizer, 0, 2)
        session.end()
    again = Session(tmp_path / "mine")
    again.load_state_dict(session.state_dict())
    again.begin(model, [optimizer])
    again.end()
    assert again.run is not None
    assert again.run.name == "mine-2"


def test_a_session_is_sent_to_other_processes_as_it_was_asked_for(tmp_path: Path) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine", guard="skip", options={"every": 1})
    session.begin(model, [optimizer])
    sent = pickle.loads(pickle.dumps(session))
    train(model, optimizer, 0, 2)
    session.end()
    assert sent.monitor is None
    assert sent.run is None
    assert sent.state_dict() == {}
    sent.begin(model, [optimizer])
    train(model, optimizer, 0, 1)
    sent.end()
    assert "reach/l0" in backsight.Run(tmp_path / "mine-2").names


def test_another_guard_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine", guard="skip")
    session.begin(model, [optimizer])
    train(model, optimizer, 0, 2)
    session.end()
    again = Session(tmp_path / "mine", guard="clip=1")
    again.load_state_dict(session.state_dict())
    again.begin(model, [optimizer])
    assert "the guard begins anew" in caplog.text
    again.end()
    assert again.run is not None
    assert again.run.name == "mine"


def test_the_second_training_has_a_run_of_its_own(tmp_path: Path) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine")
    for _ in range(2):
        session.begin(model, [optimizer])
        train(model, optimizer, 0, 1)
        session.end()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine-2"]


def test_one_of_two_observers_steps_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, optimizer = training()
    one, two = Session(tmp_path / "one"), Session(tmp_path / "two")
    one.begin(model, [optimizer])
    two.begin(model, [optimizer])
    assert "another callback of Backsight records this training" in caplog.text
    one.end()
    two.end()

    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_guard_acts_and_is_saved(tmp_path: Path) -> None:
    model, optimizer = training()
    session = Session(tmp_path / "mine", guard="skip")
    session.begin(model, [optimizer])
    kept = copy.deepcopy(model.state_dict())
    model(torch.full((2, 1, 3), float("nan")))[0].sum().backward()
    optimizer.step()
    assert torch.equal(model.state_dict()["weight_hh_l0"], kept["weight_hh_l0"])
    assert session.state_dict()["guard"]
    session.end()
    assert "act_before/skip" in backsight.Run(tmp_path / "mine").names


def test_what_is_asked_for_wrongly_is_told_at_once() -> None:
    with pytest.raises(SettingError, match="'evry' is no option of this callback"):
        Session(options={"evry": 1})  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="clippp"):
        Session(guard="clippp")


def test_an_error_of_ours_does_not_reach_the_trainer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("backsight.integrations._session.watch", broken)
    session = Session(guard="skip")
    model, optimizer = training()
    session.begin(model, [optimizer])
    assert session.monitor is None
    assert "the training is not observed" in caplog.text
    session.end()


def test_headlines_that_nobody_takes_are_bounded() -> None:
    headlines = Headlines()
    for iteration in range(KEPT + 3):
        headlines.scalars(iteration, {"grad_norm": 1.0})
    headlines.event("finding", 7, {"code": "BKS201"})
    assert headlines.dropped == 3
    assert headlines.take()[0] == (3, {"backsight/grad_norm": 1.0})
    assert headlines.take_findings() == [(7, {"code": "BKS201"})]
    assert headlines.take_findings() == []

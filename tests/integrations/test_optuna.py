"""``prune_on_finding`` of Optuna."""

import doctest
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("optuna")

import optuna

import backsight
from backsight.errors import SettingError
from backsight.integrations._session import Session
from backsight.integrations.optuna import FINDINGS, RUN, prune_on_finding
from backsight.signals import Run

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_of(objective: Any) -> Any:
    study = optuna.create_study()
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def trained(folder: Path, scale: float, **options: Any) -> Any:
    """A trial of three iterations, whose losses are multiplied by ``scale``."""

    def objective(trial: Any) -> float:
        rnn = nn.RNN(1, 4)
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        with backsight.watch(rnn, optimizer, folder / "run", every=1) as monitor:
            for _ in range(3):
                optimizer.zero_grad()
                (rnn(torch.randn(6, 2, 1))[0].sum() * scale).backward()
                optimizer.step()
                prune_on_finding(trial, monitor, **options)
        return 1.0

    return study_of(objective)


def test_an_error_prunes_the_trial_and_is_noted_on_it(tmp_path: Path) -> None:
    trial = trained(tmp_path, float("nan"))
    assert trial.state.name == "PRUNED"
    assert trial.user_attrs == {FINDINGS: ["BKS201"], RUN: str(tmp_path / "run")}
    run = Run(tmp_path / "run")
    assert (run.status, run.iterations) == ("failed", 2)  # the first ends where the next begins
    assert (run.reason or "").startswith("TrialPruned: BKS201 not finite")


def test_a_healthy_trial_goes_on(tmp_path: Path) -> None:
    trial = trained(tmp_path, 1.0)
    assert trial.state.name == "COMPLETE"
    assert trial.user_attrs == {RUN: str(tmp_path / "run")}


def test_what_is_less_grave_prunes_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finding,) = backsight.diagnosis.Judge().update(0, {"loss": float("nan")})
    finding.severity = "warning"
    monkeypatch.setattr("backsight.monitor.Monitor.found", (finding,))
    assert trained(tmp_path / "one", 1.0).state.name == "COMPLETE"
    assert trained(tmp_path / "two", 1.0, severity="warning").state.name == "PRUNED"


def test_a_callback_does_as_well(tmp_path: Path) -> None:
    """Before its training begins, there is nothing to find."""

    class Callback:
        """As those of other libraries: none is needed here."""

        def __init__(self) -> None:
            self._session = Session(tmp_path / "run", options={"every": 1})

    def objective(trial: Any) -> float:
        callback, rnn = Callback(), nn.RNN(1, 4)
        prune_on_finding(trial, callback)
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        callback._session.begin(rnn, [optimizer])
        for _ in range(2):
            rnn(torch.full((6, 2, 1), float("nan")))[0].sum().backward()
            optimizer.step()
            prune_on_finding(trial, callback)
        return 1.0

    assert study_of(objective).state.name == "PRUNED"
    assert (Run(tmp_path / "run").reason or "").startswith("TrialPruned: BKS406 data not finite")


def test_the_example_of_its_docstring_gives_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_UDIFF)
    (test,) = doctest.DocTestFinder(recurse=False).find(prune_on_finding, "example", globs={})
    assert runner.run(test, out=report.write).failed == 0, report.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((None, None), "expects a trial of Optuna's first, not None"),
     (("trial", 3), "expects what backsight.watch gave, or a callback of Backsight's, not 3"),
     (("trial", None, "bad"), "severity is one of error, warning, info, not 'bad'")],
)  # fmt: skip
def test_another_argument_is_one_clear_sentence(arguments: Any, words: str) -> None:
    trial, *others = arguments
    with pytest.raises(SettingError, match=words):
        prune_on_finding(optuna.create_study().ask() if trial else trial, *others)

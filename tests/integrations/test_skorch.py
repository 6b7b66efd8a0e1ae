"""``BacksightCallback`` of skorch."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("skorch")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.helper import predefined_split
from torch.utils.data import TensorDataset

from backsight.integrations.skorch import BacksightCallback
from backsight.signals import Run
from tests.integrations.conformance import Conformance, Course
from tests.integrations.small import Classifier, SpoiledLoss, numbers


def net_of(callbacks: list[Any], course: Course | None = None, **options: Any) -> Any:
    """A classifier that says nothing."""
    settings = {
        "max_epochs": 2, "batch_size": 8, "train_split": None, "verbose": 0, "lr": 0.01,
        "optimizer": torch.optim.Adam, "criterion": SpoiledLoss, "criterion__course": course,
    }  # fmt: skip
    return NeuralNetClassifier(Classifier, callbacks=callbacks, **{**settings, **options})


class TestSkorch(Conformance):
    """The suite of all callbacks."""

    callback = BacksightCallback
    iterations = 12
    module = "rnn.l0"
    tells_errors = False

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches."""
        x, y = numbers()
        epochs = (course.stop or 12) // 6
        saved = course.folder / "net.pkl"
        net = net_of(callbacks, course, max_epochs=epochs, warm_start=True).initialize()
        if course.resume:
            net = pickle.loads(saved.read_bytes())
            epochs -= 1
        with course.watching(net.module_, net.optimizer_):
            net.partial_fit(x, y, epochs=epochs)
        net.criterion__course = net.criterion_.course = None  # no pickle has closures
        saved.write_bytes(pickle.dumps(net))
        self.history = net.history
        module: nn.Module = net.module_
        return module

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What the history has, by the number of the batch."""
        found: dict[str, list[tuple[int, float]]] = {}
        rows = [row for epoch in self.history for row in epoch["batches"]]
        for number, row in enumerate(rows):
            for name, value in row.items():
                if name.startswith("backsight/"):
                    found.setdefault(name, []).append((number, value))
        assert len(found["backsight/grad_norm"]) == 12
        return found

    def test_off_is_off(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """``run`` is the parameter, as scikit-learn has it, and ``run_`` what became of it."""
        monkeypatch.setenv("BACKSIGHT", "off")
        callback = self.callback(tmp_path / "run", guard="skip")
        self.outcome([callback], Course(tmp_path / "one"))
        assert callback.run_ is None
        assert not (tmp_path / "run").exists()


def test_each_fit_of_a_search_has_a_run_of_its_own(tmp_path: Path) -> None:
    x, y = numbers()
    net = net_of([BacksightCallback(tmp_path / "run", every=2)], max_epochs=1)
    GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2, error_score="raise").fit(x.numpy(), y.numpy())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run", "run-2", "run-3", "run-4", "run-5",
    ]  # fmt: skip
    assert [Run(path).iterations for path in sorted(tmp_path.iterdir())] == [3, 3, 3, 3, 6]


def test_it_has_parameters_as_scikit_learn_wants_them(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run", guard="skip", every=3)
    wanted = {"run": tmp_path / "run", "guard": "skip", "every": 3}
    assert callback.get_params() == wanted
    assert clone(callback).get_params() == wanted
    net = net_of([callback])
    net.set_params(callbacks__BacksightCallback__every=1)
    net.fit(*numbers())
    run = net.callbacks[0].run_
    assert run.info["config"]["every"] == 1
    assert np.array_equal(run.profile("reach/rnn.l0").iterations, range(12))


def test_partial_fit_goes_on_and_fit_begins_anew(tmp_path: Path) -> None:
    x, y = numbers()
    net = net_of([BacksightCallback(tmp_path / "run")])
    net.partial_fit(x, y, epochs=1).partial_fit(x, y, epochs=1)
    assert Run(tmp_path / "run").iterations == 12
    net.fit(x, y)
    assert Run(tmp_path / "run-2").iterations == 12


def test_a_validation_is_not_observed(tmp_path: Path) -> None:
    x, y = numbers()
    split = predefined_split(TensorDataset(x[:16], y[:16]))
    net = net_of([BacksightCallback(tmp_path / "run", every=1)], train_split=split)
    net.fit(x, y)
    assert Run(tmp_path / "run").iterations == 12
    rows = [row for epoch in net.history for row in epoch["batches"] if "valid_loss" in row]
    assert len(rows) == 4
    assert not any(name.startswith("backsight/") for row in rows for name in row)

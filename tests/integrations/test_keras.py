"""``BacksightCallback`` of Keras, on PyTorch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("keras")

import keras

from backsight.errors import SettingError
from backsight.integrations.keras import BacksightCallback
from backsight.signals import Run
from tests.integrations.conformance import Conformance, Course
from tests.integrations.small import SpoiledLoss, numbers, points_of


def fit(callbacks: list[Any], course: Course, **options: Any) -> Any:
    """Train an LSTM on six batches for two epochs; the model and its history."""
    keras.utils.clear_session()  # it numbers names
    x, y = (tensor.numpy() for tensor in numbers())
    spoiled = SpoiledLoss(course)

    def loss(wanted: Tensor, scores: Tensor) -> Tensor:
        if scores.device.type == "meta":  # Keras asks for the shape
            return scores.sum(-1)
        whole: Tensor = spoiled(scores, wanted.reshape(-1).long())
        return whole.expand(len(scores))

    model = keras.Sequential([keras.layers.LSTM(6, name="rnn"), keras.layers.Dense(2)])
    model.build((None, 10, 1))
    model.compile(keras.optimizers.Adam(0.01), loss)
    with course.watching(model, None):
        history = model.fit(
            x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=callbacks, **options
        )
    return model, history.history


class TestKeras(Conformance):
    """The suite of all callbacks."""

    callback = BacksightCallback
    iterations = 12
    module = "loop:_functional._torch_params.sequential/rnn/lstm_cell/recurrent_kernel"
    resumes = False
    guards = False
    tells_errors = False

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches."""
        keras.utils.set_random_seed(0)
        model, self.history = fit(callbacks, course)
        return model  # type: ignore[no-any-return]

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What the history has after each epoch."""
        columns = [[(name, value) for value in values] for name, values in self.history.items()]
        return points_of(map(dict, zip(*columns, strict=True)))


def test_a_validation_is_not_observed(tmp_path: Path) -> None:
    x, y = (tensor.numpy() for tensor in numbers(16))
    fit([BacksightCallback(tmp_path / "run")], Course(tmp_path), validation_data=(x, y))
    assert Run(tmp_path / "run").iterations == 12


def test_a_run_goes_on_where_the_script_keeps_its_state(tmp_path: Path) -> None:
    first = BacksightCallback(tmp_path / "run")
    fit([first], Course(tmp_path))
    second = BacksightCallback(tmp_path / "run")
    second.load_state_dict(first.state_dict())
    fit([second], Course(tmp_path))
    assert Run(tmp_path / "run").iterations == 24


def test_another_backend_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(SettingError, match=r"Keras runs on jax here.*set KERAS_BACKEND=torch"):
        BacksightCallback()


def test_random_numbers_of_keras_stay_as_they_are(tmp_path: Path) -> None:
    def after(callbacks: list[Any]) -> list[float]:
        keras.utils.set_random_seed(0)
        fit(callbacks, Course(tmp_path))
        return torch.as_tensor(keras.random.normal((3,))).tolist()

    assert after([]) == after([BacksightCallback(tmp_path / "run")])

"""``BacksightHandler`` of ignite."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("ignite")

from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver

from backsight.integrations.ignite import BacksightHandler
from backsight.signals import Run
from tests.integrations.conformance import BROKEN, Conformance, Course, raising
from tests.integrations.small import Classifier, SpoiledLoss, numbers, points_of


def engine_of(model: nn.Module, optimizer: Any, course: Course, every: int = 1) -> Any:
    """One that steps the optimizer after every so many batches."""
    loss_of = SpoiledLoss(course)

    def step(engine: Any, batch: Any) -> float:
        x, y = batch
        loss = loss_of(model(x), y)
        loss.backward()
        if engine.state.iteration % every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.detach())

    return Engine(step)


class TestIgnite(Conformance):
    """The suite of all callbacks."""

    callback = BacksightHandler
    iterations = 12
    module = "rnn.l0"

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches."""
        model = Classifier()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        engine = engine_of(model, optimizer, course)
        for callback in callbacks:
            callback.attach(engine, model, optimizer)
        told: list[dict[str, float]] = []

        def log(engine: Any) -> None:
            told.append(dict(engine.state.metrics))

        engine.add_event_handler(Events.EPOCH_COMPLETED, log)
        engine.add_event_handler(Events.COMPLETED, log)
        saved = {"model": model, "optimizer": optimizer, "engine": engine}
        saved |= {f"backsight{number}": one for number, one in enumerate(callbacks)}
        checkpoint = Checkpoint(
            saved, DiskSaver(course.folder, require_empty=False), n_saved=None,
            filename_pattern="last.pt",
        )  # fmt: skip
        engine.add_event_handler(Events.COMPLETED, checkpoint)
        if course.resume:
            stored = torch.load(course.folder / "last.pt", weights_only=True)
            Checkpoint.load_objects(saved, stored)
        batches = DataLoader(TensorDataset(*numbers()), 8)
        with course.watching(model, optimizer):
            engine.run(batches, max_epochs=(course.stop or 12) // 6)
        (course.folder / "told.json").write_text(json.dumps(told))
        return model

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What was in the engine's metrics."""
        return points_of(json.loads((folder / "told.json").read_text()))


def test_an_error_that_the_user_handles_stays_handled(tmp_path: Path) -> None:
    model, heard = Classifier(), []
    optimizer = torch.optim.Adam(model.parameters())
    engine = engine_of(model, optimizer, Course(tmp_path, spoil=raising))
    handler = BacksightHandler(tmp_path / "run").attach(engine, model, optimizer)
    engine.add_event_handler(Events.EXCEPTION_RAISED, lambda engine, error: heard.append(error))
    engine.run(DataLoader(TensorDataset(*numbers()), 8))
    assert [str(error) for error in heard] == [BROKEN]
    assert handler.run is not None
    assert handler.run.status == "failed"


def test_an_iteration_is_a_step_where_gradients_accumulate(tmp_path: Path) -> None:
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters())
    engine = engine_of(model, optimizer, Course(tmp_path), every=2)
    BacksightHandler(tmp_path / "run", every=1).attach(engine, model, optimizer)
    engine.run(DataLoader(TensorDataset(*numbers()), 8), max_epochs=2)
    assert Run(tmp_path / "run").iterations == 6
    assert engine.state.metrics["backsight/iteration"] == 5

"""One training by a library's trainer: plain, within ``watch()``, or with its callback.

Prints one line of JSON: seconds and seconds of CPU a step, after a start that is left out. Started
by ``benchmarks.wild.callbacks --overhead`` with the library's interpreter.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import backsight
from benchmarks.speed._training import MODELS

__all__ = ["TRAININGS"]

WARM_UP = 20


class Case:
    """What is trained, for how long, and what is to be put around it."""

    def __init__(self, arm: str, steps: int, folder: Path) -> None:
        self.steps, self.folder, self._arm = steps, folder, arm
        self.model, self._losses = MODELS["lstm12"]()
        self.optimizer: Any = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self._calls = 0
        self.began = self.ended = (0.0, 0.0)

    def loss(self) -> Tensor:
        """Of a step; to be called once a step."""
        self.count()
        return self._losses()

    def count(self) -> None:
        """A step begins, and the one before has ended."""
        self._calls += 1
        now = time.perf_counter(), time.process_time()
        if self._calls == WARM_UP:
            self.began = now
        self.ended = now

    def watching(self, model: nn.Module, **options: Any) -> AbstractContextManager[Any]:
        """To be put around the training."""
        if self._arm != "watch":
            return nullcontext()
        return backsight.watch(model, self.optimizer, self.folder / "run", **options)

    def callbacks(self, kind: Callable[..., Any]) -> list[Any]:
        """Those of the trainer."""
        return [kind(self.folder / "run")] if self._arm == "callback" else []

    def result(self) -> dict[str, float]:
        """Per step."""
        steps = self._calls - WARM_UP
        both = zip(self.ended, self.began, strict=True)
        seconds, cpu = ((end - begin) / steps for end, begin in both)
        return {"seconds": seconds, "cpu": cpu}


def lightning(case: Case) -> None:
    """Lightning, with a logger."""
    import lightning.pytorch as pl
    from lightning.pytorch.loggers import CSVLogger

    from backsight.integrations.lightning import BacksightCallback

    class Module(pl.LightningModule):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = case.model

        def training_step(self, batch: Tensor, _: int) -> Tensor:
            return case.loss()

        def configure_optimizers(self) -> Any:
            return case.optimizer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = Module()
    trainer = pl.Trainer(
        max_steps=case.steps, accelerator="cpu", logger=CSVLogger(case.folder),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        callbacks=case.callbacks(BacksightCallback),
    )  # fmt: skip
    batches: Any = torch.zeros(case.steps, 1)
    with case.watching(module):
        trainer.fit(module, torch.utils.data.DataLoader(batches))


def transformers(case: Case) -> None:
    """``Trainer``, which logs every ten steps."""
    from transformers import Trainer, TrainingArguments

    from backsight.integrations.transformers import BacksightCallback

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = case.model

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"loss": case.loss()}

    model = Model()
    arguments = TrainingArguments(
        str(case.folder / "trained"), max_steps=case.steps, logging_steps=10, save_strategy="no",
        per_device_train_batch_size=1, report_to=[], disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    data: Any = [{"x": torch.zeros(1)} for _ in range(case.steps)]
    trainer = Trainer(
        model, arguments, train_dataset=data, optimizers=(case.optimizer, None),
        callbacks=case.callbacks(BacksightCallback),
    )  # fmt: skip
    with case.watching(model):
        trainer.train()


def skorch(case: Case) -> None:
    """A net, which prints its epoch."""
    from skorch import NeuralNet

    from backsight.integrations.skorch import BacksightCallback

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = case.model

        def forward(self, x: Tensor) -> Tensor:
            return case.loss()

    class Same(nn.Module):
        def forward(self, loss: Tensor, wanted: Tensor) -> Tensor:
            return loss

    net = NeuralNet(
        Module, criterion=Same, optimizer=torch.optim.Adam, lr=1e-4, max_epochs=1, batch_size=1,
        train_split=None, callbacks=case.callbacks(BacksightCallback),
    ).initialize()  # fmt: skip
    case.optimizer = net.optimizer_
    with case.watching(net.module_):
        net.partial_fit(torch.zeros(case.steps, 1), torch.zeros(case.steps, 1))


def ignite(case: Case) -> None:
    """An engine."""
    from ignite.engine import Engine

    from backsight.integrations.ignite import BacksightHandler

    def step(engine: Any, batch: Any) -> float:
        case.optimizer.zero_grad()
        loss = case.loss()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        case.optimizer.step()
        return loss.item()

    engine = Engine(step)
    for handler in case.callbacks(BacksightHandler):
        handler.attach(engine, case.model, case.optimizer)
    with case.watching(case.model):
        engine.run(range(case.steps))


def keras(case: Case) -> None:
    """``fit`` on Keras's own LSTM of 32 units and 20 steps, which Keras unrolls."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    from backsight.integrations.keras import BacksightCallback

    class Counted(keras.layers.Layer):  # type: ignore[misc, unused-ignore]
        def call(self, x: Tensor) -> Tensor:
            if x.device.type != "meta":
                case.count()
            return x

    x, y = torch.randn(case.steps * 12, 20, 8).numpy(), torch.randn(case.steps * 12, 1).numpy()
    model = keras.Sequential([Counted(), keras.layers.LSTM(32), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    case.optimizer = None
    with case.watching(model):
        model.fit(x, y, batch_size=12, verbose=0, callbacks=case.callbacks(BacksightCallback))


def sb3(case: Case) -> None:
    """``RecurrentPPO`` with 64 units on rollouts of 128 steps; a step is a gradient step."""
    from sb3_contrib import RecurrentPPO
    from sb3_contrib.ppo_recurrent.policies import RecurrentActorCriticPolicy

    from backsight.integrations.sb3 import BacksightCallback

    class Counted(RecurrentActorCriticPolicy):  # type: ignore[misc, unused-ignore]
        def evaluate_actions(self, *args: Any, **named: Any) -> Any:
            case.count()
            return super().evaluate_actions(*args, **named)

    model = RecurrentPPO(
        Counted, "CartPole-v1", n_steps=128, n_epochs=10, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 64},
    )  # fmt: skip
    case.optimizer = model.policy.optimizer
    with case.watching(model.policy, objective=False):
        model.learn(128 * (case.steps // 10), callback=case.callbacks(BacksightCallback))


TRAININGS: dict[str, Callable[[Case], None]] = {
    "ignite": ignite,
    "keras": keras,
    "lightning": lightning,
    "sb3": sb3,
    "skorch": skorch,
    "transformers": transformers,
}
"""By the name of a library's extra."""


def main() -> None:
    """Train, and print the cost of a step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=TRAININGS)
    parser.add_argument("arm", choices=("plain", "watch", "callback"))
    parser.add_argument("steps", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    case = Case(options.arm, options.steps, options.folder)
    TRAININGS[options.library](case)
    print(json.dumps(case.result()))


if __name__ == "__main__":
    main()

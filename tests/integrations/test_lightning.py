"""``BacksightCallback`` of Lightning."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("lightning", minversion="2.4")

import lightning.pytorch as pl
from lightning.pytorch.loggers import CSVLogger

from backsight.integrations.lightning import BacksightCallback
from tests.integrations.conformance import Conformance, Course

pytestmark = pytest.mark.filterwarnings("ignore")

for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)


class Module(pl.LightningModule):  # type: ignore[misc, unused-ignore]
    """An LSTM that tells the sign of the first number."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.rnn = nn.LSTM(1, 6, batch_first=True)
        self.head = nn.Linear(6, 2)
        self.course, self.passes = course, 0
        self.optimizer = torch.optim.Adam(self.parameters(), lr=0.01)

    def loss(self, batch: list[Tensor]) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        return cross_entropy(self.head(self.rnn(x)[0][:, -1]), y)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """The loss, spoiled as the course wants it."""
        self.passes += 1
        return self.course.spoil(self.passes - 1, self.loss(batch))

    def configure_optimizers(self) -> Any:
        """Adam."""
        return self.optimizer


def batches(size: int = 8) -> DataLoader[Any]:
    """48 sequences of ten numbers, each with the sign of its first."""
    x = torch.randn(48, 10, 1, generator=torch.Generator().manual_seed(1))
    return DataLoader(TensorDataset(x, (x[:, 0, 0] > 0).long()), size)


def trainer(callbacks: list[Any], **options: Any) -> Any:
    """On the CPU; it writes nothing by itself."""
    quiet = {
        "accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False,
        "enable_progress_bar": False, "enable_model_summary": False,
    }  # fmt: skip
    return pl.Trainer(callbacks=callbacks, **{**quiet, **options})


class TestLightning(Conformance):
    """Automatic optimization: the suite of all callbacks."""

    callback = BacksightCallback
    iterations = 12
    module = "rnn.l0"

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches."""
        module = Module(course)
        fitting = trainer(
            callbacks, max_epochs=1 if course.stop else 2, log_every_n_steps=2,
            logger=CSVLogger(course.folder, name="", version=""),
        )  # fmt: skip
        saved = course.folder / "last.ckpt"
        with course.watching(module, module.optimizer):
            fitting.fit(module, batches(), ckpt_path=saved if course.resume else None)
        fitting.save_checkpoint(saved)
        return module

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What the trainer's ``CSVLogger`` wrote."""
        return read_csv(folder / "metrics.csv")


def read_csv(path: Path) -> dict[str, list[tuple[int, float]]]:
    """By name, each value with its step; only ours."""
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    step, found = header.index("step"), dict[str, list[tuple[int, float]]]()
    for row in rows:
        for name, value in zip(header, row, strict=True):
            if name.startswith("backsight/") and value:
                found.setdefault(name, []).append((int(row[step]), float(value)))
    return found

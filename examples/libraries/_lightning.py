"""What the examples of Lightning share: the module, its data, a trainer that writes nothing."""

import logging
import warnings
from typing import Any

import lightning
import torch
from _first import Classifier, data
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

warnings.filterwarnings("ignore")
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)


class Module(lightning.LightningModule):
    """The classifier, as Lightning trains it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Classifier()
        self.losses: list[float] = []

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """The loss of a batch."""
        loss = cross_entropy(self.model(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        """Logged."""
        self.log("valid", cross_entropy(self.model(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        """Adam, and a schedule."""
        adam = torch.optim.Adam(self.parameters(), lr=0.01)
        return [adam], [torch.optim.lr_scheduler.StepLR(adam, 2)]


def loader(batch: int = 16) -> DataLoader[Any]:
    """64 sequences."""
    return DataLoader(data(), batch)


def trainer(**options: Any) -> lightning.Trainer:
    """Three epochs on the CPU."""
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.Trainer(max_epochs=3, accelerator="cpu", **{"devices": 1, **quiet, **options})

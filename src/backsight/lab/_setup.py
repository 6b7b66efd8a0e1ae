"""What a training is made of, from its settings."""

import os
from dataclasses import asdict
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from backsight.errors import SettingError
from backsight.lab._config import Chars, Memory, Training
from backsight.lab._lesson import Lesson
from backsight.lab._memory import Memorising
from backsight.lab._text import Text

__all__ = ["make_fabric", "make_lesson", "make_optimizer", "settings_in_force"]


def make_lesson(config: Training) -> Lesson:
    match config:
        case Chars():
            return Text(config)
        case Memory():
            return Memorising(config)
    raise SettingError(f"train needs Chars or a Memory task to learn, not {type(config).__name__}")


def make_fabric(config: Training) -> Fabric:
    """Fabric on one device, or on the processes that torchrun started."""
    name, _, index = config.device.partition(":")
    available = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    count = torch.cuda.device_count() if name == "cuda" else 1
    if not available.get(name) or (index and not (index.isdigit() and int(index) < count)):
        known = ", ".join(kind for kind, there in available.items() if there)
        raise SettingError(f"--device {config.device} is not on this machine: there is {known}")
    on_cpu = name == "cpu" or (name == "auto" and not torch.cuda.is_available())
    if config.precision == "16-mixed" and on_cpu:
        raise SettingError("--precision 16-mixed needs a GPU: on a CPU choose bf16-mixed")
    here, everywhere = (int(os.environ.get(v, "1")) for v in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if config.batch % everywhere:
        raise SettingError(
            f"--batch {config.batch} cannot be shared equally among {everywhere} processes"
        )
    fabric = Fabric(
        accelerator="auto" if name == "auto" else name,
        devices=[int(index)] if index else here,
        num_nodes=everywhere // here,
        strategy="ddp" if everywhere > 1 else "auto",
        precision=config.precision,
    )
    fabric.launch()
    return fabric


def make_optimizer(config: Training, model: nn.Module) -> torch.optim.Optimizer:
    rate, decay = config.rate, config.weight_decay
    match config.optimizer:
        case "sgd" | "momentum":
            return torch.optim.SGD(
                model.parameters(), lr=rate, momentum=config.inertia, weight_decay=decay
            )
        case "adam" | "adamw":
            kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
            betas = (config.inertia, 0.999)
            return kind(model.parameters(), lr=rate, betas=betas, weight_decay=decay)


def settings_in_force(config: Training) -> dict[str, Any]:
    """The settings as given, with the defaults in force filled in."""
    return {
        **asdict(config),
        "lr": config.rate,
        "momentum": config.inertia,
        "validate_every": config.validation_interval,
        "checkpoint_every": config.checkpoint_interval,
    }

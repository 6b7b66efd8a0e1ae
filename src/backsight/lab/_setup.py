"""What a training is made of, from its settings."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from backsight.distributed import launched
from backsight.errors import RunError, SettingError
from backsight.lab._config import Chars, Training
from backsight.lab._memory import Memorising
from backsight.lab._tasks import Memory
from backsight.lab._text import Text
from backsight.lab._training_task import TrainingTask
from backsight.nn import CELLS, build_cell
from backsight.state import Checkpoint

__all__ = [
    "MAY_CHANGE",
    "changed_settings",
    "check_settings",
    "make_fabric",
    "make_optimizer",
    "make_training_task",
    "settings_in_force",
]

MAY_CHANGE = {"run", "iterations", "report", "device", "text", "fork"}
"""Settings that a run may go on without: of the text it is checked that it is the same."""


def make_training_task(config: Training) -> TrainingTask:
    """What there is to learn.

    Raises:
        SettingError: these are no settings of a task.
        DataError: the text cannot be used.
    """
    match config:
        case Chars():
            return Text(config)
        case Memory():
            return Memorising(config)
    raise SettingError(
        f"train expects settings of class Chars or Memory, not {type(config).__name__}"
    )


def make_fabric(config: Training) -> Fabric:
    """Fabric on one device, or on the processes that torchrun started.

    Raises:
        SettingError: there is no such device, or it or the batch does not suit.
    """
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
        raise SettingError(f"--device {config.device} does not exist here: choose one of {known}")
    on_cpu = name == "cpu" or (name == "auto" and not torch.cuda.is_available())
    if config.precision == "16-mixed" and on_cpu:
        raise SettingError("--precision 16-mixed needs a GPU: choose bf16-mixed on a CPU")
    here, everywhere = launched()
    if config.batch % everywhere:
        raise SettingError(f"--batch {config.batch} is not divisible by the {everywhere} processes")
    fabric = Fabric(
        accelerator="auto" if name == "auto" else name,
        devices=[int(index)] if index else here,
        num_nodes=everywhere // here,
        strategy="ddp" if everywhere > 1 else "auto",
        precision=config.precision,
    )
    fabric.launch()
    if config.sharpness_every and everywhere > 1:
        raise SettingError(
            f"--sharpness-every measures in a single process, but there are {everywhere}: leave it "
            "out"
        )
    _check_arithmetic(config, fabric)
    return fabric


def _check_arithmetic(config: Training, fabric: Fabric) -> None:
    """oneDNN has an LSTM in mixed precision only for some processors, and says so obscurely."""
    if config.precision != "bf16-mixed":
        return
    try:
        with fabric.autocast():
            layer = build_cell(config.cell, 1, CELLS[config.cell].least_hidden)
            layer.to(fabric.device)(torch.zeros(1, 1, 1, device=fabric.device))
    except RuntimeError:
        raise SettingError(
            f"this processor cannot run --cell {config.cell} in --precision bf16-mixed: choose "
            "bf16-true or 32-true, or --cell gru"
        ) from None


def make_optimizer(config: Training, model: nn.Module) -> torch.optim.Optimizer:
    """Of all the model's parameters, in one group."""
    rate, decay = config.lr_in_force, config.weight_decay
    match config.optimizer:
        case "sgd" | "momentum":
            return torch.optim.SGD(
                model.parameters(), lr=rate, momentum=config.momentum_in_force, weight_decay=decay
            )
        case "adam" | "adamw":
            kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
            betas = (config.momentum_in_force, 0.999)
            return kind(model.parameters(), lr=rate, betas=betas, weight_decay=decay)


def settings_in_force(config: Training) -> dict[str, Any]:
    """The settings as given, with the defaults in force filled in."""
    return {
        **asdict(config),
        "lr": config.lr_in_force,
        "momentum": config.momentum_in_force,
        "validate_every": config.validation_interval,
        "checkpoint_every": config.checkpoint_interval,
    }


def changed_settings(
    checkpoint: Checkpoint, config: Training, may_change: Collection[str]
) -> list[str]:
    """Settings that differ from those a checkpoint was made with, in words; but for some.

    Raises:
        RunError: it was not made by :func:`train`.
    """
    then, now = checkpoint.state.get("settings"), settings_in_force(config)
    if then is None:
        raise RunError(
            f"{checkpoint.path} was not made by backsight train: continue from a guard's folder "
            "with Guard.resume"
        )
    return [
        f"{name} {then.get(name)!r}, now {now.get(name)!r}"
        for name in sorted(then.keys() | now.keys())
        if name not in may_change and then.get(name) != now.get(name)
    ]


def check_settings(checkpoint: Checkpoint, config: Training) -> None:
    """See that a run goes on with the settings its checkpoint was made with.

    Raises:
        RunError: some differ; the message names them.
    """
    changed = changed_settings(checkpoint, config, MAY_CHANGE)
    if changed:
        raise RunError(
            f"{checkpoint.path} was made with other settings than those in run.json ("
            f"{'; '.join(changed)}): restore the original run.json"
        )

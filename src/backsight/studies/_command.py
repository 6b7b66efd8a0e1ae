"""The words that train one setting in the lab."""

from dataclasses import fields, replace
from typing import Any

from backsight.lab import Training

__all__ = ["differences", "train_words"]

ITS_OWN = ("run", "report")
"""Settings that are a run's own: where it goes, and whether it writes a page."""

IN_FORCE = {
    "lr": "lr_in_force",
    "momentum": "momentum_in_force",
    "validate_every": "validation_interval",
    "checkpoint_every": "checkpoint_interval",
}
"""Settings that stand for a number where none is given, and what tells it."""


def train_words(settings: Training) -> list[str]:
    """What comes after ``backsight``: the task, and each setting that is not its default."""
    words = ["train", settings.task_name]
    for f in fields(settings):
        if f.name not in ITS_OWN and not _by_default(settings, f.name, f.default):
            words += _argument(f.name, getattr(settings, f.name))
    return words


def differences(settings: Training, others: Training) -> str:
    """The options that make ``settings`` of ``others``."""
    words = []
    for f in fields(settings):
        value = _in_force(settings, f.name)
        if f.name not in ITS_OWN and value != _in_force(others, f.name):
            words += _argument(f.name, value)
    return " ".join(words)


def _by_default(settings: Training, name: str, default: Any) -> bool:
    if getattr(settings, name) == default:
        return True
    left_out: dict[str, Any] = {name: None}
    return name in IN_FORCE and bool(
        _in_force(settings, name) == _in_force(replace(settings, **left_out), name)
    )


def _in_force(settings: Training, name: str) -> Any:
    return getattr(settings, IN_FORCE.get(name, name))


def _argument(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", repr(value) if isinstance(value, float) else str(value)]

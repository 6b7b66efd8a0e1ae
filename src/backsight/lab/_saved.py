"""The settings of a run of the lab, read back from its ``run.json``; needs no torch."""

import reprlib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from backsight.errors import RunError, SettingError
from backsight.lab._config import Training
from backsight.lab._tasks import TASKS
from backsight.signals import Run

__all__ = ["CHECKPOINTS", "saved_settings", "settings_of", "typed_settings"]

SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 60

CHECKPOINTS = "checkpoints"
"""Folder of a run that holds its checkpoints."""

LATER = {"deep": None, "sharpness_every": None}
"""Settings that runs of earlier versions did not have, as they trained."""


def saved_settings(run: Run, iterations: int | None = None) -> Training:
    """What a run was trained with, ready to train it on.

    Args:
        run: one that ``backsight train`` has made.
        iterations: how many it shall have in all; as many as it was to have by default.

    Raises:
        RunError: it is being written, was not made by ``train``, holds no checkpoint, or its
            settings are unknown, missing or make no sense.
        SettingError: ``iterations`` are fewer than it was to have.

    Example:
        >>> from pathlib import Path
        >>> from backsight.lab import MemoryEcho, saved_settings, train
        >>> small = {"length": 10, "hidden": 4, "iterations": 2, "validate_sequences": 8}
        >>> run = train(MemoryEcho(**small, device="cpu", report=False, run=Path("runs/echo")))
        >>> settings = saved_settings(run, iterations=10)
        >>> settings.iterations, settings.hidden
        (10, 4)
    """
    if run.status == "running":
        raise RunError(
            f"{run.path} is still training: stop that process first, or wait until it ends"
        )
    _kind(run)
    if not any((run.path / CHECKPOINTS).glob("*.ckpt")):
        raise RunError(
            f"{run.path} has no checkpoint to continue from (--checkpoint-every 0 writes none): "
            "train it again"
        )
    config = settings_of(run)
    if iterations is None:
        return config
    if iterations < config.iterations:
        raise SettingError(
            f"--iterations is the total number, and {run.path} planned {config.iterations:,}: it "
            f"must be at least that, not {iterations}"
        )
    return replace(config, iterations=iterations)


def settings_of(run: Run) -> Training:
    """What a run was trained with.

    Raises:
        RunError: it was not made by ``train``, or its settings are unknown, missing or make no
            sense.

    Example:
        >>> from pathlib import Path
        >>> from backsight.lab import MemoryEcho, settings_of, train
        >>> small = {"length": 10, "hidden": 4, "iterations": 2, "validate_sequences": 8}
        >>> run = train(MemoryEcho(**small, device="cpu", report=False, run=Path("runs/echo")))
        >>> settings_of(run).task
        Echo(length=10, lag=5, symbols=8)
    """
    kind = _kind(run)
    settings = _settings(run, kind)
    try:
        return replace(kind(**settings), run=run.path)
    except SettingError as error:
        raise RunError(f"{run.path}: run.json has invalid settings: {error}") from error


def _kind(run: Run) -> type[Training]:
    kind = next((k for n, k in TASKS.items() if run.info.get("kind") == f"train {n}"), None)
    if kind is None:
        raise RunError(
            f"{run.path} was not made by backsight train (its kind is {run.info.get('kind')!r}): "
            "expected a run of the lab"
        )
    return kind


def _settings(run: Run, kind: type[Training]) -> dict[str, Any]:
    found = run.info.get("config")
    if not isinstance(found, dict):
        raise RunError(f"{run.path}: run.json has no settings")
    found = LATER | found
    names = [field.name for field in fields(kind)]
    for what, odd in (
        ("unknown", sorted(found.keys() - set(names))),
        ("missing", [name for name in names if name not in found]),
    ):
        if odd:
            raise RunError(
                f"{run.path}: run.json has {what} settings ({', '.join(odd)}): was it made by "
                "another version of Backsight, or edited?"
            )
    try:
        return typed_settings(kind, found)
    except SettingError as error:
        raise RunError(f"{run.path}: run.json has {error}") from error


def typed_settings(kind: type[Training], found: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON holds them, for ``kind``; whether they make sense, ``kind`` itself checks.

    Raises:
        SettingError: there is no such setting, or it has a value of another type.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.lab import MemoryEcho, typed_settings
        >>> typed_settings(MemoryEcho, {"length": 10, "lr": 1})
        {'length': 10, 'lr': 1}
        >>> try:
        ...     typed_settings(MemoryEcho, {"length": "10"})
        ... except SettingError as error:
        ...     print(error)
        an invalid setting: length = '10'
    """
    hints = get_type_hints(kind)
    settings = {}
    for name, value in found.items():
        choices = _choices(hints[name]) if name in hints else ()
        if not any(_is(value, choice) for choice in choices):
            raise SettingError(f"an invalid setting: {name} = {SHORT.repr(value)}")
        settings[name] = Path(value) if Path in choices and value is not None else value
    return settings


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is(value: Any, hint: Any) -> bool:
    """Whether JSON holds a value of that kind."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint in (int, float):
        fits = (int,) if hint is int else (int, float)
        small = not isinstance(value, int) or abs(value) < 1 << 64  # JSON has them of any size
        return isinstance(value, fits) and not isinstance(value, bool) and small
    kinds = {bool: bool, str: str, Path: str, NoneType: NoneType}
    return hint in kinds and isinstance(value, kinds[hint])

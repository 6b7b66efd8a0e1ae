"""What the table of runs says of one of them."""

import contextlib
import math
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import RunError
from backsight.report import RunStrip, strip, thin
from backsight.signals import Run, exists, read_object
from backsight.ui._index import RunPlace

__all__ = ["RunRow", "Stamp", "first_row", "run_row", "script_of", "stamp_of", "words_of"]

RunRow = dict[str, Any]
"""Plain values for the table."""

SPARK = 24
"""Columns of the small picture of the loss, each with up to four samples."""

BEGINS = 5.0
"""Seconds that making a run folder may take."""

FILES = ("run.json", "signals.db", "signals.db-wal")

Stamp = tuple[tuple[int, int] | None, ...]


def stamp_of(path: Path) -> Stamp:
    """Size and time of change of the files of a run: what is read is the same while it is."""
    stamp: list[tuple[int, int] | None] = []
    for name in FILES:
        try:
            found = os.lstat(path / name)
        except OSError:
            stamp.append(None)
        else:
            stamp.append((found.st_size, found.st_mtime_ns))
    return tuple(stamp)


def first_row(place: RunPlace) -> RunRow:
    """What is known before the run is read: that it is there."""
    return {"key": place.key, "name": place.name, "study": place.study, "state": "reading"}


def run_row(place: RunPlace) -> RunRow:
    """A run at a glance; one that cannot be read says why."""
    row = first_row(place)
    try:
        run = Run(place.path)
        with contextlib.ExitStack() as opened:
            with contextlib.suppress(RunError):  # each part tells what is wrong with the store
                opened.enter_context(run.moment())
            told = strip(run)
            judged, lasted = bool(run.events("diagnosis")), run.duration
    except RunError as error:
        if _begins(place.path):
            return row
        return {**row, "state": "broken", "problem": str(error)}
    except Exception as error:  # noqa: BLE001 - a crafted folder must not cost the others theirs
        return {**row, "state": "broken", "problem": f"cannot be shown: {words_of(error)}"}
    config = run.info.get("config")
    group = config.get("group") if isinstance(config, dict) else None
    return {
        **row,
        "state": told.state,
        "kind": str(run.info["kind"]),
        "script": script_of(run),
        "created": float(run.info["created"]),
        "written": told.written,
        "duration": lasted,
        "iterations": told.iterations,
        "group": group if isinstance(group, str) else "",
        "problem": told.problems[0] if told.problems else "",
        **_loss(told),
        **_reach(told),
        "finding": _finding(told),
        "judged": judged,
    }


def _begins(path: Path) -> bool:
    """Whether its writer is just making the folder: the store comes a moment after run.json."""
    file = path / "run.json"
    try:
        fresh = abs(time.time() - os.lstat(file).st_mtime) < BEGINS
        return (
            fresh and not exists(path / "signals.db") and read_object(file)["status"] == "running"
        )
    except (OSError, RunError, KeyError):
        return False


def words_of(error: Exception) -> str:
    """An error of our own in a line."""
    return f"{type(error).__name__}: {error}"[:300]


def _loss(told: RunStrip) -> RunRow:
    if not told.losses:
        return {"loss": None, "guess": None, "below": None, "spark": None}
    loss = told.losses[0]
    at, values = np.array(loss.curve.iterations, np.int64), np.array(loss.curve.values)
    small = thin(at, values, pixels=SPARK)
    return {
        "loss": loss.value,
        "guess": loss.guess,
        "below": loss.below,
        "spark": {
            "x": small.iterations.tolist(),
            "y": [float(f"{value:.4g}") for value in small.values.tolist()],
            "broken": _spread(loss.curve.not_finite_at),
        },
    }


def _spread(iterations: Sequence[int]) -> list[int]:
    """As many as the small picture has room for, the first and the last among them."""
    step = max(1, math.ceil(len(iterations) / SPARK))
    return sorted({*iterations[::step], *iterations[-1:]})


def _reach(told: RunStrip) -> RunRow:
    """Of the layer that looks back the least far, which is what limits the network."""
    known = [one for one in told.reaches if one.horizon is not None]
    if not known:
        broken = any(one.outcome == "not finite" for one in told.reaches)
        return {"horizon": math.nan if broken else None, "window": None, "censored": False}
    least = min(known, key=lambda one: one.horizon or 0)
    return {"horizon": least.horizon, "window": least.earlier, "censored": least.censored}


def _finding(told: RunStrip) -> RunRow | None:
    if told.finding is None:
        return None
    one = told.finding
    return {"code": one.code, "title": one.title, "severity": one.severity, "others": one.others}


def script_of(run: Run) -> str:
    """The script of a run, without folders, or the task that the lab trained on."""
    command = run.info.get("command")
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # quotes that are not closed
        words = command.split() if isinstance(command, str) else []
    scripts = [word for word in words if word.endswith(".py")]
    kind = str(run.info["kind"])
    if scripts and not kind.startswith("train "):
        return Path(scripts[0]).name
    return kind or (words[0] if words else "")

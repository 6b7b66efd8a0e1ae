"""What the table says of a study or a map: how far it is, and whether it has a page."""

import os
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from backsight.errors import RunError
from backsight.signals import (
    check,
    check_format,
    exists,
    process_identity,
    process_is_alive,
    read_object,
)
from backsight.ui._index import RunPlace

__all__ = ["study_page", "study_row"]

PAGES = {"study": "report.html", "map": "map.html"}

FRESH = 120.0
"""Seconds without a change in its folder after which a study that is not done counts as idle, where
no process of this machine is known to train it."""

TrialSeconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class StudyProgressFile(msgspec.Struct):
    """``study.json``, of what is shown here; a kind of study knows what else its plan holds."""

    plan: dict[str, Any]
    ended: dict[str, tuple[int, TrialSeconds]]


class ProgressFile(msgspec.Struct):
    """``progress.json``."""

    total: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    done: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    unit: Literal["trial", "network"]
    left: TrialSeconds | None
    more: bool
    at: float
    ended: bool
    writer: dict[str, Any] | None


class MapPlanFile(msgspec.Struct):
    """``map.json``."""

    plan: dict[str, Any]


def study_page(place: RunPlace) -> Path:
    """Where its page is, if it has one."""
    return place.path / PAGES[place.kind]


def study_row(place: RunPlace) -> dict[str, Any]:
    """A study at a glance; one that cannot be read says why."""
    row = {"key": place.key, "name": place.name, "study": "", "kind": place.kind, "is_study": True}
    file = place.path / ("study.json" if place.kind == "study" else "map.json")
    try:
        content = read_object(file)
        check_format(content, file)
        check(content, StudyProgressFile if place.kind == "study" else MapPlanFile, str(file))
        created = file.stat().st_mtime
        newest = _newest(place.path)
        page = exists(study_page(place))
        progress = _progress(place.path)
    except RunError as error:
        return {**row, "state": "broken", "problem": str(error)}
    except OSError as error:
        return {**row, "state": "broken", "problem": f"{file}: {error.strerror or error}"}
    plan = content["plan"]
    row |= {
        "created": created,
        "written": newest,
        "script": str(plan.get("task", ""))[:200],
        "page": page,
        "problem": "",
    }
    if progress is not None:
        return {**row, **_told(progress, newest)}
    # It was begun by an earlier version.
    total, done = _counted(place, plan, content)
    fresh = time.time() - newest < FRESH
    complete = done >= total if total is not None else page
    state = "finished" if complete and page else "running" if fresh else "stopped"
    unit = "part" if place.kind == "map" else "trial"
    return {**row, "state": state, "total": total, "done": done, "unit": unit, "left": None}


def _progress(path: Path) -> ProgressFile | None:
    """What the process that trains it says; None where there is nothing that could be read."""
    file = path / "progress.json"
    try:
        content = read_object(file)
        check_format(content, file)
        check(content, ProgressFile, str(file))
    except (RunError, OSError):
        return None
    return msgspec.convert(content, ProgressFile)


def _told(progress: ProgressFile, newest: float) -> dict[str, Any]:
    """The state of a study, how far it is, and how much time is left as of when."""
    running = progress.writer is not None and _is_trained(progress.writer, newest)
    return {
        "state": "running" if running else "finished" if progress.ended else "stopped",
        "total": progress.total,
        "done": progress.done,
        "unit": progress.unit,
        "more": progress.more and running,
        "left": progress.left if running else None,
        "at": progress.at,
    }


def _is_trained(writer: dict[str, Any], newest: float) -> bool:
    """Whether its process lives; of another machine's, what it writes is all that tells."""
    if writer.get("host") == process_identity()["host"]:
        return process_is_alive(writer, None)
    return time.time() - newest < FRESH


def _counted(
    place: RunPlace, plan: dict[str, Any], content: dict[str, Any]
) -> tuple[int | None, int]:
    """How many parts there are, where the plan says so in a way known here; and are done."""
    if place.kind == "map":
        return None, sum(1 for file in place.path.iterdir() if file.suffix == ".npz")
    lengths, cells, seeds = (plan.get(name) for name in ("lengths", "cells", "seeds"))
    done = len(content["ended"])
    if isinstance(lengths, list) and isinstance(cells, list) and type(seeds) is int and seeds >= 0:
        return len(lengths) * len(cells) * seeds, done
    return None, done


def _newest(path: Path) -> float:
    """When anything last came, went or was replaced in it or in the folder of its trials."""
    times = [path.stat().st_mtime]
    try:
        times.append((path / "runs").stat().st_mtime)
        times += [entry.stat().st_mtime for entry in os.scandir(path / "logs")]
    except OSError:
        pass
    return max(times)

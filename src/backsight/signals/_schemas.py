"""What ``run.json`` holds, of what a reader relies on."""

from typing import Annotated, Any, Literal

import msgspec

from backsight.signals._ending import EndReason

__all__ = ["Count", "RunFile", "Time"]

Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""As many as SQLite can count."""
Time = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since the epoch, up to the year 5138: a calendar has to show them."""


class Git(msgspec.Struct):
    """The revision of the script."""

    revision: str
    dirty: bool = False


class Writer(msgspec.Struct):
    """The process that writes the run; signals are sent to no group of processes."""

    host: str | None = None
    pid: Annotated[int, msgspec.Meta(ge=1, le=(1 << 31) - 1)] | None = None
    started: str | None = None


class RunFile(msgspec.Struct):
    """``run.json``, as this version writes it."""

    created: Time
    status: Literal["running", "finished", "failed"]
    kind: str = ""
    end_reason: EndReason | None = None
    reason: str | None = None
    ended: Time | None = None
    iterations: Count | None = None
    seed: int | None = None
    command: str | None = None
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}
    machine: dict[str, Any] = {}
    git: Git | None = None
    writer: Writer | None = None
    resumed: list[dict[str, Any]] = []

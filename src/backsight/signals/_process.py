"""Who writes a run, and whether that process still lives."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["HEARTBEAT_GRACE", "process_identity", "process_is_alive"]

HEARTBEAT_GRACE = 15.0
"""Seconds without a heartbeat after which a writer that cannot be asked counts as gone.

The writer beats once a second from a thread of its own, so a few missed beats (a loaded
machine, a slow network disk) must not read as death; chosen as ten beats and a margin.
"""


def _host() -> str:
    """This machine, and on Linux this process namespace: a pid means something only there."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {namespace}"


def _started(pid: int) -> str | None:
    """The kernel's start time of ``pid`` in this boot: tells a reused pid from the old one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The command name may hold spaces and brackets: fields count from the last bracket.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot} {fields[18]}"


def process_identity() -> dict[str, Any]:
    """What ``run.json`` keeps of the process that writes the run: host, pid, start.

    Example:
        >>> from backsight.signals import process_identity
        >>> sorted(process_identity())
        ['host', 'pid', 'started']
    """
    pid = os.getpid()
    return {"host": _host(), "pid": pid, "started": _started(pid)}


def process_is_alive(writer: Mapping[str, Any], heartbeat: float | None) -> bool:
    """True while the writing process lives.

    On the same machine the process table decides. For a run written elsewhere (a shared
    disk, another container) only the heartbeat can tell.

    Args:
        writer: its :func:`process_identity`.
        heartbeat: its last sign of life, in seconds since the epoch.

    Example:
        >>> from backsight.signals import process_identity, process_is_alive
        >>> process_is_alive(process_identity(), heartbeat=None)
        True
    """
    pid = writer.get("pid")
    if isinstance(pid, int) and writer.get("host") == _host():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives, and belongs to another user
        return writer.get("started") == _started(pid)
    return heartbeat is not None and abs(time.time() - heartbeat) < HEARTBEAT_GRACE

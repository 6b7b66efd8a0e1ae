"""``backsight ui`` in a process of its own, and what it uses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Server", "running", "server"]


@dataclass(frozen=True)
class Server:
    """A running one."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cpu_seconds(self) -> float:
        """That it and all that it has started have used so far."""
        return sum(map(_cpu_seconds, _family(self.pid)))

    @property
    def memory_mb(self) -> float:
        """Resident now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def _family(pid: int) -> Iterator[int]:
    """A process and those that it has started, and they."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in file.read_text().split():
            yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    """With those of its children that have ended; 0 where it has ended itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(words: Sequence[str], stdout: int) -> Iterator["subprocess.Popen[str]"]:
    """A command that runs until the block is left, and what it starts as well."""
    with subprocess.Popen(
        words, stdout=stdout, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """One that shows this folder, at any port.

    Raises:
        SystemExit: it did not start.
    """
    words = [sys.executable, "-m", "backsight", "ui", str(folder), "--port", "0"]
    with running(words, subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.readline().split()
        if len(told) < 2:
            raise SystemExit("backsight ui did not start")
        yield Server(int(told[1].rstrip("/").rpartition(":")[2]), process.pid)

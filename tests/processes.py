"""Commands as processes that need not import torch first.

A process that imports torch and Fabric takes three seconds of CPU before it does anything. Here
one process (``tests/forking.py``) imports them once, and forks for each command: what runs is a
real process with its own number, arguments, folder, environment, files, signals and exit status,
which ends as Python ends.
``tests/test_processes.py`` holds the two ways to each other.

What only a fresh interpreter shows (what is imported when, warnings at the start) is tested with
:mod:`subprocess`.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

__all__ = [
    "COMMAND",
    "Forked",
    "begin",
    "close",
    "engine_processes",
    "join",
    "plain",
    "popen",
    "run",
    "together",
]

COMMAND = (sys.executable, "-m", "backsight")

ROOT = Path(__file__).parent.parent

File = int | IO[Any] | None


def plain() -> None:
    """In a child before it begins: Ctrl-C ends it, also where the suite ignores that.

    A job in a shell's background inherits that it ignores Ctrl-C, and so would its children.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(
    command: Sequence[object],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run(command, capture_output=True, text=True)``, forked.

    Raises:
        subprocess.TimeoutExpired: it has not ended in time, and has been killed.
    """
    with Forked(command, cwd=cwd, env=env) as process:
        try:
            stdout, stderr = process.communicate(timeout)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.wait(), stdout, stderr)


def together(module: str, function: str, folder: Path, count: int = 2) -> None:
    """Call ``module.function(number, folder)`` in so many processes at once.

    Raises:
        AssertionError: one of them has failed, with what it said.
    """
    begun = [
        Forked([sys.executable, "-c", f"import {module} as m; m.{function}({n}, {str(folder)!r})"],
               cwd=ROOT)
        for n in range(count)
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        for process in begun:
            stack.enter_context(process)
            stack.callback(process.kill)
        said = "".join(process.communicate(300)[1] for process in begun)
    assert [process.returncode for process in begun] == [0] * count, said


class Forked:
    """As ``subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True)``, forked.

    Output that nobody else takes goes to files, so that no pipe is ever full.

    Args:
        command: this Python with ``-m MODULE``, ``-c CODE`` or a script, and what follows.
        stdin: an open file; /dev/null by default.
        stdout: an open file; by default it is kept for :meth:`communicate`.
        stderr: as ``stdout``, or ``subprocess.STDOUT``.
    """

    def __init__(
        self,
        command: Sequence[object],
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        start_new_session: bool = False,
    ) -> None:
        self.args = [os.fspath(word) if isinstance(word, Path) else str(word) for word in command]
        self.returncode: int | None = None
        with contextlib.ExitStack() as stack:
            null = stack.enter_context(Path(os.devnull).open("r+b"))
            self._kept: list[IO[bytes]] = []
            files = [
                self._file(stdin, null) or null.fileno(),
                out := self._file(stdout, null) or self._keep(),
                out if stderr == subprocess.STDOUT else self._file(stderr, null) or self._keep(),
            ]
            request = {
                "command": self.args,
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ if env is None else env),
                "session": start_new_session,
            }
            self._socket = socket.socket(socket.AF_UNIX)
            _connect(self._socket)
            socket.send_fds(self._socket, [b"\n"], files)
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        self._answers = self._socket.makefile("rb")
        self.pid = int(self._answers.readline())

    def _keep(self) -> int:
        self._kept.append(tempfile.TemporaryFile())  # noqa: SIM115
        return self._kept[-1].fileno()

    @staticmethod
    def _file(given: File, null: IO[Any]) -> int | None:
        if given is None:
            return None
        if given == subprocess.DEVNULL:
            return null.fileno()
        return given if isinstance(given, int) else given.fileno()

    def poll(self) -> int | None:
        """Its exit status, None while it runs; the negative number of a signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, after so many seconds.
        """
        if self.returncode is None:
            ready, _, _ = select.select([self._socket], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._answers.readline() or -signal.SIGKILL)
            self._answers.close()
            self._socket.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said on its standard output and error, where they are kept, once it has ended."""
        self.wait(timeout)
        said = []
        for file in self._kept:
            file.seek(0)
            said.append(file.read().decode().replace("\r\n", "\n"))
            file.close()
        out, *err = said
        return out, "".join(err)

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        for file in self._kept:
            file.close()


def popen(args: Sequence[str], **options: Any) -> "Forked | subprocess.Popen[Any]":
    """As ``subprocess.Popen``: forked if it is this Python, with our own output by default."""
    if args[0] != sys.executable:
        return subprocess.Popen(args, **options)
    given = {name: value for name, value in options.items() if value is not None}
    return Forked(args, **{"stdout": 1, "stderr": 2} | given)


engine_processes = SimpleNamespace(
    Popen=popen,
    DEVNULL=subprocess.DEVNULL,
    STDOUT=subprocess.STDOUT,
    TimeoutExpired=subprocess.TimeoutExpired,
)
"""In the place of :mod:`subprocess` in what starts trials."""


class _Server:
    """Begun with the first command; it ends with us, as its standard input does."""

    address: str | None = None
    folder: "tempfile.TemporaryDirectory[str] | None" = None
    process: "subprocess.Popen[bytes] | None" = None


def begin() -> str:
    """Start the process that forks, unless there is one; where it listens, or soon will."""
    if _Server.address is None:
        _Server.folder = tempfile.TemporaryDirectory(prefix="forks")
        _Server.address = f"{_Server.folder.name}/socket"
        with _said(_Server.address).open("wb") as said:
            _Server.process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", _Server.address],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
    return _Server.address


def _connect(caller: socket.socket) -> None:
    """To the process that forks, which has much to import before it listens.

    Raises:
        AssertionError: it has ended, with what it said.
    """
    address = begin()
    deadline = time.monotonic() + 300
    while True:
        try:
            return caller.connect(address)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            ended = _Server.process is not None and _Server.process.poll() is not None
            begun = isinstance(error, ConnectionRefusedError)
            if begun or ended or time.monotonic() > deadline:
                said = _said(address)
                words = said.read_text() if said.exists() else ""
                raise AssertionError(f"the process that forks has ended: {words}") from None
        time.sleep(0.02)


def _said(address: str) -> Path:
    return Path(address).with_name("said")


def join(address: str) -> None:
    """What this process starts is forked by that process, which another one has begun."""
    _Server.address = address


def close() -> None:
    """End the process that forks, if we have begun it."""
    if _Server.process is not None and _Server.folder is not None:
        with _Server.process as process:
            assert process.stdin is not None
            process.stdin.close()
        _Server.folder.cleanup()
    _Server.address = _Server.process = _Server.folder = None

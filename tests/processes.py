"""Commands as processes that need not import torch first.

A process that imports torch and Fabric takes three seconds of CPU before it does anything. Here
one process imports them once, and forks for each command: what runs is a real process with its own
number, arguments, folder, environment, files, signals and exit status, which ends as Python ends.
``tests/test_processes.py`` holds the two ways to each other.

What only a fresh interpreter shows (what is imported when, warnings at the start) is tested with
:mod:`subprocess`.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import IO, Any

__all__ = ["COMMAND", "Forked", "close", "engine_processes", "plain", "run", "together"]

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
            self._socket.connect(_address())
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
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ready, _, _ = select.select([self._socket], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._answers.readline() or -signal.SIGKILL)
            self._answers.close()
            self._socket.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        said = []
        for file in self._kept:
            file.seek(0)
            said.append(file.read().decode().replace("\r\n", "\n"))
            file.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
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


# -- the process that forks -----------------------------------------------------------------------


class _Server:
    """Begun with the first command; it ends with us, as its standard input does."""

    address: str | None = None
    folder: "tempfile.TemporaryDirectory[str] | None" = None
    process: "subprocess.Popen[bytes] | None" = None


def _address() -> str:
    """Where the process that forks listens."""
    if _Server.address is None:
        _Server.folder = tempfile.TemporaryDirectory(prefix="forks")
        path = f"{_Server.folder.name}/socket"
        _Server.process = subprocess.Popen(
            [sys.executable, __file__, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert _Server.process.stdout is not None
        assert _Server.process.stdout.readline() == b"ready\n"
        _Server.address = path
    return _Server.address


def close() -> None:
    """End the process that forks."""
    if _Server.process is not None and _Server.folder is not None:
        with _Server.process as process:
            assert process.stdin is not None
            process.stdin.close()
        _Server.folder.cleanup()
    _Server.address = _Server.process = _Server.folder = None


def _serve(address: str) -> tuple[dict[str, Any], list[int]]:
    """Fork for every command. In a child alone this returns, with what it is to be."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    waking, woken = socket.socketpair()
    for one in (waking, woken, listener):
        one.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C on the terminal ends the suite first
    print("ready", flush=True)
    callers: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener, waking, sys.stdin], [], [])
        if sys.stdin in ready:
            for pid in callers:
                os.kill(pid, signal.SIGKILL)
            os._exit(0)
        if waking in ready:
            waking.recv(4096)
        while callers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            with callers.pop(pid) as caller, contextlib.suppress(OSError):
                caller.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        if listener not in ready:
            continue
        caller, _ = listener.accept()
        caller.setblocking(True)
        _, files, _, _ = socket.recv_fds(caller, 1, 3)
        with caller.makefile("rb") as lines:
            request = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for other in (listener, waking, woken, caller, *callers.values()):
                other.close()
            return request, files
        for file in files:
            os.close(file)
        callers[pid] = caller
        try:
            caller.sendall(b"%d\n" % pid)
        except OSError:  # who asked has been interrupted meanwhile, and knows nothing of it
            os.kill(pid, signal.SIGKILL)


def _become(request: dict[str, Any], files: list[int]) -> list[str]:
    """Be that process: its files, folder, environment, signals and path; what is left to run."""
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    utf_8 = functools.partial(open, encoding="utf-8", closefd=False)
    sys.stdin, sys.stdout = utf_8(0), utf_8(1, "w")
    sys.stderr = utf_8(2, "w", buffering=1, errors="backslashreplace")
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    del sys.path[0]
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [place for place in places if place and place not in sys.path]
    return [word for word in request["command"][1:] if word != "-u"]


def _execute(words: list[str]) -> int:
    """Run it and give its exit status; the negative number of a signal that ends it."""
    try:
        _run(words)
    except SystemExit as leaving:
        if isinstance(leaving.code, int):
            return leaving.code
        if leaving.code is not None:
            print(leaving.code, file=sys.stderr)
        return int(leaving.code is not None)
    except BaseException as error:  # noqa: BLE001 - as Python does
        error = error.with_traceback(_without_ours(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """From the first frame of what was run on."""
    while trace and trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
        trace = trace.tb_next
    return trace


def _run(words: list[str]) -> None:
    """As Python would: ``-m MODULE``, ``-c CODE`` or a script."""
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        main = sys.modules["__main__"] = ModuleType("__main__")
        main.__file__ = words[0]
        exec(compile(Path(words[0]).read_bytes(), words[0], "exec"), main.__dict__)


def _end(status: int) -> None:
    """End as Python does, except that memory is not taken apart piece by piece.

    All that is shared with the process that forks would be copied for it.
    """
    vars(threading)["_shutdown"]()  # waits for those that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status & 0xFF)


def _main(address: str) -> None:
    import lightning_fabric  # noqa: F401
    import numpy as np
    import tyro  # noqa: F401
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler

    import backsight.cli._train
    import backsight.lab._train
    import backsight.report
    import backsight.studies.map.__main__  # noqa: F401
    from backsight.studies.engines import _local

    gc.collect()
    gc.freeze()
    request, files = _serve(address)
    _Server.address = address  # what this one starts is forked as well
    vars(_local)["subprocess"] = engine_processes
    vars(subprocess_handler)["Popen"] = popen
    words = _become(request, files)
    np.random.seed()
    _end(_execute(words))


if __name__ == "__main__":
    _main(sys.argv[1])

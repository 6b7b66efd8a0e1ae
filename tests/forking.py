"""The process that forks for every command of ``tests/processes.py``."""

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
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from tests import processes

__all__: list[str] = []

PRELOADED = (
    "torch._dynamo",  # the first optimizer imports it
    "torch.distributed.launcher.api",
    "lightning_fabric",
    "tyro",
    "plotly.io",
    "rich.progress",
    "rich.table",
    "backsight.cli._train",
    "backsight.lab._train",
    "backsight.report",
    "backsight.studies.map",
)
"""What commands spend their first seconds with."""


def _serve(address: str) -> tuple[dict[str, Any], list[int]]:
    """Fork for every command. In a child alone this returns, with what it is to be."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(64)
    Path(f"{address}.new").rename(address)  # who finds it is heard
    waking, woken = socket.socketpair()
    for one in (waking, woken, listener):
        one.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C on the terminal ends the suite first
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
        request, files = _asked(caller)
        if request is None:
            caller.close()
            continue
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


def _asked(caller: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """What is to be run and its files; None of somebody who ended before it was said."""
    try:
        _, files, _, _ = socket.recv_fds(caller, 1, 3)
        with caller.makefile("rb") as lines:
            line = lines.readline()
    except OSError:
        return None, []
    if line.endswith(b"\n"):
        return json.loads(line), files
    for file in files:
        os.close(file)
    return None, []


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
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or None
            stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status & 0xFF)


def _main(address: str) -> None:
    for name in PRELOADED:
        import_module(name)
    import numpy as np
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler

    from backsight.studies.engines import _local

    gc.collect()
    gc.freeze()
    request, files = _serve(address)
    processes.join(address)
    vars(_local)["subprocess"] = processes.engine_processes
    vars(subprocess_handler)["Popen"] = processes.popen
    words = _become(request, files)
    np.random.seed()  # each its own
    _end(_execute(words))


if __name__ == "__main__":
    _main(sys.argv[1])

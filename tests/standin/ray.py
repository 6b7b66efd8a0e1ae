"""As much of Ray as the engine uses, with real worker processes: for machines that have no Ray.

On a ``PYTHONPATH`` it takes Ray's place. Workers are processes that can be killed; cancelling
interrupts a task, and shutting down kills what is left, as Ray does at the end of a job.
"""

import pickle
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

WORKERS = 2
WORK = "import pickle, sys; f, a = pickle.load(sys.stdin.buffer); r = f(*a); "
WORK += "sys.stdout.buffer.write(pickle.dumps(r))"


class RayError(Exception):
    """Of a task."""


exceptions = SimpleNamespace(RayError=RayError)
_tasks: "list[_Task]" = []


class _Task:
    def __init__(self, function: Any, arguments: Any) -> None:
        self.work = pickle.dumps((function, arguments))
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.worker = subprocess.Popen(
            [sys.executable, "-c", WORK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C on the terminal is not for it
        )
        assert self.worker.stdin is not None
        self.worker.stdin.write(self.work)
        self.worker.stdin.close()

    @property
    def running(self) -> bool:
        return self.worker is not None and self.worker.poll() is None


_told: list[dict[str, Any]] = []
"""What each ``init`` was given, until ``shutdown``."""


def init(**told: Any) -> None:
    """There is nothing to start."""
    _told.append(told)


def is_initialized() -> bool:
    return bool(_told)


def cluster_resources() -> dict[str, float]:
    return {"CPU": float(WORKERS)}


def remote(function: Any) -> Any:
    def submit(*arguments: Any) -> _Task:
        assert _told, "Ray would start a cluster of its own here"
        _tasks.append(_Task(function, arguments))
        return _tasks[-1]

    return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=submit))


def wait(tasks: list[_Task], num_returns: int) -> tuple[list[_Task], list[_Task]]:
    assert num_returns == 1
    while True:
        for task in [t for t in _tasks if t.worker is None]:
            if sum(t.running for t in _tasks) < WORKERS:
                task.start()
        for task in tasks:
            if task.worker is not None and not task.running:
                return [task], [t for t in tasks if t is not task]
        time.sleep(0.02)


def get(task: _Task) -> Any:
    assert task.worker is not None
    assert task.worker.stdout is not None
    if task.worker.returncode:
        raise RayError(f"the worker died with {task.worker.returncode}")
    return pickle.loads(task.worker.stdout.read())


def cancel(task: _Task) -> None:
    if task.running:
        assert task.worker is not None
        task.worker.send_signal(signal.SIGINT)


def shutdown() -> None:
    _told.clear()
    for task in _tasks:
        if task.running:
            assert task.worker is not None
            task.worker.kill()

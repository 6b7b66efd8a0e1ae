"""Trials as processes of this machine, so many at once, each with one thread."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from backsight.errors import RunError
from backsight.studies._trial import Ended, Trial
from backsight.studies.engines._base import GRACE, ONE_THREAD

__all__ = ["LocalEngine"]

POLL = 0.05
"""Seconds between looks at what runs: far below what starting a trial takes."""


@dataclass(slots=True)
class _Running:
    trial: Trial
    process: subprocess.Popen[bytes]
    began: float
    asked: float | None = None
    """When it was asked to end, because it took too long."""
    killed: bool = False


class LocalEngine:
    """Processes of this machine.

    Args:
        workers: how many at once.
        timeout: seconds after which a trial that has not finished is stopped, with the processes
            that it has started: it is asked to end, and killed if it has not ended 30 s later.
            None lets every trial take as long as it does.

    Example:
        >>> import sys
        >>> from pathlib import Path
        >>> from backsight.studies import Trial
        >>> from backsight.studies.engines import LocalEngine
        >>> command = (sys.executable, "-S", "-c", "print('trained')")
        >>> trial = Trial("one", command, run=Path("runs/one"), log=Path("one.txt"))
        >>> [(ended.name, ended.status) for ended in LocalEngine(workers=2).run([trial])]
        [('one', 0)]
        >>> Path("one.txt").read_text().split()
        ['trained']
    """

    def __init__(self, workers: int, timeout: float | None = None) -> None:
        self.workers = workers
        self.timeout = timeout

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """Run them; see :class:`~backsight.studies.Engine`.

        Raises:
            RunError: a trial cannot be started at all, as on a full disk.
        """
        waiting, running = deque(trials), list[_Running]()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    running.append(_start(waiting.popleft()))
                ended = [one for one in running if one.process.poll() is not None]
                for one in ended:
                    running.remove(one)
                    late = one.asked is not None
                    if late:
                        _kill(one)  # what it had started may outlive it
                    seconds = time.monotonic() - one.began
                    status, timeout = one.process.returncode, self.timeout if late else None
                    yield Ended(one.trial.name, status, seconds, timeout)
                self._stop_late(running)
                if not ended:
                    time.sleep(POLL)
        finally:
            _end(running)

    def _stop_late(self, running: Sequence[_Running]) -> None:
        """Ask those that take too long to end, and kill those that were asked long ago."""
        now = time.monotonic()
        for one in running:
            if one.asked is None:
                if self.timeout is not None and now - one.began > self.timeout:
                    one.asked = now
                    one.process.send_signal(signal.SIGTERM)
            elif now - one.asked > GRACE and not one.killed:
                one.killed = True
                _kill(one)


def _start(trial: Trial) -> _Running:
    try:
        trial.log.parent.mkdir(parents=True, exist_ok=True)
        with trial.log.open("ab") as log:
            process = subprocess.Popen(
                trial.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ONE_THREAD},
                # A session of its own: Ctrl-C on the terminal is for the study, which then
                # asks its trials to end, and whatever they have started.
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(f"cannot start trial {trial.name}: {error}") from error
    return _Running(trial, process, time.monotonic())


def _end(running: Sequence[_Running]) -> None:
    """Ask all to end, wait, and end those that do not; a second Ctrl-C does not wait."""
    try:
        for one in running:
            one.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for one in running:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for one in running:
            _kill(one)  # what it had started may outlive it
            one.process.wait()


def _kill(one: _Running) -> None:
    """A trial and all that it has started, as far as that runs."""
    with suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGKILL)

"""A training in a process of its own, which reports every finished iteration and can be killed."""

import subprocess
import sys
from pathlib import Path

__all__ = ["TrainingProcess"]

VIEW = """
import sys, time
from pathlib import Path
class View:
    def begin(self, *_): pass
    def validated(self, *_): pass
    def found(self, *_): pass
    def acted(self, *_): pass
    def update(self, iteration, latest):
        sys.stdout.write(f"{iteration} {time.time()}\\n"); sys.stdout.flush()
"""
"""What a program's training is given as its view: a line for each finished iteration."""


class TrainingProcess:
    """One process.

    Args:
        program: what it runs, after ``VIEW``.
        arguments: its ``sys.argv[1:]``.
    """

    def __init__(self, program: str, *arguments: Path | int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", VIEW + program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: list[str] = []

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def finished(self) -> list[float]:
        """When each iteration was finished, as far as read: seconds, as ``time.time``."""
        words = [line.split() for line in self._lines]
        return [float(each[1]) for each in words if len(each) == 2 and "." in each[1]]

    def reach(self, iterations: int) -> None:
        """Wait until it has finished so many more, or has ended."""
        assert self._process.stdout is not None
        for _ in range(iterations):
            line = self._process.stdout.readline()
            if not line:
                break
            self._lines.append(line)

    def kill(self) -> None:
        """SIGKILL; what it had written by then is read."""
        self._process.kill()
        with self._process as killed:
            assert killed.stdout is not None
            self._lines += killed.stdout.read().splitlines()

    def end(self) -> None:
        """Let it finish.

        Raises:
            RuntimeError: it did not.
        """
        _, complaints = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the training failed:\n{complaints}")

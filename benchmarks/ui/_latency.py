"""From a value that is recorded to the value on the page."""

import re
import time
from pathlib import Path

from backsight.signals import Recorder
from benchmarks.ui._browser import Opened

__all__ = ["CLOCK", "Training", "latencies"]

CLOCK = ".tile [data-clock]"
"""Where the page of a run says how many iterations there are."""

PAUSE = 0.13
"""Seconds between values: no multiple of any interval of the writer or the server."""


class Training:
    """A run that goes on when it is told to."""

    def __init__(self, path: Path) -> None:
        self.recorder = Recorder(path, kind="watch", config={"clip": 1.0})
        self.at = 0
        for _ in range(20):  # a curve, not a point
            self.go_on()
        self.recorder.flush()

    def go_on(self) -> float:
        """Record an iteration; returns when, in seconds since 1970."""
        value = 1 + 1 / (1 + self.at)
        self.recorder.scalars(self.at, {"loss": value, "grad_norm": value, "lr": 0.01})
        self.at += 1
        return time.time()


def latencies(training: Training, opened: Opened, seconds: float) -> list[float]:
    """Seconds from each recorded value until the page counted its iteration.

    A value that has not come after ten more seconds takes infinitely long.
    """
    opened.watch_text(CLOCK)
    recorded: list[float] = []
    first = training.at
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        recorded.append(training.go_on())
        opened.page.wait_for_timeout(PAUSE * 1000)
    waited = time.monotonic() + 10
    shown: list[tuple[float, int]] = []
    while time.monotonic() < waited:
        opened.page.wait_for_timeout(200)
        shown = [(at, _iterations(text)) for at, text in opened.texts()]
        if shown and shown[-1][1] >= training.at:
            break
    return [
        next((at - when for at, count in shown if count > first + number), float("inf"))
        for number, when in enumerate(recorded)
    ]


def _iterations(text: str) -> int:
    found = re.search(r"([\d,]+) iteration", text)
    return int(found.group(1).replace(",", "")) if found else 0

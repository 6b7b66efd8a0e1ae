"""A sink on the way to the recorder that lets a judge see every complete iteration."""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from backsight.diagnosis import Facts, Finding, Judge, by_iteration, parts, verdict_body
from backsight.monitor.sinks._outbox import Recording
from backsight.monitor.sinks._unjudged import Unjudged
from backsight.signals import Profile, Run, Series, check, family

__all__ = ["JudgingSink", "Tell", "announce"]

_log = logging.getLogger("backsight")

Tell = Callable[[Finding], None]

FEW = 16
"""Iterations up to which it costs less to judge each by itself than many at once."""

MANY = 512
"""Iterations that are judged together: then it does not count what any stretch costs."""

PATIENCE = 5.0
"""Seconds for which iterations wait until there are that many. Where a training is slow, or
anything is not finite, they do not wait."""

SLOW = 0.1
"""Seconds that an iteration takes where judging it by itself costs next to nothing: it takes about
0.3 ms."""


def announce(finding: Finding) -> None:
    """Say it in the log, unless it is about cost alone.

    Example:
        >>> from unittest import TestCase
        >>> from backsight.diagnosis import Judge
        >>> from backsight.monitor import announce
        >>> (finding,) = Judge().update(7, {"loss": float("nan")})
        >>> with TestCase().assertLogs("backsight") as log:
        ...     announce(finding)
        >>> finding.code in log.output[0]
        True
    """
    if finding.severity != "info":
        _log.warning("backsight: %s %s: %s", finding.code, finding.title, finding.message)


class FindingBody(msgspec.Struct):
    """Event ``finding``, as far as a run that goes on compares it."""

    code: str
    module: str


class JudgingSink:
    """Passes everything on.

    A finding is an event in the run from its first sign on; at the end there is one with all of
    them, their counts and what came of them.

    Args:
        sink: the recorder.
        tell: hears of each finding once.
        clock: seconds, of which only differences count.

    Example:
        >>> from backsight.monitor.sinks import JudgingSink, NullRecorder
        >>> told = []
        >>> sink = JudgingSink(NullRecorder(), told.append)
        >>> sink.scalars(7, {"loss": float("nan")})
        >>> sink.settle(before=8)
        >>> [finding.code for finding in told]
        ['BKS201']
    """

    def __init__(
        self, sink: Recording, tell: Tell, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._sink = sink
        self._tell = tell
        self._clock = clock
        self._judge = Judge()
        self._families = self._judge.families
        self._wanted: dict[str, bool] = {}
        """By signal, whether any rule looks at it."""
        self._waiting = Unjudged()
        self._judged = clock()
        """When."""
        self._settled = 0
        """Iterations before that one are judged."""
        self._extents: dict[str, tuple[int, int]] = {}
        """Of each signal that is judged, how many samples there were and the newest iteration."""
        self._late = False
        """Whether any came after its iteration was judged: a reader judges it in its place."""
        self._warned: set[str] = set()

    @property
    def found(self) -> tuple[Finding, ...]:
        """What lasts of it so far."""
        return self._judge.diagnosis().lasting

    def redirect(self, sink: Recording) -> None:
        """Pass everything on to that one from now on."""
        self._sink = sink

    def forget(self) -> None:
        """Judge from the beginning."""
        facts = self._judge.facts
        self._judge, self._waiting = Judge(), Unjudged()
        self._settled, self._extents, self._late = 0, {}, False
        self._judge.facts = facts

    def know(self, facts: Facts) -> None:
        """Facts about the task, before anything is recorded."""
        self._judge.facts = facts

    def recall(self, run: Run) -> None:
        """Judge what the run holds already, whose writer has told what it found.

        What it found and did not get to record is recorded now.
        """
        known = set()
        for event in run.events("finding"):
            check(event.body, FindingBody, f"a finding of {run.path}")
            known.add((event.iteration, event.body["code"], event.body["module"]))
        for signals in parts(run, run.names, self._families):
            self._settled = max(int(one.iterations[-1]) for one in signals.values()) + 1
            for finding in self._update(signals):
                if (finding.iteration, finding.code, finding.module) not in known:
                    self._record(finding)

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """As the recorder's."""
        self._sink.scalars(iteration, values)
        wanted = self._wanted
        for name, value in values.items():  # in every iteration: a call for each would tell
            if wanted[name] if name in wanted else self._is_wanted(name):
                self._late = self._late or iteration < self._settled
                self._waiting.add(name, iteration, float(value))

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """As the recorder's."""
        self._sink.series(name, iterations, values)
        if self._is_wanted(name):
            numbers = np.asarray(values, np.float64).tolist()
            for iteration, value in zip(np.asarray(iterations).tolist(), numbers, strict=True):
                self._keep(name, iteration, value)

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """As the recorder's."""
        self._sink.profile(name, iteration, row)
        if self._is_wanted(name):
            numbers = np.asarray(row)
            # As the recorder keeps it: whoever reads the run judges that.
            kept = numbers if numbers.dtype == np.float32 else numbers.astype(np.float64)
            self._keep(name, iteration, kept)

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """As the recorder's."""
        self._sink.event(kind, iteration, body, urgent=urgent)

    def settle(self, before: int) -> None:
        """As :meth:`judge`, if it is time."""
        span = self._waiting.span(before)
        waits = span < MANY and self._clock() - self._judged < min(PATIENCE, SLOW * span)
        if not waits or self._waiting.broken:
            self.judge(before)

    def end(self, iteration: int) -> None:
        """Judge what is left; record what it has come to, and of which samples."""
        self.judge(sys.maxsize)
        if self._judge.iterations:
            whole = not self._late and not self._waiting
            body = verdict_body(self._judge, self._extents if whole else {})
            self._sink.event("diagnosis", iteration, body)

    def judge(self, before: int) -> None:
        """Judge the iterations before that one, of which nothing is still to come."""
        self._judged = self._clock()
        self._settled = max(self._settled, before)
        for finding in self._update(self._waiting.take(before)):
            self._record(finding)
            self._tell(finding)
        for code, error in self._judge.failed.items():
            if code not in self._warned:
                self._warned.add(code)
                _log.warning("backsight: the rule %s failed and is switched off: %r", code, error)

    def _is_wanted(self, name: str) -> bool:
        wanted = self._wanted.get(name)
        if wanted is None:
            wanted = self._wanted[name] = family(name) in self._families
        return wanted

    def _keep(self, name: str, iteration: int, value: Any) -> None:
        if iteration < self._settled:
            self._late = True
        self._waiting.add(name, iteration, value)

    def _update(self, signals: Mapping[str, Series | Profile]) -> list[Finding]:
        """Judge those samples; what was found for the first time."""
        for name, one in signals.items():
            count, _ = self._extents.get(name, (0, 0))
            self._extents[name] = count + len(one.iterations), int(one.iterations[-1])
        if max((len(one.iterations) for one in signals.values()), default=0) > FEW:
            return self._judge.update_many(signals)
        found: list[Finding] = []
        for iteration, values in by_iteration(signals):
            found += self._judge.update(iteration, values)
        return found

    def _record(self, finding: Finding) -> None:
        self._sink.event("finding", finding.iteration, finding.as_dict(), urgent=True)

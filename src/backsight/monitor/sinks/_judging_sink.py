"""A sink on the way to the recorder that lets a judge see every complete iteration."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from backsight.diagnosis import Facts, Finding, Judge, recorded, verdict_body
from backsight.monitor.sinks._outbox import Sink
from backsight.signals import Run, check, family

__all__ = ["JudgingSink", "Tell", "announce"]

_log = logging.getLogger("backsight")

Tell = Callable[[Finding], None]


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

    Example:
        >>> from backsight.monitor.sinks import JudgingSink, NullRecorder
        >>> told = []
        >>> sink = JudgingSink(NullRecorder(), told.append)
        >>> sink.scalars(7, {"loss": float("nan")})
        >>> sink.settle(before=8)
        >>> [finding.code for finding in told]
        ['BKS201']
    """

    def __init__(self, sink: Sink, tell: Tell) -> None:
        self._sink = sink
        self._tell = tell
        self._judge = Judge()
        self._wanted = self._judge.families
        self._seen: dict[int, dict[str, Any]] = {}
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

    def redirect(self, sink: Sink) -> None:
        """Pass everything on to that one from now on."""
        self._sink = sink

    def forget(self) -> None:
        """Judge from the beginning."""
        facts = self._judge.facts
        self._judge, self._seen = Judge(), {}
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
        for iteration, values in recorded(run, run.names, self._wanted):
            self._count(iteration, values)
            self._settled = iteration + 1
            for finding in self._judge.update(iteration, values):
                if (iteration, finding.code, finding.module) not in known:
                    self._sink.event("finding", iteration, finding.as_dict(), urgent=True)

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """As the recorder's."""
        self._sink.scalars(iteration, values)
        self._keep(iteration, {name: float(value) for name, value in values.items()})

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """As the recorder's."""
        self._sink.series(name, iterations, values)
        if family(name) in self._wanted:
            numbers = np.asarray(values, np.float64).tolist()
            for iteration, value in zip(np.asarray(iterations).tolist(), numbers, strict=True):
                self._keep(iteration, {name: value})

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """As the recorder's."""
        self._sink.profile(name, iteration, row)
        numbers = np.asarray(row)
        # As the recorder keeps it: whoever reads the run judges that.
        kept = numbers if numbers.dtype == np.float32 else numbers.astype(np.float64)
        self._keep(iteration, {name: kept})

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """As the recorder's."""
        self._sink.event(kind, iteration, body, urgent=urgent)

    def settle(self, before: int) -> None:
        """Judge the iterations before that one: nothing of them is still to come."""
        for iteration in sorted(at for at in self._seen if at < before):
            for finding in self._judge.update(iteration, self._seen.pop(iteration)):
                self._sink.event("finding", iteration, finding.as_dict(), urgent=True)
                self._tell(finding)
        self._settled = max(self._settled, before)
        for code, error in self._judge.failed.items():
            if code not in self._warned:
                self._warned.add(code)
                _log.warning("backsight: the rule %s failed and is switched off: %r", code, error)

    def end(self, iteration: int) -> None:
        """Record what it has come to, and of which samples."""
        if self._judge.iterations:
            whole = not self._late and not self._seen
            body = verdict_body(self._judge, self._extents if whole else {})
            self._sink.event("diagnosis", iteration, body)

    def _keep(self, iteration: int, values: Mapping[str, Any]) -> None:
        wanted = {name: v for name, v in values.items() if family(name) in self._wanted}
        if wanted:
            self._late |= iteration < self._settled
            self._count(iteration, wanted)
            self._seen.setdefault(iteration, {}).update(wanted)

    def _count(self, iteration: int, names: Iterable[str]) -> None:
        for name in names:
            self._extents[name] = self._extents.get(name, (0, 0))[0] + 1, iteration

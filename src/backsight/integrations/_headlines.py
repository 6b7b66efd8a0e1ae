"""The numbers that a trainer's own log shows of a run, each with its iteration."""

import json
import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backsight.signals import Recorder, SampleBlock, family, member

__all__ = ["Headlines", "Shown", "label_of", "newest_of"]

OF_THE_RUN = ("grad_norm", "grad_norm_applied")
OF_SAMPLES = ("horizon", "half_life")
OF_FEWER = ("memory_length",)
OF_LAYERS = (*OF_SAMPLES, *OF_FEWER, "hidden_norm_mean")

ITERATION, SAMPLED = "backsight/iteration", "backsight/sampled"

KEPT = 10_000
"""Iterations and findings that wait to be taken; the oldest are dropped, and counted."""


class Headlines:
    """Keeps what a trainer logs: gradient norms, and per layer how far the gradient reaches and how
    large the state is.

    Example:
        >>> from backsight.integrations._headlines import Headlines
        >>> headlines = Headlines()
        >>> headlines.scalars(3, {"grad_norm": 0.5, "grad_norm/rnn.bias_hh_l0": 0.1})
        >>> headlines.take()
        [(3, {'backsight/grad_norm': 0.5})]
        >>> headlines.take()
        []
    """

    def __init__(self) -> None:
        self._values: dict[int, dict[str, float]] = {}
        self._findings: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self.dropped = 0
        """Iterations whose numbers nobody took in time."""

    def listen(self, recorder: Recorder) -> None:
        """Hear of whatever a recorder commits, with the sinks that hear of it."""
        others = recorder.committed

        def committed(blocks: Any, events: Any) -> None:
            if others is not None:
                others(blocks, events)
            self.take_in(blocks, events)

        recorder.committed = committed

    def take_in(
        self,
        blocks: Mapping[str, Sequence[SampleBlock]],
        events: Sequence[tuple[int, float, str, str]],
    ) -> None:
        """What a recorder has committed."""
        for name, several in blocks.items():
            for block in several if _is_told(name) else ():
                if block.values.ndim == 1:
                    pairs = zip(block.iterations.tolist(), block.values.tolist(), strict=True)
                    for iteration, value in pairs:
                        self.scalars(iteration, {name: value})
        for iteration, _, kind, body in events:
            if kind == "finding":
                self.event(kind, iteration, json.loads(body))

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Keep those that are logged."""
        told = {f"backsight/{name}": value for name, value in values.items() if _is_told(name)}
        if not told:
            return
        with self._lock:
            self._values.setdefault(iteration, {}).update(told)
            while len(self._values) > KEPT:
                del self._values[next(iter(self._values))]
                self.dropped += 1

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """Keep a finding."""
        if kind == "finding":
            self._findings.append((iteration, body))

    def take(self) -> list[tuple[int, dict[str, float]]]:
        """Iterations and their numbers since the last call, in order."""
        if not self._values:  # most calls, as a trainer asks after every step
            return []
        with self._lock:
            taken, self._values = self._values, {}
        return sorted(taken.items())

    def take_findings(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Findings since the last call, as the run folder has them, each with its iteration."""
        taken = []
        while self._findings:
            taken.append(self._findings.popleft())
        return taken


class Shown:
    """What a log without steps of its own shows: the newest numbers, and when they were measured.

    ``backsight/iteration`` says it of the norms, and ``backsight/sampled`` of what is measured in
    every sample, so that numbers that belong together are of one iteration. What is measured in
    fewer is left out.

    Example:
        >>> from backsight.integrations._headlines import Shown
        >>> shown = Shown()
        >>> shown.take([(4, {"backsight/grad_norm": 0.5, "backsight/horizon/rnn": 9.0}),
        ...             (5, {"backsight/grad_norm": 0.4})])
        True
        >>> shown.row  # doctest: +NORMALIZE_WHITESPACE
        {'backsight/grad_norm': 0.4, 'backsight/iteration': 5,
         'backsight/horizon/rnn': 9.0, 'backsight/sampled': 4}
        >>> shown.take([])
        False
    """

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, float]] = {ITERATION: {}, SAMPLED: {}}

    @property
    def row(self) -> dict[str, float]:
        """What to show; empty before there is anything."""
        return {name: value for part in self._parts.values() for name, value in part.items()}

    def take(self, rows: Iterable[tuple[int, dict[str, float]]]) -> bool:
        """Whether there is anything new to show, by the order of ``rows``."""
        before = dict(self._parts)
        for iteration, values in rows:
            for label, part in self._parts.items():
                mine = {name: value for name, value in values.items() if label_of(name) == label}
                if mine and len(mine) >= len(part) - 1:  # where less was measured, it waits
                    self._parts[label] = mine | {label: iteration}
        return any(self._parts[label] is not before[label] for label in before)


def label_of(name: str) -> str | None:
    """The name of the number that says when ``name`` was measured; None where it is not shown.

    Example:
        >>> from backsight.integrations._headlines import label_of
        >>> label_of("backsight/grad_norm"), label_of("backsight/horizon/rnn")
        ('backsight/iteration', 'backsight/sampled')
    """
    kind = family(name.removeprefix("backsight/"))
    return None if kind in OF_FEWER else SAMPLED if kind in OF_SAMPLES else ITERATION


def newest_of(rows: Iterable[tuple[int, dict[str, float]]]) -> list[tuple[int, dict[str, float]]]:
    """For a log with steps: each number once, at the newest iteration that has it.

    One that was not finite before has its first such iteration as well.

    Example:
        >>> from backsight.integrations._headlines import newest_of
        >>> newest_of([(4, {"norm": 0.5, "horizon": 9.0}), (5, {"norm": float("inf")}),
        ...            (6, {"norm": 0.3})])
        [(4, {'horizon': 9.0}), (5, {'norm': inf}), (6, {'norm': 0.3})]
    """
    found: dict[int, dict[str, float]] = {}
    last: dict[str, tuple[int, float]] = {}
    broken: set[str] = set()
    for iteration, values in rows:
        for name, value in values.items():
            last[name] = iteration, value
            if not math.isfinite(value) and name not in broken:
                broken.add(name)
                found.setdefault(iteration, {})[name] = value
    for name, (iteration, value) in last.items():
        found.setdefault(iteration, {})[name] = value
    return sorted(found.items())


def _is_told(name: str) -> bool:
    return family(name) in OF_LAYERS or (family(name) in OF_THE_RUN and not member(name))


def one_row(rows: Sequence[tuple[int, dict[str, float]]]) -> dict[str, float]:
    """What a log without steps of its own shows of several rows: one, that it says the number of.

    The fullest, which is that of a sampled iteration, and the newest of these.

    Example:
        >>> from backsight.integrations._headlines import one_row
        >>> one_row([(4, {"backsight/horizon/lstm": 9.0}), (5, {})])
        {'backsight/horizon/lstm': 9.0, 'backsight/iteration': 4}
        >>> one_row([])
        {}
    """
    if not rows:
        return {}
    iteration, values = max(rows, key=lambda row: (len(row[1]), row[0]))
    return values | {"backsight/iteration": iteration}

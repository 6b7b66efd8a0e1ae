"""The ten-second strip: what one asks first of a run that trains."""

import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis import Diagnosis, facts_of, findings_so_far
from backsight.errors import RunError
from backsight.report._some_of import some_of
from backsight.report._strip_data import (
    RunState,
    RunStrip,
    StripCurve,
    StripFinding,
    StripGradient,
    StripLoss,
    StripRate,
    StripReach,
)
from backsight.report._thin import NEWEST, Thinned, Thinning, blocks_to_draw
from backsight.signals import Run, SignalStream, measure_reach, member, reach_words

__all__ = ["strip"]

PIXELS = 240
"""Columns of a curve."""

RECENT = NEWEST
"""Losses whose median is the loss now: BKS302 compares medians of as many with the guess."""

MOST = 6
"""Models, optimizers or layers that are told one by one."""

STALE = 15.0
"""Seconds without a sign of life from a process that lives. The writer gives one per second."""

Known = TypeVar("Known")


def strip(run: Run, found: Diagnosis | None = None, *, now: float | None = None) -> RunStrip:
    """The ten-second strip of a run, also while it is written, killed, empty or damaged.

    Args:
        run: the run.
        found: its diagnosis. By default nothing is judged: the finding is the gravest that the
            writer has told so far, which may be over by now.
        now: seconds since the epoch; the clock's by default.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0 - i / 100 for i in range(100)])
        >>> told = strip(Run("runs/mine"))
        >>> told.iterations, told.losses[0].value, told.finding
        (100, 1.01, None)
    """
    reading = _Reading(run)
    try:
        with run.moment(anew=False):
            return reading.strip(found, now)
    except RunError:  # the store cannot be opened; what run.json says is still known
        return reading.strip(found, now)


class _Reading:
    """Reads the parts of a strip one by one; what cannot be read is told, and the rest is read."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._problems: dict[str, None] = {}
        self._left_out: dict[str, None] = {}

    def ask(self, read: Callable[[], Known]) -> Known | None:
        """None where it cannot be read."""
        try:
            return read()
        except RunError as error:
            self._problems.setdefault(str(error))
            return None

    def strip(self, found: Diagnosis | None, now: float | None) -> RunStrip:
        run = self._run
        written = self.ask(lambda: run.heartbeat)
        now = time.time() if now is None else now
        age = None if written is None else max(0.0, now - written)
        silent = None if written is None else abs(now - written)  # the clock may have gone back
        state = self.ask(lambda: _state(run, silent)) or "unreadable"
        return RunStrip(
            name=run.name,
            state=state,
            reason=run.reason,
            written=written,
            age=age,
            iterations=self.ask(lambda: run.iterations) or 0,
            losses=self._losses(),
            gradients=self._gradients(),
            rates=self._rates(),
            reaches=self._reaches(),
            finding=self.ask(lambda: _finding(found or findings_so_far(run))),
            left_out=tuple(self._left_out),  # known by now, as problems are
            problems=tuple(self._problems),
        )

    def _names(self, family: str, what: str, *, profile: bool = False) -> tuple[str, ...]:
        """At most six of them."""
        names = self.ask(lambda: self._run.members(family, profile=profile)) or ()
        return self._some(names, what)

    def _some(self, names: tuple[str, ...], what: str) -> tuple[str, ...]:
        if len(names) > MOST:
            self._left_out.setdefault(f"{MOST} of {len(names):,} {what} are shown")
        return some_of(names, MOST)[0]

    def _each(self, names: Iterable[str], read: Callable[[str], Known]) -> tuple[Known, ...]:
        parts = (self.ask(partial(read, name)) for name in names)
        return tuple(part for part in parts if part is not None)

    def _losses(self) -> tuple[StripLoss, ...]:
        names = self._names("loss", "losses")
        facts = self.ask(lambda: facts_of(self._run)) if names else None
        baseline = None if facts is None else facts.baseline
        return self._each(names, lambda name: _loss(self._run, name, baseline))

    def _gradients(self) -> tuple[StripGradient, ...]:
        """Of whole models: a member of ``grad_norm`` may also be a parameter."""
        run = self._run
        raw = self.ask(lambda: run.members("grad_norm", profile=False)) or ()
        applied = self.ask(lambda: run.members("grad_norm_applied", profile=False)) or ()
        models = {member(name) for name in applied} | {""}
        names = tuple(name for name in raw if member(name) in models)
        return self._each(
            self._some(names, "gradient norms"), lambda name: _gradient(run, name, applied)
        )

    def _rates(self) -> tuple[StripRate, ...]:
        run = self._run
        return self._each(
            self._names("lr", "learning rates"),
            lambda name: StripRate(member(name), *run.last(name)),
        )

    def _reaches(self) -> tuple[StripReach, ...]:
        return self._each(
            self._names("reach", "layers", profile=True), lambda name: _reach(self._run, name)
        )


def _state(run: Run, silent: float | None) -> RunState:
    status = run.status
    if run.end_reason == "interrupted":
        return "interrupted"
    if status == "running" and silent is not None and silent > STALE:
        return "stale"
    known: RunState = status  # type: ignore[assignment]
    return known


def _loss(run: Run, name: str, baseline: float | None) -> StripLoss:
    stream = run.stream(name)
    curve, newest = _curve(stream, tail=RECENT)
    guess, source = baseline, "task"
    if guess is None:
        guess, source = _constant_answer(run, member(name)), "constant answer"
    finite = newest[np.isfinite(newest)]
    return StripLoss(
        label=member(name),
        iteration=stream.last,
        value=float(newest[-1]),
        recent=float(np.median(finite)) if finite.size else math.nan,
        newest=len(newest),
        newest_not_finite=len(newest) - len(finite),
        guess=guess,
        guess_from=("" if guess is None else source),  # type: ignore[arg-type]
        curve=curve,
    )


def _constant_answer(run: Run, label: str) -> float | None:
    """The newest loss of the best constant answer, if it is finite."""
    name = f"guess_loss/{label}" if label else "guess_loss"
    if run.members(name, profile=False) != (name,):
        return None
    guess = run.last(name)[1]
    return guess if math.isfinite(guess) else None


def _gradient(run: Run, name: str, applied: tuple[str, ...]) -> StripGradient:
    stream = run.stream(name)
    curve, newest = _curve(stream, log=True)
    used = name.replace("grad_norm", "grad_norm_applied", 1)
    applied_curve, last = None, None
    if used in applied:
        applied_curve, values = _curve(run.stream(used), log=True)
        last = float(values[-1])
    return StripGradient(member(name), stream.last, float(newest[-1]), last, curve, applied_curve)


def _reach(run: Run, name: str) -> StripReach:
    block = run.stream(name).newest()
    row = block.values[-1]
    found = measure_reach(row)
    far = found.horizon
    return StripReach(
        label=member(name),
        iteration=int(block.iterations[-1]),
        outcome=found.outcome,
        horizon=None if far is None else far.steps,
        censored=far is not None and far.censored,
        earlier=found.earlier,
        words=reach_words(row),
    )


def _finding(found: Diagnosis) -> StripFinding | None:
    if not found.leads:
        return None
    lead = found.leads[0]
    first = lead.findings[0]
    advice = found.advice_on(lead)
    return StripFinding(
        code=first.code,
        title=first.title,
        severity=lead.severity,
        iteration=first.iteration,
        message=first.message,
        remedy=advice[0] if advice else "",
        others=len(found.leads) - 1,
    )


def _curve(
    stream: SignalStream, *, tail: int = 1, log: bool = False
) -> tuple[StripCurve, NDArray[np.floating[Any]]]:
    """The whole signal, thinned, and its newest samples."""
    thinning = Thinning(stream.first, stream.last, pixels=PIXELS, log=log)
    newest = np.empty(0)
    for block in blocks_to_draw(stream, log=log):
        thinning.add(block.iterations, block.values)
        newest = np.concatenate([newest, block.values[-tail:]])[-tail:]
    return _thinned(thinning.result()), newest


def _thinned(thinned: Thinned) -> StripCurve:
    broken = [marks for kind, marks in thinned.marks.items() if kind != "≤ 0"]
    at = np.unique(np.concatenate([np.empty(0, np.int64), *(one.iterations for one in broken)]))
    return StripCurve(
        iterations=tuple(thinned.iterations.tolist()),
        values=tuple(thinned.values.astype(np.float64).tolist()),
        not_finite=sum(marks.count for marks in broken),
        not_finite_at=tuple(at.tolist()),
    )

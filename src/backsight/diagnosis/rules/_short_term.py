"""BKS301: the model uses the last few steps and nothing further back."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._context import usable_context
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import ProfileRow, Rule, Sample, named, of_module, short
from backsight.signals import MemoryMeasures, measure_memory, measure_reach, memory_extent

__all__ = ["ShortTerm"]

MEMORY = "memory"
"""Where the times in a row are counted, of all layers together."""


@dataclass
class ShortTerm(Rule):
    """The loss improves with a little context, and with no more."""

    code: ClassVar[str] = "BKS301"
    title: ClassVar[str] = "short-term patterns only"
    severity: ClassVar = "warning"
    reads: ClassVar = ("context_loss", "memory", "reach")
    optional_signals: ClassVar = ("context_length", "memory_lag", "loss")
    leads_to: ClassVar = ("BKS303",)
    explanation: ClassVar[str] = (
        "Beyond a few steps, more context does not lower the loss: the model has learned what the "
        "last few steps tell, and ignores what lies further back although the task needs it."
    )
    criterion: ClassVar[str] = (
        "The usable context (the smallest context within 1 % of the loss at full context) is below "
        "{share:g} of the known memory demand; where that is unknown, it is below {window:g} of "
        "the longest context measured, and the horizon of the gradient is no longer than it. The "
        "loss at full context is at least 2 % below the loss at the shortest one, which shows that "
        "the model has learned something. All this holds {times:.0f} times in a row. Without a "
        "loss by context, the rule goes by what the states hold, which by itself is no fault: a "
        "task may need no more. It reports a memory only if the memory demand, or the loss without "
        "memory, is known: another past at the needed lag (or at {window:g} of the window) moves "
        "no layer's state by more than {held:g} of what another whole past does, no gradient "
        "reaches back that far either, and after {patience:.0f} losses the loss has fallen and no "
        "longer does (by {still:g} of that), and is less than a fraction of {better:g} below what "
        "a shorter memory achieves."
    )
    causes: ClassVar = (
        "gradients that vanish through time (see BKS101)",
        "windows that are shorter than the memory demand, or a detached state",
        "too little training: a model learns short patterns first",
        "data in which nothing further back matters (then it is not a fault)",
    )
    remedies: ClassVar = (
        "measure the reach, and extend it with orthogonal initialisation, a GRU or an LSTM",
        remedy("use a window of at least twice the memory demand, or carry the state", window=1),
        "train for longer",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Khandelwal et al. 2018 (context truncation); shares: Backsight"

    share: float = 0.5
    """Of the needed lag."""
    window: float = 0.05
    """Of the longest context."""

    times: float = 3
    """In a row: on its way every model uses a little first."""

    held: float = 0.01
    """Of a memory: an LSTM that has learned to hold one bit over 60 steps of noise has 0.97, a GRU
    that has learned to add two of 40 numbers has 0.4 at lag 32, and one that has learned neither
    has less than 0.001 there."""

    better: float = 0.05
    """A loss that much below that of a shorter memory has the information from somewhere."""

    patience: float = 100
    """Losses, before which no network has learned to remember."""

    still: float = 0.02
    """Of how far the loss has come down: the median of the last 20 losses below that of 50 by more
    still falls."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _horizons: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _layer: str = field(default="", init=False, repr=False)
    """What was found of the memories is about; the longest may be another layer's later."""

    @property
    def requirement(self) -> Requirement:
        """The loss by context is measured only on request."""
        of = (
            "of context_loss at 3 or more lengths, which monitor.context measures, or of memory "
            f"after {self.patience:.0f} losses where the memory demand is known"
        )
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        self._update_context(now)
        self._update_memory(now)

    def _update_context(self, now: Sample) -> None:
        for layer, reach in now.rows("reach").items():
            far = measure_reach(reach).horizon
            if far is not None:
                self._horizons[layer] = far.steps
        for member, row in now.rows("context_loss").items():
            lengths = now.rows("context_length").get(member)
            if lengths is None or len(row) < 3:
                continue
            if not self.finite(member, row):
                continue
            self.ready = True
            usable = usable_context(lengths, row)
            gain = float(row[0] - row[-1])
            # Something was learned, or there is nothing that could be called short-term.
            if gain <= 0.02 * abs(float(row[0])):
                self._row.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            lag = now.facts.lag
            limit = self.share * lag if lag else self.window * float(lengths[-1])
            reaches_on = lag is None and any(h > usable.steps for h in self._horizons.values())
            if usable.steps >= limit or reaches_on:
                self._row.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            self._row[member] = self._row.get(member, 0) + 1
            if self._row[member] < self.times:
                continue
            self.found(
                member,
                now.iteration,
                f"the loss{of_module(member)} falls from {short(float(row[0]))} to "
                f"{short(float(row[-1]))} with more context, and is within 1 % of that with "
                f"{usable.steps} of {lengths[-1]:.0f} steps"
                + (f"; the task needs {lag}" if lag else ""),
                {"usable context": usable.steps, "at least": usable.low, "at most": usable.high}
                | ({"needed lag": float(lag)} if lag else {}),
                signals=(named("context_loss", member),),
            )

    def _update_memory(self, now: Sample) -> None:
        course, lag = now.courses.get(now.label), now.facts.lag
        known = next((b for b in (now.facts.near, now.facts.baseline) if b is not None), None)
        rows, ladders = now.rows("memory"), now.rows("memory_lag")
        if not rows or course is None or (lag is None and known is None):
            return
        if not course.settled or course.count < self.patience:
            return
        found = {}
        for layer, row in rows.items():
            lags = ladders.get(layer)
            if lags is None or len(lags) != len(row) or not self.finite(layer, row):
                return  # another layer may hold what this one does not
            found[layer] = measure_memory(lags, row), lags, row
        if not found:
            return
        self.ready = True
        layer = max(found, key=lambda one: _steps(found[one][0]))
        memory, lags, row = found[layer]
        needed = min(lag or math.ceil(self.window * memory.window), memory.window - 1)
        held = max(_held(lags, row, needed) for _, lags, row in found.values())
        reaches_on = any(h >= needed for h in self._horizons.values())
        learned = known is not None and course.level < known - self.better * abs(known)
        falls = course.usual.median - course.level > self.still * course.progress
        nothing = not course.learned  # that could be called short-term
        where = self._layer or layer
        if held > self.held or reaches_on or learned or nothing or falls:
            self._row.pop(MEMORY, None)
            self.resolve(where, now.iteration)
            return
        self._row[MEMORY] = self._row.get(MEMORY, 0) + 1
        if self._row[MEMORY] < self.times:
            return
        self._layer = where
        self.found(
            where,
            now.iteration,
            f"the state{of_module(layer)} holds {memory_extent(memory)}, and no layer holds more; "
            + (f"the task needs {lag}, and " if lag else "")
            + f"the loss stays at {short(course.level)}",
            {"memory length": _steps(memory), "memory at the needed lag": held}
            | {"window": float(memory.window), "loss level": course.level}
            | ({"needed lag": float(lag)} if lag else {})
            | ({} if known is None else {"loss of a shorter memory": known}),
            signals=(f"memory/{layer}", named("loss", now.label)),
        )


def _steps(memory: MemoryMeasures) -> float:
    return 0.0 if memory.length is None else float(memory.length.steps)


def _held(lags: ProfileRow, row: ProfileRow, needed: int) -> float:
    """``M`` at the largest lag that was measured up to the needed one; 1 where there is none."""
    before = row[lags <= needed]
    return float(before[-1]) if len(before) else 1.0

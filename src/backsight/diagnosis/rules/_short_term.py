"""BKS301: the model uses the last few steps and nothing further back."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._context import usable_context
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import ProfileRow, Rule, Sample, named, of_module, short
from backsight.diagnosis.rules._at_the_guess import at_the_guess
from backsight.diagnosis.stability import LossHistory
from backsight.signals import (
    MemoryMeasures,
    ReachMeasures,
    measure_memory,
    measure_reach,
    memory_extent,
    memory_reading,
)

__all__ = ["ShortTerm"]

_Found = dict[str, tuple[MemoryMeasures, ProfileRow, ProfileRow]]
"""By layer, what its memory comes to, the lags and the values."""

MEMORY = "memory"
"""Where the times in a row are counted, of all layers together."""


@dataclass
class ShortTerm(Rule):
    """The loss improves with a little context, and with no more."""

    code: ClassVar[str] = "BKS301"
    title: ClassVar[str] = "short-term patterns only"
    severity: ClassVar = "warning"
    reads: ClassVar = ("context_loss", "memory", "reach")
    optional_signals: ClassVar = ("context_length", "memory_lag", "loss", "guess_loss", "graph_end")
    leads_to: ClassVar = ("BKS302", "BKS303")
    explanation: ClassVar[str] = (
        "Beyond a few steps, more context does not lower the loss: the model has learned what the "
        "last few steps tell, and ignores what lies further back although the task needs it."
    )
    criterion: ClassVar[str] = (
        "The usable context (the smallest context within 1 % of the loss at full context) is "
        "below {share:g} of the known memory demand; where that is unknown, it is below "
        "{window:g} of the longest context measured, and the horizon of the gradient is no "
        "longer than it. The loss at full context is at least 2 % below the loss at the shortest "
        "one, and below that of guessing without memory where it is known, which shows that the "
        "model has learned something. All this holds {times:.0f} times in a row. Without a loss "
        "by context, the rule goes by what the states hold, once after {patience:.0f} losses the "
        "loss has fallen and no longer does (by {still:g} of that). If the memory demand, or the "
        "loss without memory, is known: another past at the needed lag (or at {window:g} of the "
        "window) moves no layer's state by more than {held:g} of what another whole past does, "
        "no gradient reaches back that far either, and the loss is less than a fraction of "
        "{better:g} below what a shorter memory achieves. Where neither is known, a short memory "
        "by itself is no fault, as a task may need no more: it is a note that no layer's "
        "gradient reaches back {long:g} of a window of {least:.0f} steps or more, unless the "
        "loss is below {solved:g} of that of the best constant answer (guess_loss), so that "
        "nothing is left to be learned; a loss that has never left the best constant answer counts "
        "as one that no longer falls, after {never:.0f} losses. After {enough:.0f} losses it is a "
        "warning if the loss is still less than a fraction of {better:g} below that of the best "
        "constant answer. Where no layer's memory was measured, as in a loop that calls no module, "
        "it is a note at most, and none where the graph itself ends (see BKS401)."
    )
    causes: ClassVar = (
        "gradients that vanish through time (see BKS101)",
        "windows that are shorter than the memory demand, or a detached state",
        "too little training: a model learns short patterns first",
        "data in which nothing further back matters (then it is not a fault)",
    )
    remedies: ClassVar = (
        "state the memory demand if you know it, with watch(…, lag=…): a note may be no fault",
        "measure the reach, and extend it: orthogonal initialisation, a GRU or an LSTM in place of "
        "a plain recurrence, or, where there are gates, a forget bias of 1 or more",
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

    long: float = 0.3
    """Of the window: as far as a gradient reaches at least that is not called short."""

    least: float = 20
    """Steps of a window: that a shorter one is not used whole is no news."""

    solved: float = 0.01
    """Of the loss of the best constant answer: that little is left where a task is solved."""

    enough: float = 800
    """Losses: memory tasks sit at their best guess for hundreds of iterations before they jump."""
    never: float = 350
    """Losses at the best constant answer from the beginning on, after which it is worth a note."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _reaches: dict[str, ReachMeasures] = field(default_factory=dict, init=False, repr=False)
    """By layer, the newest."""
    _guesses: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By model, the newest loss of the best constant answer."""
    _ends: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By layer, the last lag that the newest graph led to; -1 where that cannot be asked."""
    _remembers: bool = field(default=False, init=False, repr=False)
    """Whether any layer's memory was ever measured."""
    _layer: str = field(default="", init=False, repr=False)
    """What was found of the memories is about; the longest may be another layer's later."""

    @property
    def requirement(self) -> Requirement:
        """The loss by context is measured only on request."""
        of = (
            "of context_loss at 3 or more lengths, which monitor.context measures, or of memory "
            f"after {self.patience:.0f} losses"
        )
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        self._update_context(now)
        self._update_memory(now)

    def _update_context(self, now: Sample) -> None:
        for layer, reach in now.rows("reach").items():
            measures = measure_reach(reach)
            if measures.horizon is not None:
                self._reaches[layer] = measures
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
            guess, full = now.facts.baseline, float(row[-1])
            if gain <= 0.02 * abs(float(row[0])) or (guess is not None and full >= guess):
                self._row.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            lag = now.facts.lag
            limit = self.share * lag if lag else self.window * float(lengths[-1])
            reaches_on = lag is None and any(h > usable.steps for h in self._horizons())
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
        newest = now.numbers("guess_loss")
        self._guesses |= {member: g for member, g in newest.items() if math.isfinite(g)}
        self._ends |= now.numbers("graph_end")
        rows, ladders = now.rows("memory"), now.rows("memory_lag")
        self._remembers = self._remembers or bool(rows)
        if course is None or (self._remembers and not rows):
            return
        if not course.settled or course.count < self.patience:
            return
        found: _Found = {}
        for layer, row in rows.items():
            lags = ladders.get(layer)
            if lags is None or len(lags) != len(row) or not self.finite(layer, row):
                return  # another layer may hold what this one does not
            found[layer] = measure_memory(lags, row), lags, row
        if not found:
            if lag is None and known is None:
                self._update_reach(now, course)
            return
        self.ready = True
        if lag is None and known is None:
            self._update_unknown(now, course, found)
            return
        layer = max(found, key=lambda one: _steps(found[one][0]))
        memory, lags, row = found[layer]
        needed = min(lag or math.ceil(self.window * memory.window), memory.window - 1)
        held = max(_held(lags, row, needed) for _, lags, row in found.values())
        reaches_on = any(h >= needed for h in self._horizons())
        learned = known is not None and course.level < known - self.better * abs(known)
        where = self._layer or layer
        if held > self.held or reaches_on or learned or not self._rests(course):
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

    def _update_unknown(self, now: Sample, course: LossHistory, found: _Found) -> None:
        """Where nobody knows what the task needs, or what a shorter memory achieves."""
        readings = {
            memory_reading(one, self._reaches.get(name)) for name, (one, *_) in found.items()
        }
        layer = max(found, key=lambda one: _steps(found[one][0]))
        where = self._layer or layer
        window = found[layer][0].window
        if layer in self._reaches:  # calls that hand a state on without its graph are apart
            window = max(window, self._reaches[layer].earlier + 1)
        others = [one for name, one in self._reaches.items() if name not in found]
        reaches_on = any(_far(one) >= self.long * window for one in others)
        short_term = readings <= {"forgets", "untaught"} and window >= self.least
        guess = self._guesses.get(now.label)
        solved = guess is not None and course.level < self.solved * max(guess, 0.0)
        # The level of a rare class is noise: of a hundred losses, half are below their mean.
        # Far above the guess, no constant was learned either: see BKS302.
        size = abs(guess or 0.0)
        stuck = guess is not None and -self.better * size <= course.deep - guess <= size
        never = self._never(guess, course)
        if not short_term or reaches_on or solved or not (never or self._rests(course)):
            self.resolve(where, now.iteration)
            return
        self._layer = where
        memory, far = found[layer][0], max(self._horizons())
        held = f"the state{of_module(layer)} holds {memory_extent(memory)}"
        if _steps(memory) >= memory.window < window:  # how much more it holds, nobody has seen
            what = f"no gradient reaches back more than {far} of {window} steps"
        elif readings == {"forgets"}:
            what = f"{held}, no layer holds more, and no gradient reaches back more than {far}"
        else:
            what = f"no gradient reaches back more than {far} steps, although {held}"
        graver = stuck and course.count >= self.enough
        if graver:
            told = f"the loss stays at {short(course.level)}, and {short(guess or 0.0)} is that of "
            told += "the best constant answer"
        else:
            told = "whether the task needs more is not known"
        one = self.found(
            where,
            now.iteration,
            f"{what}; {told}",
            {"memory length": _steps(memory), "horizon": float(far)}
            | {"window": float(window), "loss level": course.level}
            | ({} if guess is None else {"loss of the best constant answer": guess}),
            signals=(f"memory/{layer}", named("loss", now.label)),
            severity="warning" if graver else "info",
        )
        if graver and one.severity == "info":
            self.raised.append((now.iteration, one))
        one.severity = "warning" if graver else "info"

    def _update_reach(self, now: Sample, course: LossHistory) -> None:
        """Where no state can be run again: what the gradient alone tells, and no more than that."""
        known = {name: one for name, one in self._reaches.items() if one.outcome == "ok"}
        if not known:
            return
        layer = max(known, key=lambda name: _far(known[name]))
        window, far = known[layer].earlier + 1, _far(known[layer])
        guess = self._guesses.get(now.label)
        solved = guess is not None and course.level < self.solved * max(guess, 0.0)
        # What ends with its graph is a matter of how it is built: BKS401's.
        whole = not 0 <= self._ends.get(layer, -1.0) < known[layer].earlier
        short_term = far < self.long * window and window >= self.least and whole
        where = self._layer or layer
        rests = self._never(guess, course) or self._rests(course)
        if not short_term or solved or not rests:
            self.resolve(where, now.iteration)
            return
        self.ready, self._layer = True, where
        self.found(
            where,
            now.iteration,
            f"no gradient reaches back more than {far} of {window} steps{of_module(layer)}; what "
            "the state holds was not measured, and whether the task needs more is not known",
            {"horizon": float(far), "window": float(window), "loss level": course.level}
            | ({} if guess is None else {"loss of the best constant answer": guess}),
            signals=(named("reach", layer), named("loss", now.label)),
            severity="info",
        )

    def _never(self, guess: float | None, course: LossHistory) -> bool:
        """Whether nothing was ever learned but a constant answer."""
        late = guess is not None and course.count >= self.never
        return late and not course.learned and at_the_guess(course, guess or 0.0, self.better)

    def _horizons(self) -> list[int]:
        """Of all layers."""
        return [_far(one) for one in self._reaches.values()]

    def _rests(self, course: LossHistory) -> bool:
        """Whether the loss has fallen, without which nothing is short-term, and no longer does."""
        falls = course.usual.median - course.level > self.still * course.progress
        return course.learned and not falls


def _far(reach: ReachMeasures) -> int:
    return 0 if reach.horizon is None else reach.horizon.steps


def _steps(memory: MemoryMeasures) -> float:
    return 0.0 if memory.length is None else float(memory.length.steps)


def _held(lags: ProfileRow, row: ProfileRow, needed: int) -> float:
    """``M`` at the largest lag that was measured up to the needed one; 1 where there is none."""
    before = row[lags <= needed]
    return float(before[-1]) if len(before) else 1.0

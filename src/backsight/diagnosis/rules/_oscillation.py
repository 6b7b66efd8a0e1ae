"""BKS205: the loss swings with a period of its own."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, percent, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import Floats, middles, sorted_windows
from backsight.diagnosis.rules._loss_rule import Flags, LossRule
from backsight.diagnosis.stability import HistoryStretch

__all__ = ["Oscillation"]


@dataclass
class Oscillation(LossRule):
    """One frequency holds most of the loss's movement."""

    code: ClassVar[str] = "BKS205"
    title: ClassVar[str] = "oscillation"
    severity: ClassVar = "warning"
    reads: ClassVar = ("loss",)
    judges_objective: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "loss"
    leads_to: ClassVar = (
        "BKS202",
        "BKS302",
        "BKS303",
    )
    forbids: ClassVar = {"lr": 1}
    explanation: ClassVar[str] = (
        "The loss rises and falls with a fixed period: the steps jump across a valley instead of "
        "descending into it."
    )
    criterion: ClassVar[str] = (
        "In the last {window:.0f} losses, after their linear trend is removed, one frequency and "
        "its neighbours hold at least {share:g} of the variance, and the root mean square of the "
        "swing is at least {amplitude:g} of the level and {worth:g} of what has been learned so "
        "far. The rule checks this every quarter of a window; it must hold {times:.0f} times in a "
        "row. A course that repeats itself every 3 to {longest:.0f} iterations exactly is that of "
        "the loop (windows of a text, tasks, batches in a fixed order), and does not count: it "
        "correlates by {locked:g} with what it was at the same places of its period when the swing "
        "was first seen."
    )
    causes: ClassVar = (
        "a learning rate at the edge of stability",
        "momentum that carries the weights past the minimum",
        "batches that repeat in the same short order (then it is not a fault)",
    )
    remedies: ClassVar = (
        remedy("lower the learning rate by a factor of 2 to 3", lr=-1),
        remedy("lower the momentum (from 0.99 to 0.9, or from 0.9 to 0.5)", momentum=-1),
        "shuffle the batches, to see whether their order is the cause",
    )
    studied_remedies: ClassVar = ("lr-third", "lr-fit", "momentum-off")
    source: ClassVar[str] = "Backsight: share of the largest peak of the periodogram (Fisher's g)"

    window: float = 64
    """Losses looked at."""
    share: float = 0.75
    """White noise has 0.2; a hundred false peaks in a million windows are at 0.5."""
    amplitude: float = 0.05
    """Root mean square around the line, of the level."""
    worth: float = 0.02
    """Of how far the loss has come down: a loss near zero swings by more than its level."""
    times: float = 3
    """In a row."""
    longest: float = 6
    """Iterations of a period that is told from one of the loop. A longer one of a loop has
    harmonics, mostly; and whether an oscillation is one of 8 or of 8.2 takes hundreds to see."""
    locked: float = 0.85
    """Correlation."""
    _seen: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _count: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _first: dict[str, tuple[int, Floats]] = field(default_factory=dict, init=False, repr=False)
    """By member, losses before the first window of the row, and that window."""

    @property
    def requirement(self) -> Requirement:
        """A full window, at one of the iterations at which it is asked."""
        size, step = int(self.window), int(self.window) // 4
        return self.require(-(-size // step) * step, "loss")

    def _update(self, now: Sample) -> None:
        size = int(self.window)
        for member, value in now.numbers("loss").items():
            if not self.finite(member, value):
                continue
            seen = self._seen.setdefault(member, Recent(size))
            seen.add(value)
            self.usable(member)
            self._count[member] = self._count.get(member, 0) + 1
            if not seen.full or self._count[member] % (size // 4):
                continue
            self.ready = True
            losses, start = np.array(seen.oldest_first), now.courses[member].start
            before = self._count[member] - size
            self._look(member, now.iteration, before, losses, seen.median, start)

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule that reads the loss, once the windows of all members are full."""
        seen = (self._seen.get(member) for member in stretch.histories)
        if all(one is not None and one.full for one in seen):
            super().update_many(stretch)
        elif any(history.at_finite.size for history in stretch.histories.values()):
            Rule.update_many(self, stretch)
        else:
            super().update_many(stretch)

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        size = int(self.window)
        seen, count = self._seen[member], self._count[member]
        losses = np.concatenate([seen.oldest_first, history.past[history.known :]])
        new = len(losses) - size
        self._count[member] = count + new
        seen.load_state_dict(losses[-size:].tolist())
        step = size // 4
        asked = np.arange(-count % step or step, new + 1, step)  # losses let in by then
        if not asked.size:
            return
        windows = sliding_window_view(losses, size)[asked]
        levels = middles(sorted_windows(losses, size, asked + size))
        suspects = _may_swing(windows, np.abs(levels), self.share, self.amplitude).tolist()
        at, start = history.iterations[history.at_finite[asked - 1]].tolist(), history.at(-1).start
        before = (count + asked - size).tolist()
        for iteration, first, window, level, suspect in zip(
            at, before, windows, levels.tolist(), suspects, strict=True
        ):
            if suspect:
                self._look(member, iteration, first, window, level, start)
            else:
                self._row[member] = 0
                self.resolve(member, iteration)

    def _look(
        self, member: str, iteration: int, before: int, losses: Floats, middle: float, start: float
    ) -> None:
        """Whether a full window swings, which as many losses came before."""
        share, swing, period = _peak(losses)
        least = max(self.amplitude * abs(middle), self.worth * (start - middle))
        if share < self.share or swing < least:
            self._row[member] = 0
            self.resolve(member, iteration)
            return
        self._row[member] = self._row.get(member, 0) + 1
        if self._row[member] == 1:
            self._first[member] = before, losses
        if self._row[member] >= self.times and not self._is_the_loops(member, before, losses):
            self.found(
                member,
                iteration,
                f"the loss oscillates by ±{short(swing * 2**0.5)} around {short(middle)} "
                f"with a period of {period:.1f} iterations ({percent(share)} of its variance)",
                {"share of the variance": share, "swing": swing, "period": period},
                signals=(named("loss", member),),
            )

    def _is_the_loops(self, member: str, before: int, losses: Floats) -> bool:
        """Whether the course repeats itself exactly; from one step to the next, a swing does."""
        first, newest = self._first[member], (before, losses)
        if _repeats(first, newest, 2) > self.locked:
            return False
        periods = range(3, int(self.longest) + 1)
        return any(_repeats(first, newest, period) > self.locked for period in periods)


DOUBT = 1e-6
"""Many windows at once are summed in another order: what is that close is looked at singly."""


def _may_swing(windows: Floats, level: Floats, share: float, amplitude: float) -> Flags:
    """Of each window, whether :func:`_peak` may tell a swing; ``(n, size)`` to ``(n,)``."""
    scale = np.abs(windows).max(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    y = windows / scale
    t = np.arange(y.shape[1]) - (y.shape[1] - 1) / 2
    y = y - y.mean(axis=1, keepdims=True)
    y = y - np.outer(y @ t / (t @ t), t)
    swing = np.sqrt(np.mean(y * y, axis=1)) * scale[:, 0]
    power = np.abs(np.fft.rfft(y * np.hanning(y.shape[1]), axis=1)) ** 2
    total = power.sum(axis=1)
    beside = np.pad(power, ((0, 0), (0, 1)))
    most = (beside[:, 2:-2] + beside[:, 3:-1] + beside[:, 4:]).max(axis=1)
    small = most < (share - DOUBT) * total
    calm = swing < amplitude * level * (1 - DOUBT)
    suspect: Flags = ~((small & (total > 0)) | calm)
    return suspect


def _peak(losses: np.ndarray) -> tuple[float, float, float]:
    """The share of the strongest frequency, the root mean square, and the period."""
    scale = float(np.abs(losses).max()) or 1.0  # squares of large losses would overflow
    y = _level(losses / scale)
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    total = power.sum()
    if not total > 0:
        return 0.0, 0.0, float("inf")
    # The slowest frequencies are what is left of a curved descent.
    top = 3 + int(power[3:].argmax())
    share = power[top - 1 : top + 2].sum() / total
    return float(share), float(np.sqrt(np.mean(y * y)) * scale), len(y) / top


def _level(losses: Floats) -> Floats:
    """Without mean and linear trend."""
    t = np.arange(len(losses)) - (len(losses) - 1) / 2
    y = losses - losses.mean()
    level: Floats = y - t * (t @ y) / (t @ t)
    return level


def _repeats(first: tuple[int, Floats], newest: tuple[int, Floats], period: int) -> float:
    """How far a window correlates with the mean course of an earlier one, place by place.

    Args:
        first, newest: how many losses came before a window, and the window.
        period: in iterations.
    """
    before, losses = first
    scale = float(max(np.abs(losses).max(), np.abs(newest[1]).max())) or 1.0
    places = (before + np.arange(len(losses))) % period
    course = np.bincount(places, _level(losses / scale), period) / np.bincount(places)
    before, losses = newest
    expected = course[(before + np.arange(len(losses))) % period]
    y, expected = _level(losses / scale), expected - expected.mean()
    norm = float(np.sqrt((y @ y) * (expected @ expected)))
    return float(y @ expected) / norm if norm > 0 else 0.0

"""BKS205: the loss swings with a period of its own."""

from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backsight.diagnosis._finding import Verdict
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, percent, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import Floats, middles, sorted_windows
from backsight.diagnosis.rules._loss_rule import Flags, LossRule
from backsight.diagnosis.stability import HistoryStretch

__all__ = ["Oscillation"]


class _Turn(NamedTuple):
    """How far the phase of a swing has turned against a loop."""

    frequency: float
    """Of the loop."""
    phase: float
    """In the newest window."""
    turned: float = 0.0
    """Radians, over all windows in a row; a window turns by less than half a turn."""

    def to(self, phase: float) -> "_Turn":
        """One window on."""
        by = (phase - self.phase + np.pi) % (2 * np.pi) - np.pi
        return _Turn(self.frequency, phase, self.turned + by)


@dataclass
class Oscillation(LossRule):
    """One frequency holds most of the loss's movement."""

    code: ClassVar[str] = "BKS205"
    title: ClassVar[str] = "oscillation"
    severity: ClassVar = "warning"
    reads: ClassVar = ("loss",)
    optional_signals: ClassVar = ("seq_len",)
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
        "row. A swing with a period of {shortest:g} to {longest:.0f} iterations needs only "
        "{steady_share:g} of the variance, if its frequency stays the same {steady_times:.0f} "
        "times in a row. A course that repeats itself every 3 to {longest:.0f} iterations exactly "
        "is that of the loop (windows of a text, tasks, batches in a fixed order), and does not "
        "count: since the swing was first seen, its phase has turned against such a loop by less "
        "than half a turn. Where each iteration "
        "reads a single step (seq_len), it is an info: of a series that is read in its order, the "
        "loss swings as the series does."
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
    steady_share: float = 0.55
    """Of the variance, where the frequency stays: it shares the movement with others then."""
    steady_times: float = 6
    """In a row: more than two windows without an overlap."""
    shortest: float = 2.5
    """Iterations of a period that has to stay: one of two is that of two batches in turn."""
    longest: float = 7
    """Iterations of a loop that a swing is told from: the longer they may be, the nearer is one to
    any period."""
    _seen: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _same: dict[str, tuple[float, int]] = field(default_factory=dict, init=False, repr=False)
    """By member, the newest period of a steady swing, and how many times in a row it was that."""
    _count: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _turns: dict[str, _Turn] = field(default_factory=dict, init=False, repr=False)
    """By member, how a swing goes on against a loop."""
    _steps: float = field(default=0, init=False, repr=False)
    """That the newest iteration with a sample has read."""

    @property
    def requirement(self) -> Requirement:
        """A full window, at one of the iterations at which it is asked."""
        size, step = int(self.window), int(self.window) // 4
        return self.require(-(-size // step) * step, "loss")

    def verdict(self) -> Verdict:
        """As of any rule; a swing of single steps may be that of a series."""
        for finding in self.findings.values():
            finding.severity = "info" if self._steps == 1 else self.severity
        return super().verdict()

    def _update(self, now: Sample) -> None:
        size = int(self.window)
        self._steps = max(now.numbers("seq_len").values(), default=self._steps)
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
        newest = [column.values[-1] for column in stretch.scalars("seq_len") if len(column.values)]
        self._steps = max(newest, default=self._steps)
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
        least = min(self.share, self.steady_share)
        suspects = _may_swing(windows, np.abs(levels), least, self.amplitude).tolist()
        at, start = history.iterations[history.at_finite[asked - 1]].tolist(), history.at(-1).start
        before = (count + asked - size).tolist()
        for iteration, first, window, level, suspect in zip(
            at, before, windows, levels.tolist(), suspects, strict=True
        ):
            if suspect:
                self._look(member, iteration, first, window, level, start)
            else:
                self._calm(member, iteration)

    def _look(
        self, member: str, iteration: int, before: int, losses: Floats, middle: float, start: float
    ) -> None:
        """Whether a full window swings, which as many losses came before."""
        share, swing, period = _peak(losses)
        least = max(self.amplitude * abs(middle), self.worth * (start - middle))
        if share < min(self.share, self.steady_share) or swing < least:
            self._calm(member, iteration)
            return
        is_the_loops = self._is_the_loops(member, before, losses, period)
        strong = share >= self.share
        self._row[member] = self._row.get(member, 0) + 1 if strong else 0
        then, times = self._same.get(member, (period, 0))
        stays = abs(1 / period - 1 / then) * self.window < 1.5  # the next frequency, at most
        in_reach = self.shortest <= period <= self.longest
        times = times + 1 if stays and in_reach else int(in_reach)
        self._same[member] = period, times
        if self._row[member] < self.times and times < self.steady_times:
            self.resolve(member, iteration)
            return
        if not is_the_loops:
            self.found(
                member,
                iteration,
                f"the loss oscillates by ±{short(swing * 2**0.5)} around {short(middle)} "
                f"with a period of {period:.1f} iterations ({percent(share)} of its variance)",
                {"share of the variance": share, "swing": swing, "period": period},
                signals=(named("loss", member),),
            )

    def _calm(self, member: str, iteration: int) -> None:
        self._row.pop(member, None)
        self._same.pop(member, None)
        self._turns.pop(member, None)
        self.resolve(member, iteration)

    def _is_the_loops(self, member: str, before: int, losses: Floats, period: float) -> bool:
        """Whether the swing keeps step with a loop of a few iterations; one of its own drifts on,
        and that of tasks in turn turns a little as another of them becomes the hardest."""
        nearest = min(_of_a_loop(int(self.longest)), key=lambda one: abs(one - 1 / period))
        if abs(nearest - 1 / period) > 1 / self.window:
            self._turns.pop(member, None)
            return False
        known = self._turns.get(member)
        if known is None or abs(known.frequency - 1 / period) > 1 / self.window:
            known = _Turn(nearest, _phase(before, losses, nearest))
        else:
            known = known.to(_phase(before, losses, known.frequency))
        self._turns[member] = known
        return abs(known.turned) < np.pi


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


@cache
def _of_a_loop(longest: int) -> tuple[float, ...]:
    """The frequencies of loops of three iterations and more; of two, it is a swing all the same."""
    return tuple(sorted({k / p for p in range(3, longest + 1) for k in range(1, (p + 1) // 2)}))


def _phase(before: int, losses: Floats, frequency: float) -> float:
    """Of a frequency, in a window that so many losses came before; it stays as it is in a loop.

    Args:
        before: losses before the window.
        losses: the window.
        frequency: in cycles per iteration.
    """
    scale = float(np.abs(losses).max()) or 1.0
    y = _level(losses / scale) * np.hanning(len(losses))
    at = before + np.arange(len(losses))
    return float(np.angle(y @ np.exp(-2j * np.pi * frequency * at)))

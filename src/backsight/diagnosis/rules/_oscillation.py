"""BKS205: the loss swings with a period of its own."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, percent, short

__all__ = ["Oscillation"]


@dataclass
class Oscillation(Rule):
    """One frequency holds most of the loss's movement."""

    code: ClassVar[str] = "BKS205"
    title: ClassVar[str] = "oscillation"
    severity: ClassVar = "warning"
    reads: ClassVar = ("loss",)
    explanation: ClassVar[str] = (
        "The loss rises and falls with a fixed period: the steps jump across a valley instead of "
        "descending into it."
    )
    criterion: ClassVar[str] = (
        "In the last {window:.0f} losses, after their linear trend is removed, one frequency and "
        "its neighbours hold at least {share:g} of the variance, and the root mean square of the "
        "swing is at least {amplitude:g} of the level. The rule checks this every quarter of a "
        "window; it must hold {times:.0f} times in a row."
    )
    causes: ClassVar = (
        "a learning rate at the edge of stability",
        "momentum that carries the weights past the minimum",
        "batches that repeat in the same short order (then it is not a fault)",
    )
    remedies: ClassVar = (
        "lower the learning rate by a factor of 2 to 3",
        "lower the momentum (from 0.99 to 0.9, or from 0.9 to 0.5)",
        "shuffle the batches, to see whether their order is the cause",
    )
    studied_remedies: ClassVar = ("lr-third", "momentum-off")
    source: ClassVar[str] = "Backsight: share of the largest peak of the periodogram (Fisher's g)"

    window: float = 64
    """Losses looked at."""
    share: float = 0.75
    """White noise has 0.2; a hundred false peaks in a million windows are at 0.5."""
    amplitude: float = 0.05
    """Root mean square around the line, of the level."""
    times: float = 3
    """In a row."""
    _seen: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _count: dict[str, int] = field(default_factory=dict, init=False, repr=False)

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
            share, swing, period = _peak(np.array(seen.oldest_first))
            level = abs(seen.median)
            if share < self.share or swing < self.amplitude * level:
                self._row[member] = 0
                self.resolve(member, now.iteration)
                continue
            self._row[member] = self._row.get(member, 0) + 1
            if self._row[member] >= self.times:
                self.found(
                    member,
                    now.iteration,
                    f"the loss oscillates by ±{short(swing * 2**0.5)} around {short(seen.median)} "
                    f"with a period of {period:.1f} iterations ({percent(share)} of its variance)",
                    {"share of the variance": share, "swing": swing, "period": period},
                    signals=(named("loss", member),),
                )


def _peak(losses: np.ndarray) -> tuple[float, float, float]:
    """The share of the strongest frequency, the root mean square, and the period."""
    scale = float(np.abs(losses).max()) or 1.0  # squares of large losses would overflow
    y = losses / scale
    t = np.arange(len(y)) - (len(y) - 1) / 2
    y = y - y.mean()
    y = y - t * (t @ y) / (t @ t)
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    total = power.sum()
    if not total > 0:
        return 0.0, 0.0, float("inf")
    # The slowest frequencies are what is left of a curved descent.
    top = 3 + int(power[3:].argmax())
    share = power[top - 1 : top + 2].sum() / total
    return float(share), float(np.sqrt(np.mean(y * y)) * scale), len(y) / top

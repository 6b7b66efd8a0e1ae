"""BKS207: steps that grow against the weights, long before the loss goes."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, short
from backsight.diagnosis.rules._updates import MIDDLE, Paying, matrices, middle_of

__all__ = ["GrowingUpdates"]


NEAR = 1.5
"""Times the lowest median: as low as that, but for what the first large steps leave in it."""


STRAIGHT = 0.95
"""Of the line between two rates: one that grows by a fraction each time has 0.87 of it half-way,
when it has tripled."""


class RateRise:
    """The rises of a learning rate since some iteration.

    Args:
        iteration: that iteration.
        rate: the rate then; NaN where it is not known.
    """

    MOST = 256
    """Rates kept: where there are more, every second one is."""

    def __init__(self, iteration: int = 0, rate: float = math.nan) -> None:
        self._risen = [(iteration, rate)]

    @property
    def first(self) -> float:
        """The rate then."""
        return self._risen[0][1]

    def add(self, iteration: int, rate: float) -> None:
        """A later rate; one that is no higher than the newest tells nothing of a rise."""
        if rate > self._risen[-1][1]:
            self._risen.append((iteration, rate))
        if len(self._risen) > self.MOST:
            self._risen = [*self._risen[:-1:2], self._risen[-1]]

    def straight(self) -> float:
        """How many times as high the rate is, if it rose in a straight line or slower; else 1."""
        at, rates = np.array(self._risen).T
        if len(at) < 3 or not rates[0] > 0:
            return 1.0
        line = np.interp(at, at[[0, -1]], rates[[0, -1]])
        return float(rates[-1] / rates[0]) if (rates >= STRAIGHT * line).all() else 1.0


@dataclass
class GrowingUpdates(Rule):
    """In healthy training they become smaller; these have turned round."""

    code: ClassVar[str] = "BKS207"
    title: ClassVar[str] = "growing updates"
    severity: ClassVar = "warning"
    reads: ClassVar = ("update_ratio",)
    optional_signals: ClassVar = ("loss", "lr", "schedule_share")
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "steps"
    leads_to: ClassVar = (
        "BKS104",
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS205",
        "BKS206",
        "BKS404",
    )
    forbids: ClassVar = {"lr": 1}
    explanation: ClassVar[str] = (
        "In healthy training the updates become smaller relative to the weights, because weights "
        "grow and gradients shrink. Here they have become larger again, and are large: training "
        "approaches the point where one step undoes what the last ones learned. The loss often "
        "still falls."
    )
    criterion: ClassVar[str] = (
        "The median of ‖Δθ‖/‖θ‖ over weight matrices and over {samples:.0f} samples is above "
        "{ratio:g} and above {times:g} times its lowest value in the run; all of these samples but "
        "one are above all of those that the lowest value was of, because single steps differ "
        "tenfold where gradients are noise; and over the newest samples the loss has not fallen by "
        "{pays:g} of its initial level. (While the loss falls that fast, as in a warm-up or where "
        "learning takes off, large steps are useful. Where it falls that fast within another "
        "{samples:.0f} samples, it has been told as a warning and is an info since then.) Where "
        "the learning rate has risen since that lowest value in a straight line or slower, as it "
        "does in a warm-up, or within the length of its schedule (OneCycleLR), or back to what it "
        "has been before, as in a warm restart, "
        "the lowest value counts as that many times as high: such a rise ends."
    )
    causes: ClassVar = (
        "a learning rate that rises: a warm-up that ends too high, or a schedule with a wrong sign",
        "gradients that grow, as when a recurrent matrix comes close to exploding",
        "momentum that builds up",
        "weight decay that shrinks the weights too much",
    )
    remedies: ClassVar = (
        "plot the learning rate, and end its rise where the update ratio passes 0.01",
        remedy("lower the learning rate by a factor of 2 to 3 now", lr=-1),
        "clip the gradient norm at about the median of the healthy part of the run",
    )
    studied_remedies: ClassVar = ("lr-third", "lr-fit", "clip")
    source: ClassVar[str] = (
        "Backsight: in the labelled runs most collapses came 20 to 500 iterations later "
        "(benchmarks/diagnosis/detection.py); a common target is 1e-3"
    )

    times: float = 3.0
    """Noise moves a median of five by less than twice; a rate that restarts, by more."""
    ratio: float = 0.02
    """Growth far below that is a warm-up: healthy steps are about a thousandth."""
    pays: float = 0.08
    """Of where the loss began: before a collapse it has hardly come down any more."""
    samples: float = 5
    """Whose median counts."""
    _recent: Recent | None = field(default=None, init=False, repr=False)
    _lowest: float = field(default=0.0, init=False, repr=False)
    """Of the medians; 0 while there is none."""
    _calm: float = field(default=math.inf, init=False, repr=False)
    """The highest of the samples whose median was near that, where it was lowest."""
    _paying: Paying | None = field(default=None, init=False, repr=False)
    _rates: Recent | None = field(default=None, init=False, repr=False)
    """Of learning, at these samples: what is compared are medians of both."""
    _rise: RateRise = field(default_factory=RateRise, init=False, repr=False)
    """Of the learning rate, since the median was lowest."""
    _highest: float = field(default=0.0, init=False, repr=False)
    """Of the learning rates so far."""
    _lasted: int = field(default=0, init=False, repr=False)
    """Samples in which the steps have been too large by now; 0 while they are not."""
    _took_off: bool = field(default=True, init=False, repr=False)
    """Whether the loss fell soon after, each time that they were."""
    _before: float = field(default=0.0, init=False, repr=False)
    """The same, up to where the median was lowest."""

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        return self.require(int(self.samples), "sample", "of update_ratio of a weight matrix")

    def _update(self, now: Sample) -> None:
        ratios = matrices(now)
        if not ratios or not self.finite(now.label, *ratios.values()):
            return
        self._recent = self._recent or Recent(int(self.samples))
        self._recent.add(middle_of(ratios))
        self._rates = self._rates or Recent(int(self.samples))
        if math.isfinite(newest := now.numbers("lr").get(now.label, math.nan)):
            self._rates.add(newest)
        self.usable("")
        self._paying = self._paying or Paying(int(self.samples))
        pays = self._paying.share(now) > self.pays
        if not self._recent.full:
            return
        self.ready = True
        level = self._recent.median
        rate = self._rates.median
        self._rise.add(now.iteration, rate)
        self._highest = max(self._highest, rate)
        if level > 0 and (level < self._lowest or not self._lowest):
            self._lowest = level  # weights that rest say nothing of steps
            self._rise, self._before = RateRise(now.iteration, rate), self._highest
        if level <= NEAR * self._lowest:
            self._calm = min(self._calm, self._recent.quantile(1.0))
        grown = sum(one > self._calm for one in self._recent.oldest_first) >= self.samples - 1
        large = level > max(self.ratio, self.times * self._lowest) and not pays and grown
        if not large or level <= self.times * self._lowest * self._by_rate(rate, now):
            self._over(now, pays=pays)
            return
        self._lasted += 1
        finding = self.found(
            now.label,
            now.iteration,
            f"a step moves {MIDDLE} by more than {short(level)} of their norm, "
            f"{short(level / self._lowest)} times the lowest value in the run",
            {"update ratio": level, "lowest": self._lowest, "times": level / self._lowest},
            signals=tuple(f"update_ratio/{name}" for name in ratios),
        )
        finding.severity = self.severity

    def _over(self, now: Sample, *, pays: bool) -> None:
        """They are not too large any more, or learning has taken off by them."""
        if self._lasted:
            self._took_off = self._took_off and pays and self._lasted <= self.samples
            if self._took_off:
                self.findings[now.label].severity = "info"
        self._lasted = 0
        self.resolve(now.label, now.iteration)

    def _by_rate(self, rate: float, now: Sample) -> float:
        """How many times as large the learning rate alone makes a step, if its rise ends."""
        lowest = self._rise.first
        has_end = 0 < now.numbers("schedule_share").get(now.label, 0.0) < 1
        if (has_end or rate <= self._before) and lowest > 0:
            return max(rate / lowest, 1.0)
        return self._rise.straight()

"""BS202: a loss spike, and whether the run recovered from it."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Finding
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, short

__all__ = ["LossSpike"]


@dataclass
class _Episode:
    finding: Finding
    began: int
    usual: float
    height: float
    back: float
    """A level at or below which it is over."""
    recent: Recent = field(default_factory=lambda: Recent(5))


@dataclass
class LossSpike(Rule):
    """One loss far above the last ones."""

    code: ClassVar[str] = "BS202"
    title: ClassVar[str] = "loss spike"
    severity: ClassVar = "warning"
    reads: ClassVar = ("loss",)
    lasting: ClassVar[bool] = False
    meaning: ClassVar[str] = (
        "The loss of an iteration was far above those before it: a step, or a batch, that undid "
        "some of what was learned."
    )
    decided: ClassVar[str] = (
        "Loss above the median of the 20 before it by {sigmas:g} robust standard deviations "
        "(1.4826 times the median absolute deviation) and {tail:g} times as far as a tenth of the "
        "50 before it are, or three in a row above by {row:g} deviations; and by "
        "{share:g} of what had been learned so far (at least {least:g} of where the loss began). "
        "Recovered when the median of five is back, within {patience:.0f} iterations."
    )
    causes: ClassVar = (
        "one large gradient that was not clipped, or was clipped in too many steps",
        "a learning rate at the edge, momentum that carries on in the old direction",
        "a bad batch: outliers, wrong labels, a wrong scale",
        "Adam's second moment that under-estimates a gradient which has grown",
    )
    remedies: ClassVar = (
        "look at the batch of that iteration",
        "clip the gradient's norm at about its median",
        "lower the learning rate by 2 to 3, or Adam's beta2 to 0.99 or 0.95",
        "less momentum until training is stable",
    )
    source: ClassVar[str] = (
        "robust z-score; Wortsman et al. 2023 for Adam's part (spikes come 1-8 iterations after "
        "its second moment falls behind)"
    )

    sigmas: float = 10.0
    """Above what the noise of a small batch does once in 10,000 iterations."""
    tail: float = 10.0
    """Losses of small batches are skewed: their own upper tail is what a spike must leave."""
    row: float = 5.0
    """The same of three in a row: noise does not do that."""
    share: float = 0.3
    """A rise that costs less of what was learned is no event."""
    least: float = 0.1
    """The same, where little was learned."""
    patience: float = 100
    """Iterations to come back in."""
    _open: dict[str, _Episode] = field(default_factory=dict, init=False, repr=False)

    def _see(self, now: Sample) -> None:
        for member in now.numbers("loss"):
            course = now.courses[member]
            value, usual = course.value, course.usual
            if not self.finite(member, value):
                continue
            self.ready = self.ready or course.settled
            if len(usual) < 3:
                continue
            if member in self._open:
                self._follow(member, now.iteration, value)
                continue
            middle, spread = usual.newest(20)
            rise = value - middle
            worth = max(course.start - middle, self.least * abs(course.start))
            if worth <= 0 or rise <= self.share * worth:
                continue
            # A handful of values says little of what is usual.
            least = worth / (1000 if len(usual) >= 20 else 1)
            # A loss that comes down fast varies by that alone: hence the last 20. They are few.
            spread = max(spread, usual.spread / 2, 0.01 * abs(middle), least)
            row = min(value, *usual.last(2)) - middle
            lasts = row > self.share * worth and row > self.row * spread
            tail = usual.quantile(0.9) - usual.median
            if rise <= max(self.sigmas * spread, self.tail * tail) and not lasts:
                continue
            finding = self.found(
                member,
                now.iteration,
                f"the loss rose from {short(middle)} to {short(value)} at iteration "
                f"{now.iteration:,}, {rise / spread:.0f} robust standard deviations",
                {"loss": value, "usual": middle, "robust sigmas": rise / spread},
                signals=(named("loss", member),),
            )
            finding.then = {"recovered": "not yet"}
            back = middle + max(3 * spread, 0.1 * rise)
            self._open[member] = _Episode(finding, now.iteration, middle, value, back)

    def _follow(self, member: str, iteration: int, value: float) -> None:
        episode = self._open[member]
        episode.recent.add(value)
        passed = iteration - episode.began
        if episode.recent.full and episode.recent.median <= episode.back:
            episode.finding.then = {"recovered": f"after {passed} iterations"}
            episode.finding.over = iteration
            del self._open[member]
        elif passed >= self.patience:
            episode.finding.then = {"recovered": f"not within {passed} iterations"}
            episode.finding.over = None
            if episode.recent.median <= (episode.usual + episode.height) / 2:
                episode.finding.over = iteration
            del self._open[member]

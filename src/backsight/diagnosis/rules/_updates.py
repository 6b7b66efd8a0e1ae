"""BKS404: steps that are far too large for the weights."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, short
from backsight.diagnosis.stability import LossHistory

__all__ = ["MIDDLE", "LargeUpdates", "Paying", "matrices", "middle_of"]

MIDDLE = "half of the weight matrices"


def matrices(now: Sample) -> dict[str, float]:
    """How far a step moves each weight matrix, by name; none of a bias.

    Biases begin at or near zero, where every step is a large one. A matrix that rests while others
    move is frozen, by design or as BKS402 says: it tells nothing of the size of the steps.
    """
    ratios = now.numbers("update_ratio")
    found = {name: r for name, r in ratios.items() if "bias" not in name.rpartition(".")[2]}
    return {name: ratio for name, ratio in found.items() if ratio} or found


class Paying:
    """How far the loss has come down over the last samples.

    Args:
        samples: so many.
    """

    def __init__(self, samples: int) -> None:
        self._levels: deque[float] = deque(maxlen=samples + 1)
        """Of the loss: at this sample, and as many samples before."""

    def share(self, now: Sample) -> float:
        """Of where it began; NaN where nothing is known of it."""
        course = now.courses.get(now.label)
        self._levels.append(course.level if course else math.nan)
        fallen = self._levels[0] - self._levels[-1]
        return fallen / abs(course.began) if course and course.began else math.nan


def middle_of(ratios: Mapping[str, float]) -> float:
    """The median, the higher of two."""
    return sorted(ratios.values())[len(ratios) // 2]


@dataclass
class LargeUpdates(Rule):
    """A step replaces a good part of the weights."""

    code: ClassVar[str] = "BKS404"
    title: ClassVar[str] = "updates too large"
    severity: ClassVar = "warning"
    reads: ClassVar = ("update_ratio",)
    optional_signals: ClassVar = ("guess_loss", "loss")
    judges_rate: ClassVar[bool] = True
    leads_to: ClassVar = (
        "BKS104",
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS205",
        "BKS207",
        "BKS302",
    )
    forbids: ClassVar = {"lr": 1}
    explanation: ClassVar[str] = (
        "Every step moves the weights by a large fraction of their norm, and overwrites what the "
        "model has learned."
    )
    criterion: ClassVar[str] = (
        "The median of ‖Δθ‖/‖θ‖ over weight matrices and over {samples:.0f} samples is above "
        "{ratio:g}. While the loss comes down by more than {pays:g} of where it began over these "
        "samples, as small models do whose weights have to grow, it is an info. Or one of the "
        "first {samples:.0f} samples was above {thrown:g}, and after {patience:.0f} losses their "
        "level is above {left:g} of that of the best constant answer, or, where that is not known, "
        "above {half:g} of where they began: what "
        "the weights were initialised with is lost, and later steps move large weights little; "
        "likewise, one above {half:g}, and a level above {back:g} of that; or one above {ratio:g}, "
        "and a level above {worse:g} of that and of its first values, or above {back:g} of it "
        "where the first two steps had lifted the loss to {lifted:g} times it. Or the loss is not "
        "finite by the next sample after these. The last is said of a single matrix, too, where "
        "the loss had come to {climbed:g} times its first values, and where it is as high after "
        "{patience:.0f} losses. Or a later sample was above {ratio:g}, the loss had come down to "
        "{half:g} of that of the best constant answer, and has been at {back:g} of it or more for "
        "{gone:.0f} losses since; {fast:g} is enough, as a median, where it is {worse:g} times it."
    )
    causes: ClassVar = (
        "a learning rate that is far too high",
        "weights that were initialised far too small",
        "weight decay that shrinks the weights too much",
        "gradients that are large because the loss is a sum, and a limit on them that is missing, "
        "or that the script does not apply",
    )
    remedies: ClassVar = (
        remedy("lower the learning rate by a factor of 10", lr=-1),
        "warm the learning rate up from zero",
        "clip the gradient norm; if the script means to, check that it is called with its limit",
    )
    studied_remedies: ClassVar = (
        "lr-tenth",
        "lr-fit",
    )
    source: ClassVar[str] = "DeepDiagnosis: 0.1; SageMaker Debugger: 10; a common target is 1e-3"

    ratio: float = 0.1
    """A tenth of the weights a step."""
    samples: float = 5
    """Whose median counts."""
    pays: float = 0.08
    """As of BKS207."""
    thrown: float = 1.0
    """All of the weights in one step."""
    patience: float = 200
    """Losses in which small models learn from any start."""
    left: float = 0.25
    """Of the best constant answer's loss: below, the model has learned in spite of that."""
    climbed: float = 10
    """Times the median of the first three losses: on its way to what is not finite."""
    half: float = 0.5
    back: float = 0.9
    """Of the best constant answer's loss: all that was learned is lost."""
    fast: float = 0.02
    worse: float = 1.2
    """A model that is as fast is worse than one that knows nothing: it has not just forgotten."""
    lifted: float = 1.5
    """Of the best constant answer's loss, and of the loss before any step."""
    gone: float = 100
    """Losses: a spike is over by then."""
    _before: float = field(default=math.nan, init=False, repr=False)
    """The loss before any step; NaN where it has not been seen."""
    _blow: tuple[int, float, int] | None = field(default=None, init=False, repr=False)
    """Iteration and size of a later step that threw the model out, and the losses until then."""
    _since: int | None = field(default=None, init=False, repr=False)
    """When that median began to be too large."""
    _large: list[tuple[int, float]] = field(default_factory=list, init=False, repr=False)
    """The samples of the median, by iteration."""
    _widest: float = field(default=0.0, init=False, repr=False)
    """Of any matrix in one of the first samples."""
    _widest_at: int = field(default=0, init=False, repr=False)
    _left_range: bool = field(default=False, init=False, repr=False)
    """Whether the loss had risen that far in one of them."""
    _told: bool = field(default=False, init=False, repr=False)
    """Whether it was said that it is not finite after them."""
    _first: float = field(default=0.0, init=False, repr=False)
    """The largest of the first samples."""
    _first_at: int = field(default=0, init=False, repr=False)
    """Its iteration."""
    _guess: float = field(default=math.nan, init=False, repr=False)
    """The newest loss of the best constant answer."""
    _seen: int = field(default=0, init=False, repr=False)
    """Samples so far."""
    _recent: Recent | None = field(default=None, init=False, repr=False)
    _paying: Paying | None = field(default=None, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        return self.require(int(self.samples), "sample", "of update_ratio of a weight matrix")

    def _update(self, now: Sample) -> None:
        ratios = matrices(now)
        if not ratios or not self.finite("", *ratios.values()):
            self._burst(now, ratios)
            return
        self._recent = self._recent or Recent(int(self.samples))
        self._guess = now.numbers("guess_loss").get(now.label, self._guess)
        newest = middle_of(ratios)
        self._recent.add(newest)
        self._large = [*self._large, (now.iteration, newest)][-int(self.samples) :]
        self._seen += 1
        if self._seen <= self.samples and newest > self._first:
            self._first, self._first_at = newest, now.iteration
        self._climb(now, ratios)
        if self._burst(now, ratios):
            return
        self._paying = self._paying or Paying(int(self.samples))
        pays = self._paying.share(now) > self.pays
        self.usable("")
        if not self._recent.full:
            return
        self.ready = True
        course = now.courses.get(now.label)
        level = self._recent.median
        if level <= self.ratio:
            self._since = None
        if course is not None and self._is_blown(course):
            self._tell_first(now, ratios, course, blown=True)
        elif level > self.ratio:
            if self._since is None:
                self._since = next(at for at, ratio in self._large if ratio > self.ratio)
            self._tell(
                now, ratios, f"a step moves {MIDDLE} by more than {short(level)} of their norm",
                level, pays=pays, since=self._since,
            )  # fmt: skip
        elif course is not None and self._threw(course, now.iteration, newest):
            self._tell_blow(now, ratios, course)
        elif course is not None and self._is_lost(course):
            self._tell_first(now, ratios, course, blown=False)
        else:
            self.resolve(now.label, now.iteration)

    def _climb(self, now: Sample, ratios: Mapping[str, float]) -> None:
        """How far the first steps move any matrix, and whether the loss leaves its range."""
        course = now.courses.get(now.label)
        if course is None or self._seen > self.samples:
            return
        if course.count == 1:
            self._before = course.value
        if (widest := max(ratios.values())) > self._widest:
            self._widest, self._widest_at = widest, now.iteration
        limit = self.climbed * abs(course.three)
        self._left_range |= max(course.level, course.value) >= limit > 0

    def _burst(self, now: Sample, ratios: Mapping[str, float]) -> bool:
        """What is not finite any more, where the first steps were that large."""
        course = now.courses.get(now.label)
        if not ratios or course is None or not course.broken:
            return False
        if self._seen > self.samples and not self._told:
            return False
        what, ratio, at = self._first_step(one=self._first <= self.thrown)
        if ratio <= self.thrown or (self._first <= self.thrown and not self._left_range):
            return False
        message = f"one of the first steps moved {what} norm, and after it the loss is not finite"
        self._tell(now, ratios, message, ratio, pays=False, since=at)
        self._told = True
        return True

    def _threw(self, course: LossHistory, iteration: int, newest: float) -> bool:
        """Whether all that had been learned was lost with a large step, and stays so."""
        line = self._guess if math.isfinite(self._guess) else course.began
        since = math.inf if self._blow is None else course.count - self._blow[2]
        if LossHistory.LEVEL < since < math.inf and course.level < self.back * line:
            self._blow, since = None, math.inf  # it has healed
        assert self._recent is not None
        far = self._recent.median > self.fast and course.level >= self.worse * line > 0
        large = newest > self.ratio or far
        if self._blow is None and large and course.best <= self.half * line:
            self._blow, since = (iteration, newest, course.count), 0
        return self.gone <= since < math.inf

    def _tell_blow(self, now: Sample, ratios: Mapping[str, float], course: LossHistory) -> None:
        assert self._blow is not None
        at, ratio, count = self._blow
        message = (
            f"at iteration {at:,}, a step moved {MIDDLE} by more than {short(ratio)} of their "
            f"norm; the loss had come down to {short(course.best)}, and since then, for "
            f"{course.count - count:,} losses, all of it is lost: it is {short(course.level)}"
        )
        self._tell(now, ratios, message, ratio, pays=False, since=at)

    def _is_lost(self, course: LossHistory) -> bool:
        """Whether the first steps overwrote the weights, and little has been learned since."""
        known = math.isfinite(self._guess)
        line = self._guess if known else course.began
        left = self.back
        if self._first > self.thrown:
            left = self.left if known else self.half  # an unknown loss may end far above 0
        if course.count < self.patience or self._first <= self.ratio:
            return False
        if self._first > self.half and course.level > left * line > 0:
            return True
        return known and (
            course.level > self.worse * max(line, abs(course.three)) > 0
            or (
                course.three > self.lifted * max(line, self._before) > 0
                and course.level > self.back * line
            )
        )

    def _is_blown(self, course: LossHistory) -> bool:
        """Whether the loss rose as one of them replaced a matrix, and has stayed where it was."""
        return (
            self._widest > self.thrown
            and self._left_range
            and course.count >= self.patience
            and course.level >= self.climbed * abs(course.three)
        )

    def _tell_first(
        self, now: Sample, ratios: Mapping[str, float], course: LossHistory, *, blown: bool
    ) -> None:
        line = f"it began at {short(course.began)}"
        what, ratio, at = self._first_step(one=blown)
        if blown:
            line = f"its first values were {short(course.three)}"
        elif math.isfinite(self._guess):
            line = f"the best constant answer has {short(self._guess)}"
        message = (
            f"one of the first steps moved {what} norm, and after {course.count:,} losses the loss "
            f"is at {short(course.level)}; {line}"
        )
        self._tell(now, ratios, message, ratio, pays=False, since=at)

    def _first_step(self, *, one: bool) -> tuple[str, float, int]:
        """What it moved and how far, of one matrix or of half of them, and when."""
        if one:
            what = f"a weight matrix by {short(self._widest)} times its"
            return what, self._widest, self._widest_at
        what = f"{MIDDLE} by more than {short(self._first)} times their"
        return what, self._first, self._first_at

    def _tell(
        self,
        now: Sample,
        ratios: Mapping[str, float],
        message: str,
        ratio: float,
        *,
        pays: bool,
        since: int | None = None,
    ) -> None:
        known = self.findings.get(now.label)
        if since is not None and known is not None and known.resolved_at is None:
            since = min(since, int(known.evidence.get("since", since)))  # it began only once
        found = self.found(
            now.label,
            now.iteration,
            message,
            {"update ratio": ratio} | ({} if since is None else {"since": since}),
            signals=tuple(f"update_ratio/{name}" for name in ratios),
            severity="info" if pays else None,
        )
        if found.severity == "info" and not pays:
            found.severity = self.severity
            self.raised.append((now.iteration, found))

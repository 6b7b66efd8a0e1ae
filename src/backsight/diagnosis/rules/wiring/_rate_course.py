"""BKS423: the learning rate is 0, falls to nothing too early, grows until the loss does, begins
again and again, never arrives, or falls because things go well."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, percent, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.rules.wiring._rate_climb import Climb
from backsight.diagnosis.rules.wiring._rate_groups import first_group, together, whose
from backsight.diagnosis.rules.wiring._rate_length import Fit
from backsight.diagnosis.rules.wiring._rate_overshoot import FAR, Overshoot, is_worse
from backsight.diagnosis.rules.wiring._rate_phase import RatePhase
from backsight.diagnosis.rules.wiring._rate_teeth import Teeth, Tooth

__all__ = ["RateCourse"]


LEVELS = 512
"""Samples whose loss is remembered."""


@dataclass
class _Plateau:
    """A schedule that waits for a number to rise."""

    best: float
    rate: float
    """The lowest learning rate since."""
    falls: int = 0
    """Of the rate, since this number was first seen here: after a first fall."""


@dataclass
class RateCourse(Rule):
    """A warm-up that is stuck or never ends, a decay by batch where one by epoch was meant, a
    schedule that grows.
    """

    code: ClassVar[str] = "BKS423"
    title: ClassVar[str] = "learning rate schedule"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    spares: ClassVar = ("BKS402",)
    reads: ClassVar = ("group_lr", "lr")
    optional_signals: ClassVar = (
        *("group_lr_share", "guess_loss", "loss", "plateau_best", "plateau_first"),
        *("schedule_calls", "schedule_periods", "schedule_share", "update_ratio"),
    )
    explanation: ClassVar[str] = (
        "What a schedule makes of the learning rate decides whether anything is learned. At a rate "
        "of 0, or at a thousandth of the rate that the training began with, the weights stay where "
        "they are; a rate that grows without end throws them out."
    )
    criterion: ClassVar[str] = (
        "The learning rate of an optimizer has been 0 from the beginning on, for at least "
        "{stuck:.0f} iterations; of one group beside others, {group:.0f}, or {aside:g} of theirs. "
        "Or it has been below {nothing:g} of its highest for at least {idle:.0f} iterations, and "
        "for as many as it was above: a schedule that reaches 0 at the end does not count, "
        "because there the training ends, nor does a drop to a new phase, unless it drops once "
        "more without having risen. Where it was "
        "constant for {held:.0f} iterations or more before, as when a plateau lowers it, a note "
        "tells of it. Or it has risen {rising:.0f} times, from sample to sample or from epoch to "
        "epoch, to {growth:g} times what it began with, or {few:.0f} times to 30 times that, and "
        "the loss is 3 times its lowest level, or is not finite; where it has grown to 30 times "
        "what the optimizer was given, that stands until the loss is back, and it is enough that "
        "the model was better than the best constant answer and is not any longer. Or it rises in "
        "every iteration, falls back at once to where it began, and rises again, {teeth:.0f} times "
        "in a row for as many iterations: a rise that comes to an end, and a rate that falls by "
        "steps, do not count. Or it has risen {climbs:.0f} times by the same amount, each after "
        "{epoch:.0f} iterations or more, and at that pace needs {far:.0f} more of these to be "
        "what its schedule was given. Or it has fallen {falls:.0f} times by a ReduceLROnPlateau "
        "in mode max whose best number is still its first one, and that is what the loss was "
        "then, within a fraction of {alike:g}, and the loss has come down since. Or a cosine is "
        "called in each iteration and has gone up and down 4 times; or all calls of a schedule "
        "are over for 50 iterations or more (of one with milestones, three times as many as they "
        "took), at a hundredth of the rate; or a LambdaLR has never "
        "multiplied the rate by more than what that rate is itself. Or the loss has not fallen "
        "after 150 losses, and a schedule was not called at all, has had less than a tenth of its "
        "calls, one in five iterations or more, or the rate still rises from sample to sample "
        "while a step moves weights by less than 1e-4. A note tells of a rate that has only risen "
        "for 300 iterations, from sample to sample or by equal steps of {epoch:.0f} iterations or "
        "more, and is below half of what its schedule was given, if a twentieth of the rise is "
        "done; another one of a cosine that was called for a quarter more than its "
        "T_max and swings back up, until it has swung down and up once."
    )
    causes: ClassVar = (
        "a warm-up from 0 whose scheduler.step() is never called, or only once an epoch",
        "a warm-up that counts the steps of an epoch, or a scheduler made anew in each epoch",
        "scheduler.step() after each batch, of a schedule that counts epochs",
        "a schedule that multiplies where it should divide, or that is stepped beyond its end",
        "a group of parameters that was given lr=0",
        'ReduceLROnPlateau(mode="max") that is given a loss',
        "a LambdaLR whose function returns a rate instead of a factor",
    )
    remedies: ClassVar = (
        "plot the learning rate of the run, and count what scheduler.step() is called for",
        "call scheduler.step() once an epoch for schedules in epochs, such as StepLR(step_size=30)",
        "let a warm-up begin at a small number above 0",
        "to keep parameters as they are, use requires_grad_(False) instead of a rate of 0",
    )
    source: ClassVar[str] = "PyTorch's documentation of lr_scheduler; public reports"

    stuck: float = 60
    """Iterations."""
    group: float = 120
    """Iterations; a group that is to be thawed later begins at 0 as well."""
    aside: float = 1e-6
    """Of the highest rate of another group: float32 has seven digits."""
    idle: float = 50
    """Iterations."""
    nothing: float = 1e-3
    """Of the highest rate: half of all steps move nothing that float32 would show in the loss."""
    drop: float = 50
    """A rate that falls so many times at once, and not to 0, is that of another phase."""
    held: float = 100
    """Iterations."""
    rising: float = 8
    few: float = 4
    """Of a rate that has grown very far: one that is held for an epoch rises seldom."""
    growth: float = 10
    climbs: float = 3
    epoch: float = 20
    """Iterations: a rate that stands for fewer rises step by step."""
    far: float = 60
    """Rises: a warm-up in epochs is over by then."""
    falls: float = 2
    alike: float = 0.2
    """Between the loss of a training and of its validation, early on."""
    teeth: float = 3
    """Rises that end alike: two epochs may be a pause, or another phase."""
    _courses: dict[str, RatePhase] = field(default_factory=dict, init=False, repr=False)
    _teeth: dict[str, Teeth] = field(default_factory=dict, init=False, repr=False)
    """By member of ``lr``, whose first group is that of ``group_lr``."""
    _climbs: dict[str, Climb] = field(default_factory=dict, init=False, repr=False)
    _levels: list[tuple[int, float]] = field(default_factory=list, init=False, repr=False)
    """Of the loss, by iteration, in the first samples."""
    _guess: float = field(default=math.nan, init=False, repr=False)
    """The newest loss of the best constant answer."""
    _plateaus: dict[str, _Plateau] = field(default_factory=dict, init=False, repr=False)
    _overshoots: dict[str, Overshoot] = field(default_factory=dict, init=False, repr=False)
    _fit: Fit = field(default_factory=Fit, init=False, repr=False)
    _again: set[str] = field(default_factory=set, init=False, repr=False)
    """Groups whose rate begins again and again."""
    _noted: set[str] = field(default_factory=set, init=False, repr=False)
    """Members of ``lr`` that a note tells of."""

    @property
    def requirement(self) -> Requirement:
        """One that is above 0."""
        return self.require(
            self.stuck, "iteration", "with a learning rate",
            sooner=(1, "it is above 0") if self.stuck > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for member, value in now.numbers("lr").items():
            self._rise(member, np.array([now.iteration]), np.array([value]))
        self._look(now)

    def _look(self, now: Sample) -> None:
        """What becomes of the rate of each group."""
        history = now.courses.get(now.label)
        if history is not None and len(self._levels) < LEVELS:
            self._levels.append((now.iteration, history.level))
        self._guess = now.numbers("guess_loss").get(now.label, self._guess)
        rates = now.numbers("group_lr")
        for where, rate in rates.items():
            if not self.finite(where, rate):
                continue
            course = self._at(where, now.iteration, rate)
            self._follow(course, now.iteration, rate)
            self._judge(where, course, now)
        for member, share in now.numbers("group_lr_share").items():
            self._climb(member, share, now.iteration)
        for member, best in now.numbers("plateau_best").items():
            self._plateau(member, best, now)
        misfits = list(self._fit.look(now)) if rates else []
        for one in misfits:
            where = first_group(one.member)
            if one.note and where in self._again:
                continue
            if not one.note:
                self._again.add(where)
            # A note stands for itself, so that what is graver keeps its own severity.
            self.found(
                one.member if one.note else where,
                now.iteration,
                f"the learning rate{whose(where)} {one.message}",
                one.evidence,
                signals=(named(one.signal, one.member),),
                severity="info" if one.note else "warning",
            )
        still = {one.member for one in misfits if one.note}
        for member in self._noted - still if rates else ():
            self.resolve(member, now.iteration)
        self._noted |= still

    def _climb(self, member: str, share: float, iteration: int) -> None:
        climb = self._climbs.setdefault(member, Climb(least=int(self.epoch)))
        climb.add(iteration, share)
        where = first_group(member)
        self._overshoots.setdefault(where, Overshoot()).reach(share)
        if climb.rises >= self.climbs and climb.left >= self.far:
            self._again.add(where)
            self.found(
                where,
                iteration,
                f"the learning rate{whose(where)} is {percent(climb.share)} of what its schedule "
                f"was given after {climb.rises} rises: at this pace it needs {climb.left:,.0f} "
                "more, as if its warm-up counted steps and was moved once an epoch",
                {"share": climb.share, "rises left": climb.left},
                signals=(named("group_lr_share", member),),
            )

    def _plateau(self, member: str, best: float, now: Sample) -> None:
        where = first_group(member)
        course, history = self._courses.get(where), now.courses.get(now.label)
        if course is None or history is None or not math.isfinite(best):
            return
        first = now.numbers("plateau_first").get(member, math.nan)
        then = min(self._levels, key=lambda one: abs(one[0] - first), default=(0, math.nan))[1]
        known = self._plateaus.setdefault(member, _Plateau(best, course.last))
        if best != known.best:
            self._plateaus[member] = _Plateau(best, course.last)
            return
        if course.last < known.rate:
            known.rate, known.falls = course.last, known.falls + 1
        alike = abs(best - then) <= self.alike * abs(then)
        fallen = history.learned and history.level < min(best, then)
        if known.falls < self.falls - 1 or not (alike and fallen):
            return
        self._again.add(where)
        self.found(
            where,
            now.iteration,
            f"the learning rate{whose(where)} falls because things go well: ReduceLROnPlateau "
            f'waits for a number to rise (mode="max"), and the highest one is still {short(best)}, '
            f"while the loss has come down from {short(then)} to {short(history.level)}",
            {"best": best, "loss level": history.level},
            signals=(named("plateau_best", member),),
        )

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; rates of every iteration all at once."""
        told: list[tuple[int, str, Tooth]] = []
        for column in stretch.scalars("lr"):
            at = stretch.iterations[column.at]
            for tooth in self._teeth.setdefault(column.member, Teeth()).add(at, column.numbers):
                told.append((tooth.iteration, column.member, tooth))
        told.sort(key=lambda one: one[0])
        if not self.ready:
            self._tally_many(stretch)
        for place in stretch.places(("group_lr",)).tolist():
            iteration = int(stretch.iterations[place])
            while told and told[0][0] <= iteration:
                self._tell_again(*told.pop(0)[1:])
            self._look(stretch.sample(place))
        for _, member, tooth in told:
            self._tell_again(member, tooth)

    def _rise(self, member: str, iterations: NDArray[np.int64], rates: NDArray[np.float64]) -> None:
        for tooth in self._teeth.setdefault(member, Teeth()).add(iterations, rates):
            self._tell_again(member, tooth)

    def _tell_again(self, member: str, tooth: Tooth) -> None:
        if tooth.number < self.teeth:
            return
        where = first_group(member)
        self._again.add(where)
        self.found(
            where,
            tooth.iteration,
            f"the learning rate{whose(where)} has begun again {tooth.number:,} times in the "
            f"middle of its rise: every {tooth.steps + 1:,} iterations it falls back from "
            f"{short(tooth.highest)}",
            {"highest": tooth.highest, "iterations": float(tooth.steps + 1)},
            signals=(named("lr", member),),
        )

    def _at(self, where: str, iteration: int, rate: float) -> RatePhase:
        """The course of the phase that this rate belongs to."""
        known = self._courses.get(where)
        if known is not None and known.before is not None:
            # What falls by a third again within a sample does not begin: it fell all the time.
            before, known.before = known.before, None
            if 1.5 * rate < known.last:
                self._follow(before, known.began, known.last)
                self._courses[where] = known = before
        if known is None or (known.may_end and 0 < rate * self.drop < known.last):
            phase = self._courses.get(where)
            known = RatePhase(iteration, rate, rate, rate, changed=iteration, before=phase)
            known.later = phase is not None
            self._courses[where] = known
        return known

    def _follow(self, course: RatePhase, iteration: int, rate: float) -> None:
        course.highest = max(course.highest, rate)
        course.start = course.start or rate
        stood = iteration - course.changed
        if rate > course.last:
            course.stood = max(course.stood, stood) if course.rising else 0
            course.rising += 1
        elif rate < course.last or (course.rising > 1 and stood > course.stood):
            course.rising = 0
        low = rate <= self.nothing * course.highest * (1 + 1e-6)  # powers of 0.1 round up
        if rate != course.last:
            if course.low_since is None:
                course.held = max(course.held, iteration - course.changed)
            course.changed = iteration
        if not low:
            course.low_since = None
        elif course.low_since is None:
            course.low_since = iteration
        course.last = rate

    def _judge(self, where: str, course: RatePhase, now: Sample) -> None:
        lasted = now.iteration - course.began + 1
        others = [other.highest for name, other in self._courses.items() if together(name, where)]
        most = max(others, default=0.0)
        if course.highest <= (0.0 if course.later else self.aside * most):
            self.usable(where, lasted)
            if lasted >= (self.group if most else self.stuck):
                self.ready = True
                self._tell_stuck(where, now.iteration, lasted, course.highest, beside=most > 0)
            return
        self.ready = True
        low = course.low_since
        history = now.courses.get(now.label)
        if low is not None and now.iteration - low >= max(self.idle, low - course.began):
            self._tell_idle(where, now.iteration, course, low)
        elif self._has_grown(course):
            far = self._overshoots.setdefault(where, Overshoot())
            if history is not None and (is_worse(history) or far.forgets(history, self._guess)):
                self._tell_growth(where, now.iteration, course)
                far.rises_with(history)
        elif low is None and where not in self._again:
            over = self._overshoots.get(where)
            if over is None or not over.harms(history):
                self.resolve(where, now.iteration)

    def _has_grown(self, course: RatePhase) -> bool:
        """Step by step; where it has grown very far, a few steps are enough."""
        if course.last >= FAR * course.start:
            return course.rising >= self.few
        return course.rising >= self.rising and course.last >= self.growth * course.start

    def _tell_stuck(
        self, where: str, iteration: int, lasted: int, rate: float, *, beside: bool
    ) -> None:
        rest = ", while that of other groups is not" if beside else ": nothing moves"
        self.found(
            where,
            iteration,
            f"the learning rate{whose(where)} has been {short(rate)} for {lasted:,} iterations, "
            f"from the beginning on{rest}",
            {"learning rate": rate, "iterations": float(lasted)},
            signals=(named("group_lr", where),),
            severity="warning" if beside else "error",
        )

    def _tell_idle(self, where: str, iteration: int, course: RatePhase, low: int) -> None:
        beside = [one for name, one in self._courses.items() if together(name, where)]
        slow = course.held >= self.held or any(one.low_since is None for one in beside)
        self.found(
            where,
            iteration,
            f"the learning rate{whose(where)} fell from {short(course.highest)} to "
            f"{short(course.last)} within {low - course.began:,} iterations, and the training goes "
            f"on without one for {iteration - low:,}",
            {"learning rate": course.last, "highest": course.highest},
            signals=(named("group_lr", where),),
            severity="info" if slow else "warning",
        )

    def _tell_growth(self, where: str, iteration: int, course: RatePhase) -> None:
        self.found(
            where,
            iteration,
            f"the learning rate{whose(where)} has grown from {short(course.start)} to "
            f"{short(course.last)}, and the loss with it",
            {"learning rate": course.last, "at the beginning": course.start},
            signals=(named("group_lr", where),),
        )

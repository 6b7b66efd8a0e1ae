"""Schedules whose length does not fit the training: far too short, or far too long."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample, percent, short
from backsight.diagnosis.rules._updates import matrices, middle_of
from backsight.diagnosis.rules.wiring._rate_climb import Climb

__all__ = ["Fit", "Misfit"]


class Misfit(NamedTuple):
    """What does not fit."""

    member: str
    """Of ``lr``: which optimizer."""
    message: str
    """Goes on from "the learning rate"."""
    evidence: Evidence
    signal: str
    note: bool = False
    """Whether it is wrong only if the training is soon over."""


@dataclass
class _Share:
    """Of the rate that a schedule was given, what the learning rate was at most."""

    highest: float = 0.0
    since: int = 0
    """When it was so for the first time."""


@dataclass
class _Rise:
    first: float
    last: float
    began: int
    whole: bool = True
    """Whether it was higher in each sample than in the one before."""
    share: float | None = None
    """Of what its schedule was given, at first."""
    climb: Climb = field(default_factory=Climb)
    """By equal steps, each held for an epoch."""


@dataclass
class Fit:
    """Follows the schedule of each optimizer.

    Example:
        >>> from backsight.diagnosis.rules.wiring._rate_length import Fit
        >>> fit = Fit()
        >>> fit.periods, fit.small
        (4.0, 0.0001)
    """

    patience: int = 150
    """Losses, or iterations."""
    periods: float = 4.0
    """Of a cosine that is called in each iteration."""
    again: float = 1.25
    """Periods of a cosine: its rate is back at a seventh of the whole."""
    cyclic: float = 2.25
    """Periods of one that swings because it is meant to."""
    held: int = 5
    """Iterations for one call: one of a schedule that is called once an epoch."""
    idle: int = 50
    """Iterations."""
    nothing: float = 0.01
    """Of the rate that the schedule was given, or of the highest one, if that is higher."""
    begun: float = 0.1
    """Share of its length at which such a schedule has hardly begun."""
    alike: float = 0.25
    """Relative difference of a factor and the rate that it should be multiplied with."""
    tenth: float = 0.2
    """A factor that is never larger: schedules end there, and do not begin."""
    growth: float = 10.0
    small: float = 1e-4
    """``‖Δθ‖/‖θ‖``: a tenth of the common aim."""
    long: int = 300
    """Iterations; a training may end after fewer because somebody tries it."""
    half: float = 0.5
    """Of its aim: a rate that has come so far has trained."""
    runs: float = 20.0
    """A rise that would take more of them may have another aim than 1, as that of Vaswani et al."""
    aim: float = 0.05
    """Theirs is given to a rate of 1; where an optimizer was given less than this, the aim is 1."""
    climbs: int = 3
    """Rises that are each held for an epoch."""
    _shares: dict[str, _Share] = field(default_factory=dict)
    _rises: dict[str, _Rise] = field(default_factory=dict)

    def look(self, now: Sample) -> Iterator[Misfit]:
        """What does not fit in one more sample."""
        course = now.courses.get(now.label)
        stuck = course is not None and course.count >= self.patience and not course.learned
        yield from self._lengths(now, stuck)
        yield from self._factors(now)
        yield from self._rising(now, stuck)

    def _lengths(self, now: Sample, stuck: bool) -> Iterator[Misfit]:
        periods, shares = now.numbers("schedule_periods"), now.numbers("schedule_share")
        aims = now.numbers("group_lr_share")
        for member, calls in now.numbers("schedule_calls").items():
            turns, share = periods.get(member, 0.0), shares.get(member)
            if turns >= self.periods and calls >= 0.9 * now.iteration:
                length = calls / turns
                yield Misfit(
                    member,
                    f"swings: its cosine ends after {length:,.0f} calls (T_max) and was called "
                    f"{calls:,.0f} times, once in each iteration, as if T_max counted epochs",
                    {"calls": calls, "T_max": length}, "schedule_periods",
                )  # fmt: skip
            elif self.again <= turns < self.cyclic:
                length = calls / turns
                yield Misfit(
                    member,
                    f"rises again: its cosine came to its end after {length:,.0f} calls (T_max), "
                    f"was called {calls:,.0f} times, and swings back up behind its end; a training "
                    "that is to end at a low rate needs a T_max of all its calls",
                    {"calls": calls, "T_max": length}, "schedule_periods", note=True,
                )  # fmt: skip
            length = calls / share if share else math.inf
            idle = now.iteration - min(calls, length)
            if calls + 1 >= length and idle >= max(self.idle, length) and self._low(member, aims):
                yield Misfit(
                    member,
                    f"has come to its end after {length:,.0f} calls, and the training goes on with "
                    f"next to none for {idle:,.0f} iterations",
                    {"length": length, "iterations": idle}, "schedule_share",
                )  # fmt: skip
            if not stuck or share is None or now.iteration < self.patience:
                continue
            if calls == 0 and aims.get(member, 1.0) < self.begun:
                yield Misfit(
                    member,
                    f"waits: scheduler.step() was never called in {now.iteration:,} iterations, "
                    "and the loss has not fallen",
                    {"calls": calls}, "schedule_share",
                )  # fmt: skip
            elif 0 < share <= self.begun and calls * self.held <= now.iteration:
                yield Misfit(
                    member,
                    f"has hardly begun: its schedule takes {calls / share:,.0f} calls and had "
                    f"{calls:,.0f} in {now.iteration:,} iterations, as if it counted batches and "
                    "was called once an epoch; the loss has not fallen",
                    {"calls": calls, "length": calls / share}, "schedule_share",
                )  # fmt: skip

    def _low(self, member: str, aims: Mapping[str, float]) -> bool:
        known = self._shares.get(member)
        highest = max(1.0, known.highest if known else 0.0)
        return aims.get(member, 1.0) <= self.nothing * highest * (1 + 1e-6)  # 0.1 * 0.1 rounds up

    def _factors(self, now: Sample) -> Iterator[Misfit]:
        rates = now.numbers("lr")
        for member, share in now.numbers("group_lr_share").items():
            known = self._shares.setdefault(member, _Share())
            if share > known.highest * (1 + 1e-6):
                known.highest, known.since = share, now.iteration
            rate = rates.get(member, 0.0)
            over = now.iteration >= max(2 * known.since, self.patience)
            if not (over and rate > 0 and share > 0 and known.highest <= self.tenth):
                continue
            given = rate / share
            if abs(known.highest - given) <= self.alike * given:
                yield Misfit(
                    member,
                    f"is multiplied twice: the function of the schedule is at most "
                    f"{short(known.highest)}, and the optimizer was given {short(given)}; LambdaLR "
                    "takes a factor, not a rate",
                    {"highest factor": known.highest, "given": given}, "group_lr_share",
                )  # fmt: skip

    def _rising(self, now: Sample, stuck: bool) -> Iterator[Misfit]:
        ratios, aims = matrices(now), now.numbers("group_lr_share")
        for member, rate in now.numbers("lr").items():
            known = self._rises.setdefault(member, _Rise(rate, rate, now.iteration))
            if now.iteration > known.began:
                known.whole = known.whole and rate > known.last
            known.first = known.first or rate
            known.last = rate
            lasted = now.iteration - known.began
            grown = known.whole and rate >= self.growth * known.first > 0
            if (
                ratios
                and stuck
                and grown
                and lasted >= self.patience
                and middle_of(ratios) < self.small
            ):
                yield Misfit(
                    member,
                    f"still rises after {lasted:,} iterations and is {short(rate)}: a step moves "
                    f"half of the weight matrices by less than {short(middle_of(ratios))} of their "
                    "norm, and the loss has not fallen; the warm-up is too long",
                    {"learning rate": rate, "update ratio": middle_of(ratios)}, "lr",
                )  # fmt: skip
            elif member in aims:
                climb = known.climb
                climb.add(now.iteration, aims[member])
                if known.whole or (climb.only and climb.rises >= self.climbs):
                    yield from self._far(member, known, aims[member], now.iteration)

    def _far(self, member: str, known: _Rise, share: float, iteration: int) -> Iterator[Misfit]:
        """A warm-up that is far from its end: too long, unless the training is much longer."""
        if known.share is None:
            known.share = share
        lasted, gained = iteration - known.began, share - known.share
        if lasted < self.long or not (gained > 0 and share < self.half):
            return
        length = iteration + (1 - share) * lasted / gained
        counts = "" if known.whole else ", or counts steps and is moved once an epoch"
        if length <= self.runs * lasted or known.last < self.aim * share:
            yield Misfit(
                member,
                f"has only risen in {lasted:,} iterations and is {percent(share)} of what its "
                f"schedule was given: the warm-up takes about {length:,.0f} iterations; it is too "
                f"long for a training that is not several times as long{counts}",
                {"share": share, "warm-up": length}, "group_lr_share", note=True,
            )  # fmt: skip

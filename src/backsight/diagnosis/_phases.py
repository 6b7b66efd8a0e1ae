"""Trainings in several phases: a second task, another optimizer, another loss.

What is usual is learned from the past. Where another phase begins with a higher loss, before any
of its steps is made, that past is another training's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from backsight.diagnosis._finding import Outcome, Verdict
from backsight.diagnosis._rule import Rule
from backsight.diagnosis._sample import Sample
from backsight.diagnosis.stability import RECENT, SLOW, LossHistory, rise_above_usual
from backsight.signals import Profile, Series, family

__all__ = ["LOSSES_IN_TURN", "Phases", "cut_at_phases"]

OTHER_PARAMETERS = 1.0
"""What ``phase`` says of an optimizer that moves others than the last one."""

LOSSES_IN_TURN = 4.0
"""What it says of losses that take turns, which begin no phase."""

BY_OUTCOME: tuple[Outcome, ...] = ("finding", "not finite", "healthy", "not enough data")


class Phases:
    """How losses have gone in the newest phase, and the rules of those before.

    Args:
        courses: how they have gone in the whole run, by member; the same, until a phase begins.
    """

    def __init__(self, courses: dict[str, LossHistory]) -> None:
        self.courses = courses
        """In this phase."""
        self._whole = courses
        self._over: dict[str, list[Rule]] = {}
        """By code, rules that have judged an earlier phase."""

    @property
    def several(self) -> bool:
        """Whether any has begun anew."""
        return self.courses is not self._whole

    def add(self, now: Sample) -> None:
        """The losses of an iteration, which are in the courses of the whole run already."""
        if self.several:
            for member, loss in now.numbers("loss").items():
                self.courses.setdefault(member, LossHistory()).add(now.iteration, loss)

    def begin(self, now: Sample, rules: list[Rule]) -> bool:
        """Replace the rules that begin anew with this iteration, whose losses have been added.

        Args:
            now: the first iteration of what may be another phase.
            rules: all of them, in their places.

        Returns:
            whether any was.
        """
        if LOSSES_IN_TURN in now.numbers("phase").values():
            return False
        if len(self._whole) != 1:  # which of several models has another phase is not known
            return False
        (member,) = self._whole
        course = self.courses[member]
        higher = member in now.numbers("loss") and _is_higher(course)
        other = OTHER_PARAMETERS in now.numbers("phase").values()
        if higher:
            self.courses = {member: LossHistory()}
            self.courses[member].add(now.iteration, course.value)
        places = [
            place
            for place, rule in enumerate(rules)
            if (higher and rule.begins_anew) or (other and rule.begins_anew == "steps")
        ]
        for place in places:
            rule = rules[place]
            self._over.setdefault(rule.code, []).append(rule)
            rules[place] = type(rule)(**rule.thresholds)
        return bool(places)

    def verdict(self, rule: Rule) -> Verdict:
        """Of a rule, on all phases."""
        newest = rule.verdict()
        each = [*(one.verdict() for one in self._over.get(rule.code, ())), newest]
        if len(each) == 1:
            return newest
        telling = min(each, key=lambda verdict: BY_OUTCOME.index(verdict.outcome))
        found = tuple(finding for verdict in each for finding in verdict.findings)
        return replace(telling, findings=found)


def _is_higher(course: LossHistory) -> bool:
    """Whether the newest loss is above all recent ones, by what would be called a spike."""
    usual = course.usual.last(RECENT)
    if len(usual) < RECENT or not math.isfinite(course.value) or course.value <= max(usual):
        return False
    return (
        rise_above_usual(
            course,
            course.value,
            share=SLOW.spike_share,
            least=SLOW.spike_least,
            floor=SLOW.spike_floor,
        )
        is not None
    )


def cut_at_phases(
    signals: Mapping[str, Series | Profile],
) -> Iterator[dict[str, Series | Profile]]:
    """The same in parts: an iteration in which a phase may begin is one by itself."""
    marks = [one.iterations for name, one in signals.items() if family(name) == "phase"]
    at = np.unique(np.concatenate(marks)) if marks else np.empty(0, np.int64)
    cuts = sorted({*at.tolist(), *(at + 1).tolist()})
    begin = None
    for end in [*cuts, None]:
        part = {name: _between(one, begin, end) for name, one in signals.items()}
        begin = end
        there = {name: one for name, one in part.items() if len(one.iterations)}
        if there:
            yield there


def _between(one: Series | Profile, begin: int | None, end: int | None) -> Series | Profile:
    if begin is None and end is None:
        return one
    at = one.iterations
    first = 0 if begin is None else int(np.searchsorted(at, begin))
    last = len(at) if end is None else int(np.searchsorted(at, end))
    if isinstance(one, Profile):
        return replace(one, iterations=at[first:last], rows=tuple(one.rows[first:last]))
    return replace(one, iterations=at[first:last], values=one.values[first:last])

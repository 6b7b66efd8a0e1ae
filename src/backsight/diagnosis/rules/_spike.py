"""BKS202: a loss spike, and whether the run recovered from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._finding import Finding, Severity, Verdict
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Sample, named, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import middles, sorted_windows, spreads
from backsight.diagnosis.rules._loss_rule import LossRule
from backsight.diagnosis.rules._spike_episode import Episode, OneBatch, Past, lowest_harmless
from backsight.diagnosis.stability import (
    RECENT,
    SLOW,
    HistoryStretch,
    LossHistory,
    rise_above_usual,
)

__all__ = ["LossSpike"]

GRAVITY: tuple[Severity, ...] = ("info", "warning", "error")

USUAL = "many of its losses are as high"
"""In the place of when it was over."""


@dataclass
class LossSpike(LossRule):
    """One loss far above the last ones."""

    code: ClassVar[str] = "BKS202"
    title: ClassVar[str] = "loss spike"
    severity: ClassVar = "warning"
    reads: ClassVar = ("loss",)
    optional_signals: ClassVar = ("same_input", "val_loss")
    lasting: ClassVar[bool] = False
    judges_objective: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "loss"
    leads_to: ClassVar = ("BKS104", "BKS302", "BKS303")
    explanation: ClassVar[str] = (
        "The loss of one iteration was far above the losses before it: a step, or a batch, undid "
        "some of what the model had learned."
    )
    criterion: ClassVar[str] = (
        "Either one loss exceeds the median of the 20 losses before it by {sigmas:g} robust "
        "standard deviations (1.4826 times the median absolute deviation), and also by {tail:g} "
        "times the distance from the median to the 0.9 quantile of the 50 losses before it, unless "
        "{often:.0f} earlier ones of at least half its height were over within {heals:.0f} "
        "iterations; or "
        "three losses in a row exceed the median of the 20 before them by {row:g} deviations, and "
        "by {row_tail:g} times the distance from it to their 0.9 quantile. In "
        "both cases the rise is more than {share:g} of what the model had learned so far, which "
        "counts as at least {least:g} of the initial loss. The run has recovered if the median of "
        "five losses is back within {patience:.0f} iterations. A spike that is over within "
        "{heals:.0f} iterations is an info, and so is one that is over later, where two "
        "losses within these {heals:.0f} are back by themselves (as with a rare class, of which "
        "most batches have none). So is one that is over later, if within another "
        "{patience:.0f} iterations the median of 20 losses falls below that of the 20 before it, "
        "by {gain:g} robust standard deviations and by {trace:g} of it, or if the "
        "validation loss is within {trace:g} of where it was, or, where the loss was down to a "
        "twentieth of where it began, if it is back within 2 % of what had been learned. One that "
        "is not over, and leaves the loss above where it began, is an error. Where there were "
        "fewer than 20 losses before it, it is an info if more than 5 % of those since are no "
        "higher than the highest of them. "
        "An info is also one that comes with another batch, where one had been given for long. "
        "While a run trains, a spike is an info until this is known."
    )
    causes: ClassVar = (
        "one large gradient without clipping, or clipping that acts on too many steps",
        (
            "a learning rate at the edge of stability, or momentum that carries on in the old "
            "direction"
        ),
        "a bad batch: outliers, wrong labels or a wrong scale",
        "Adam's second moment, which underestimates a gradient that has grown",
    )
    remedies: ClassVar = (
        "inspect the batch of that iteration",
        "clip the gradient norm at about its median",
        remedy(
            "lower the learning rate by a factor of 2 to 3, or Adam's beta2 to 0.99 or 0.95", lr=-1
        ),
        remedy("reduce momentum until training is stable", momentum=-1),
    )
    studied_remedies: ClassVar = ("clip", "lr-third", "lr-fit", "momentum-off")
    source: ClassVar[str] = (
        "robust z-score; Wortsman et al. 2023 for Adam (a spike follows 1-8 iterations after the "
        "second moment falls behind the gradient)"
    )

    sigmas: float = SLOW.spike_sigmas
    """Above what the noise of a small batch does once in 10,000 iterations."""
    tail: float = 10.0
    """Losses of small batches are skewed: their own upper tail is what a spike must leave."""
    row: float = 5.0
    """The same of three in a row: noise does not do that."""
    row_tail: float = 2.0
    """The same: of losses of which many are high, three in a row are high by chance."""
    share: float = SLOW.spike_share
    """A rise that costs less of what was learned is no event."""
    least: float = SLOW.spike_least
    """The same, where little was learned."""
    patience: float = 100
    """Iterations to come back in, and as many again to go on from there."""
    heals: float = 10
    """Iterations within which nothing that was learned is lost: the batch was bad, not the step."""
    trace: float = 0.05
    """Of the loss before: less is no harm, and no gain."""
    gain: float = 1.0
    """Robust standard deviations: chance seldom takes a median of 20 that low, and never where
    anything is still lost."""
    often: float = 2
    """Single losses of a height that healed: the next ones are the tail of this run's losses."""
    known: float = 2.0
    """Times their height."""
    _batch: OneBatch = field(default_factory=OneBatch, init=False, repr=False)
    _past: list[Past] = field(default_factory=list, init=False, repr=False)
    _validation: dict[str, list[tuple[int, float]]] = field(
        default_factory=dict, init=False, repr=False
    )
    """By member, iteration and loss."""
    _mending: dict[str, list[Past]] = field(default_factory=dict, init=False, repr=False)
    """By member, those that are over and may yet turn out to have cost nothing."""
    _unsure: set[str] = field(default_factory=set, init=False, repr=False)
    """Members of which only the next validation will tell."""
    _graded: dict[str, Severity] = field(default_factory=dict, init=False, repr=False)
    """By member, what it has been told to be."""
    _open: dict[str, Episode] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """Until its level means anything."""
        return self.require(LossHistory.SETTLED, "loss")

    def verdict(self) -> Verdict:
        """As of any rule, each finding as grave as its gravest episode."""
        for member, finding in self.findings.items():
            episodes = [one for one in self._past if one.member == member]
            if member in self._open:
                episodes.append(self._so_far(member, self._open[member]))
            self._grade(finding, episodes)
        return super().verdict()

    def _grade(self, finding: Finding, episodes: Sequence[Past]) -> None:
        """As the gravest of these; as the first one, where all are notes."""
        gravest = max(episodes, key=lambda one: GRAVITY.index(self._gravity(one)))
        finding.severity = self._gravity(gravest)
        finding.message, finding.evidence = gravest.message, gravest.evidence
        if finding.severity != "info":
            finding.outcome = {"recovered": gravest.told}

    def _decide(self, member: str, iteration: int) -> None:
        """Raise what was told as a note, if it is certain by now that it is none."""
        mine = [one for one in self._past if one.member == member]
        certain = [one for one in mine if not self._is_undecided(one)]
        self._unsure.discard(member)
        if len(certain) < len(mine):
            self._unsure.add(member)
        worst: Severity = "info"
        for one in certain:
            worst = max(worst, self._gravity(one), key=GRAVITY.index)
        if GRAVITY.index(worst) > GRAVITY.index(self._graded.get(member, "info")):
            self._graded[member] = worst
            self._grade(self.findings[member], certain)
            self.raised.append((iteration, self.findings[member]))

    def _is_undecided(self, one: Past) -> bool:
        """Whether what is still to come decides what it has cost."""
        if not one.recovered or one.usual_here or self._healed(one) or one.regained:
            return False
        before, after = self._validated_around(one)
        awaits = bool(before) and not after
        return awaits or any(one is other for other in self._mending.get(one.member, ()))

    def _so_far(self, member: str, episode: Episode) -> Past:
        """What an episode has come to that nothing has ended yet, as where the run is over."""
        level, passed = episode.recent.median, episode.last - episode.began
        newest = episode.recent.last(1)
        low = level <= episode.back and newest[0] <= episode.back
        recovered = low and member not in self._off
        told = f"after {passed} iterations" if recovered else "not yet"
        usual = episode.usual_here and member not in self._off
        told = USUAL if usual and not recovered else told
        episode.finding.outcome = {"recovered": told}
        episode.finding.resolved_at = episode.last if recovered or usual else None
        ruined = passed >= self.heals and level > episode.start
        return episode.past(recovered=recovered, ruined=ruined, told=told)

    def _gravity(self, one: Past) -> Severity:
        """What it has cost."""
        if one.usual_here or self._batch.left_within(one.began, one.ended):
            return "info"
        if not one.recovered:
            return "error" if one.ruined else "warning"
        if self._healed(one) or one.regained:
            return "info"
        before, after = self._validated_around(one)
        harmless = before and after and after[0] <= before[-1] + self.trace * abs(before[-1])
        return "info" if harmless else "warning"

    def _validated_around(self, one: Past) -> tuple[list[float], list[float]]:
        """The validation losses before it began, and those from its end on."""
        known = self._validation.get(one.member, [])
        before = [loss for at, loss in known if at < one.began]
        return before, [loss for at, loss in known if at >= one.ended]

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule that reads the loss; what is validated is kept beside."""
        losses = {int(place) for place in stretch.places(self.reads)}
        for column in (*stretch.scalars("val_loss"), *stretch.scalars("same_input")):
            for place, value in zip(column.at.tolist(), column.values, strict=True):
                if place in losses and column.name.startswith("val_loss"):
                    self._validated(column.member, int(stretch.iterations[place]), value)
                elif place in losses:
                    self._batch.look(int(stretch.iterations[place]), again=bool(value))
        super().update_many(stretch)

    def _validated(self, member: str, iteration: int, value: float) -> None:
        """Each is kept once: a stretch may be fed sample by sample."""
        known = self._validation.setdefault(member, [])
        if math.isfinite(value) and (not known or known[-1][0] < iteration):
            known.append((iteration, value))
            if member in self._unsure and member not in self._mending:
                self._decide(member, iteration)

    def _update(self, now: Sample) -> None:
        for same in now.numbers("same_input").values():
            self._batch.look(now.iteration, again=bool(same))
        for member, value in now.numbers("val_loss").items():
            self._validated(member, now.iteration, value)
        for member in now.numbers("loss"):
            course = now.courses[member]
            value = course.value
            if not self.finite(member, value):
                continue
            self.usable(member)
            self.ready = self.ready or course.settled
            if len(course.usual) < SLOW.spike_after:
                continue
            self._mend(member, now.iteration, value)
            if member in self._open:
                self._follow(member, now.iteration, value)
                continue
            self._look(member, now.iteration, course)

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        at = history.iterations[history.at_finite].tolist()
        losses = history.past[history.known :].tolist()
        suspects = self._suspects(history)
        place = 0
        while place < len(losses):
            self._mend(member, at[place], losses[place])
            if member in self._open:
                self._follow(member, at[place], losses[place])
                place += 1
                continue
            after = suspects[np.searchsorted(suspects, place) :]
            if member in self._mending and not (after.size and after[0] == place):
                place += 1
                continue
            if not after.size:
                break
            place = int(after[0])
            self._look(member, at[place], history.at(int(history.at_finite[place])))
            place += 1

    def _suspects(self, history: HistoryStretch) -> NDArray[np.intp]:
        """Every finite loss that :meth:`_look` would find, were there no episode, and few more."""
        first = history.at(-1)
        size = first.usual.size
        loss, middle = history.past[history.known :], history.before(RECENT)
        worth = np.maximum(first.start - middle, self.least * abs(first.start))
        height = loss - middle
        at = np.flatnonzero((height > self.share * worth) & (worth > 0))
        if not at.size:
            return at
        ends = history.known + at  # of what was usual
        loss, middle, worth, height = loss[at], middle[at], worth[at], height[at]
        usual = sorted_windows(history.past, size, ends)
        half = middles(usual)
        usual_spread = spreads(history.past, size, ends, half)
        smallest = np.maximum(0.01 * np.abs(middle), worth / SLOW.spike_floor)
        smallest = np.maximum(smallest, usual_spread / 2)
        spread = np.maximum(spreads(history.past, RECENT, ends, middle), smallest)
        tail = usual[:, min(int(0.9 * size), size - 1)] - half
        lowest = np.minimum(loss, np.minimum(history.past[ends - 1], history.past[ends - 2]))
        # As in _stands: the 20 before the newest two.
        calm = middles(sorted_windows(history.past, RECENT, ends - 2))
        calm_spread = spreads(history.past, RECENT, ends - 2, calm)
        limit = self.row * np.maximum(np.maximum(calm_spread, 0.8 * usual_spread), smallest)
        lasts = (lowest - middle > self.share * worth) & (lowest - calm > limit)
        high = height > np.maximum(self.sigmas * spread, self.tail * tail)
        found: NDArray[np.intp] = at[high | lasts]
        return found

    def _look(self, member: str, iteration: int, course: LossHistory) -> None:
        """Whether a spike begins with the newest loss."""
        value, usual = course.value, course.usual
        rise = rise_above_usual(
            course, value, share=self.share, least=self.least, floor=SLOW.spike_floor
        )
        if rise is None or rise.worth <= 0:
            return
        middle, spread, height = rise.usual, rise.spread, rise.height
        lowest = min(value, *usual.last(2))
        lasts = lowest - middle > self.share * rise.worth and self._stands(
            usual, lowest, rise.least
        )
        tail = usual.quantile(0.9) - usual.median
        known = self._is_tail(member, height)
        if (known or height <= max(self.sigmas * spread, self.tail * tail)) and not lasts:
            return
        sigmas = min(height / spread, 1e9)  # it may overflow
        message = (
            f"the loss rose from {short(middle)} to {short(value)} at iteration {iteration:,}, by "
            f"{_many(sigmas)} robust standard deviations"
        )
        evidence = {"loss": value, "usual": middle, "robust sigmas": sigmas}
        finding = self.found(
            member, iteration, message, evidence, signals=(named("loss", member),), severity="info"
        )
        finding.outcome = {"recovered": "not yet"}
        back = middle + max(3 * spread, 0.1 * height)
        below = lowest_harmless(course, middle, self.gain, self.trace)
        first = max(usual.last(RECENT)) if len(usual) < RECENT else None
        self._open[member] = Episode(
            finding, iteration, middle, value, course.start, back, below, iteration, message,
            evidence, self.heals, first,
        )  # fmt: skip

    def _is_tail(self, member: str, height: float) -> bool:
        """Whether single losses have been that high before, again and again, and did no harm."""
        heights = (one.height for one in self._past if one.member == member and self._healed(one))
        return sum(height <= self.known * other for other in heights) >= self.often

    def _healed(self, one: Past) -> bool:
        """Nothing was lost by it: it was over soon, or single losses were back soon."""
        return one.recovered and (one.one_batch or one.ended - one.began <= self.heals)

    def _stands(self, usual: Recent, lowest: float, least: float) -> bool:
        """Whether three in a row are far above the 20 before them, none of which they are."""
        middle, spread = usual.newest(RECENT, without=2)
        before = sorted(usual.last(RECENT + 2)[:-2])
        tail = before[int(0.9 * len(before))] - middle
        # The spread of 20 may be half of what it is, by chance; that of 50 is good to a fifth.
        limit = max(self.row * max(spread, 0.8 * usual.spread, least), self.row_tail * tail)
        return lowest - middle > limit

    def _follow(self, member: str, iteration: int, value: float) -> None:
        episode = self._open[member]
        episode.follow(iteration, value)
        passed, level = iteration - episode.began, episode.recent.median
        recovered = episode.recent.full and level <= episode.back
        if not recovered and passed < self.patience:
            return
        if recovered:
            told = f"after {passed} iterations"
            episode.finding.resolved_at = iteration
        else:
            told = f"not within {passed} iterations"
            half = (episode.usual + episode.height) / 2
            episode.finding.resolved_at = iteration if level <= half else None
            if episode.usual_here:
                told, episode.finding.resolved_at = USUAL, iteration
        episode.finding.outcome = {"recovered": told}
        past = episode.past(recovered=recovered, ruined=level > episode.start, told=told)
        self._past.append(past)
        del self._open[member]
        if recovered and not self._healed(past):
            self._mending.setdefault(member, []).append(past)
        self._decide(member, iteration)

    def _mend(self, member: str, iteration: int, value: float) -> None:
        """Look whether the loss goes on falling where an episode has ended."""
        if member not in self._mending:
            return
        for one in list(self._mending[member]):
            one.since.add(value)
            one.regained = one.since.full and one.since.median <= one.below
            if one.regained or iteration - one.ended >= self.patience:
                self._mending[member].remove(one)
                if not self._mending[member]:
                    del self._mending[member]
                self._decide(member, iteration)


def _many(sigmas: float) -> str:
    """Beyond a thousand, a count says no more."""
    return f"{sigmas:.0f}" if sigmas < 1000 else "more than 1,000"

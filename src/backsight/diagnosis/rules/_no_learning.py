"""BKS302: the loss has not come down."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._constant_answer import constant_answer_words
from backsight.diagnosis._finding import Evidence, Finding, Verdict
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import (
    ProfileRow,
    Rule,
    Sample,
    named,
    of_module,
    parts_of,
    short,
)
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import spreads
from backsight.diagnosis.rules._arriving import arriving
from backsight.diagnosis.rules._loss_rule import LossRule
from backsight.diagnosis.rules._updates import matrices, middle_of
from backsight.diagnosis.stability import HistoryStretch, LossHistory
from backsight.signals import ReachMeasures, measure_reach, reach_extent

__all__ = ["NoLearning"]

SMALL, LARGE = 1e-3, 1e-2
"""‖Δθ‖/‖θ‖ of half of the weight matrices: a common target is 1e-3."""


FALLEN = 0.5
"""Of where the loss began: by less it may have fallen without anything but a constant learned."""

RISEN = 0.01
"""Of where the loss began: what counts as higher."""


def _ratio(evidence: Evidence) -> float:
    """NaN where no step was measured."""
    return float(evidence.get("update ratio", math.nan))


def _above(course: LossHistory) -> str:
    """That the loss is higher than it was, if so: by more than the noise of two medians of 20."""
    risen = course.level - course.began
    if not risen > max(2 * course.margin, RISEN * abs(course.began)):
        return ""
    return f", above where it began ({short(course.began)})"


@dataclass
class NoLearning(LossRule):
    """Where it began, or at the best guess without memory."""

    code: ClassVar[str] = "BKS302"
    title: ClassVar[str] = "no learning"
    severity: ClassVar = "error"
    reads: ClassVar = ("loss",)
    optional_signals: ClassVar = (
        *("guess_answer", "guess_loss", "reach", "reach_share", "update_ratio"),
    )
    judges_objective: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    explanation: ClassVar[str] = (
        "After hundreds of iterations the loss is still at its initial level, or at that of the "
        "best guess without memory: the frequencies of the answers, or their mean."
    )
    criterion: ClassVar[str] = (
        "After {patience:.0f} losses, the lowest median of 100 consecutive losses is at most a "
        "fraction of {share:g} below the memoryless baseline, or below the initial loss where no "
        "lower baseline is known. Where the run does not know its baseline, it is what the best "
        "constant answer gives (guess_loss), unless the loss is more than twice as high, and yet "
        "less than half of where it began; and the finding is a warning: noise may leave no more "
        "to learn. A larger fall does not count as learning either if it "
        "is within the noise: 3 standard errors of the initial loss or, where the run knows its "
        "baseline, 5 of a median of 100 losses. From {early:.0f} losses on, an info tells what is "
        "known so far, and if the loss stays above where it began; a rise of a quarter is BKS203."
    )
    causes: ClassVar = (
        "a learning rate that is far too small, or so large that every step undoes the last",
        "information that lies further back than the gradient reaches (see BKS101)",
        "targets that do not belong to their inputs (after a shuffle, or by an offset)",
        "a parameter or a layer that gets no gradient (see BKS402)",
    )
    remedies: ClassVar = (
        "overfit a single batch first: if that fails, the code is wrong",
        remedy(
            "raise the learning rate by a factor of 10, if a step moves the weights by less than a "
            "thousandth",
            when=lambda evidence: _ratio(evidence) < SMALL,
            lr=1,
        ),
        remedy(
            "lower the learning rate by a factor of 10, if a step moves them by more than a "
            "hundredth",
            when=lambda evidence: _ratio(evidence) > LARGE,
            lr=-1,
        ),
        remedy(
            "measure how far the gradient reaches, and begin with shorter sequences that still "
            "hold what the answer needs",
            when=lambda evidence: any(name.startswith("horizon") for name in evidence),
            window=-1,
        ),
        "initialise the recurrent matrix orthogonally; use a GRU or an LSTM; start a gated linear "
        "recurrence (minGRU, Mamba) with gates that keep the state",
    )
    studied_remedies: ClassVar = ("lr-tenfold", "curriculum", "orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Backsight; SageMaker Debugger compares single losses"

    patience: float = 800
    """Memory tasks sit at their baseline for hundreds of iterations before they jump."""
    early: float = 400
    """Losses after which it is worth a note that nothing has come of them."""
    share: float = 0.03
    """Of the baseline."""

    visible: float = 0.01
    """Of the strongest earlier step, at a known lag: a gradient below it is told."""
    _short: dict[str, ReachMeasures | None] = field(default_factory=dict, init=False, repr=False)
    """By layer, the newest measures where the gradient does not reach what may be needed."""
    _rows: list[tuple[int, str, ProfileRow, ProfileRow | None]] = field(
        default_factory=list, init=False, repr=False
    )
    """Place, layer and row of each sample of the reach that is still to be looked at, and that of
    ragged sequences."""

    _lag: int | None = field(default=None, init=False, repr=False)
    """Of the stretch that is looked at."""
    _guesses: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By model, the newest loss of the best constant answer."""
    _answers: dict[str, dict[str, float]] = field(default_factory=dict, init=False, repr=False)
    """By model, what that answer is, by kind."""
    _moved: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By model, how far the newest measured step moved half of its weight matrices."""
    _waits: dict[str, tuple[int, int, LossHistory]] = field(
        default_factory=dict, init=False, repr=False
    )
    """By member, while nothing is learned and patience lasts: the iterations from which on a note
    is due, and the newest, and how the loss has gone."""
    _steps: list[tuple[int, str, float]] = field(default_factory=list, init=False, repr=False)
    """Place, model and this of each sample that is still to be looked at."""
    _said: list[tuple[int, str, dict[str, float]]] = field(
        default_factory=list, init=False, repr=False
    )
    """Place, model and best constant answer of each sample that is still to be looked at."""

    @property
    def requirement(self) -> Requirement:
        """All its patience, unless the loss falls."""
        least = LossHistory.DEEP // 2  # before that, nothing is known of a median of 100
        sooner = (least, "the loss has fallen clearly by then") if self.patience > least else None
        return self.require(max(self.patience, least), "loss", sooner=sooner)

    def _update(self, now: Sample) -> None:
        ragged = now.rows("reach_share")
        for layer, row in now.rows("reach").items():
            self._reaches(layer, row, ragged.get(layer), now.facts.lag)
        if ratios := matrices(now):
            self._moved[now.label] = middle_of(ratios)
        if answers := parts_of(now, "guess_answer", now.label):
            self._answers[now.label] = answers
        newest = now.numbers("guess_loss")
        self._guesses |= {member: g for member, g in newest.items() if math.isfinite(g)}
        for member in now.numbers("loss"):
            course = now.courses[member]
            if not self.finite(member, course.value):
                continue
            self.usable(member)
            if not math.isfinite(course.deep):
                continue
            baseline = now.facts.baseline
            guess: float | None = None
            known = self._guesses.get(member, math.inf)
            if baseline is None and known < course.began and not self._far_above(known, course):
                baseline = guess = known
            against = course.began if baseline is None else baseline
            fallen = against - course.deep
            stuck = fallen <= max(
                self.share * abs(against), course.margin if baseline is None else 0
            )
            told = baseline is not None and guess is None
            if not stuck and told and fallen < 0.5 * abs(against):
                # The lowest of many medians of 100 lies up to five standard errors lower.
                stuck = fallen <= 5 * 1.25 * max(course.noise, course.usual.spread) / 10
            if not stuck:
                self.ready = True
                self._waits.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            if course.count < self.patience:
                if course.count >= self.early:
                    since, *_ = self._waits.get(member, (now.iteration,))
                    self._waits[member] = since, now.iteration, course
                continue
            self.ready = True
            self._tell(member, now.iteration, course, baseline, guess)

    def verdict(self) -> Verdict:
        """As of any rule; with a note of what is known so far, while it cannot judge."""
        plain = super().verdict()
        if plain.outcome != "not enough data":
            return plain
        notes = (self._note(member, *known) for member, known in self._waits.items())
        return replace(plain, findings=tuple(notes))

    def _note(self, member: str, since: int, newest: int, course: LossHistory) -> Finding:
        within = "".join(
            f"; the gradient through time{of_module(layer)} stays within {one.horizon.steps} of "
            f"{one.earlier} steps"
            for layer, one in self._short.items()
            if one is not None and one.horizon is not None
        )
        return Finding(
            self.code, self.title, "info", member, since,
            f"no progress in {course.count:,} iterations{_above(course)}{within}",
            {"level": course.level, "start": course.start}, self.thresholds,
            (named("loss", member),), newest, course.count - math.ceil(self.early) + 1,
        )  # fmt: skip

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule that reads the loss; the reach goes into the message."""
        if len(stretch.histories) > 1:  # their messages name the reach as it was
            Rule.update_many(self, stretch)
            return
        losses = stretch.places(self.reads)
        ragged = {
            (place, column.member): row
            for column in stretch.columns("reach_share")
            for place, row in zip(column.at.tolist(), column.rows or (), strict=False)
        }
        self._lag = stretch.facts.lag
        self._rows = [
            (place, column.member, row, ragged.get((place, column.member)))
            for column in stretch.columns("reach")
            for place, row in zip(column.at.tolist(), column.rows or (), strict=False)
            if losses[min(np.searchsorted(losses, place), len(losses) - 1)] == place
        ]
        self._rows.sort(key=lambda row: row[0])
        measured = np.intersect1d(stretch.places(("update_ratio",)), losses).tolist()
        samples = ((place, stretch.sample(place)) for place in measured)
        self._steps = [
            (place, now.label, middle_of(ratios))
            for place, now in samples
            if (ratios := matrices(now))
        ]
        answered = np.intersect1d(stretch.places(("guess_answer",)), losses).tolist()
        samples = ((place, stretch.sample(place)) for place in answered)
        self._said = [
            (place, now.label, answers)
            for place, now in samples
            if (answers := parts_of(now, "guess_answer", now.label))
        ]
        super().update_many(stretch)
        self._reach_until(len(stretch.iterations))
        for column in stretch.scalars("guess_loss"):
            known = column.numbers[column.finite & np.isin(column.at, losses)]
            if len(known):
                self._guesses[column.member] = float(known[-1])

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        first, baseline = history.at(-1), stretch.facts.baseline
        places = stretch.loss_places(member)[history.at_finite]
        if baseline is None:
            lines = self._guesses_at(member, places, stretch)
            known = lines < first.began  # NaN is not
            below = first.began - history.deep > FALLEN * abs(first.began)
            known &= ~(below & (history.deep > lines + np.abs(lines)))  # as in _far_above
            lines = np.where(known, lines, first.began)
        else:
            lines, known = np.full(len(places), baseline), np.ones(len(places), bool)
        fallen = lines - history.deep
        least = np.maximum(self.share * np.abs(lines), np.where(known, 0, first.margin))
        stuck = fallen <= least
        told = stretch.facts.baseline is not None
        near = np.flatnonzero(told & ~stuck & (fallen < 0.5 * np.abs(lines)))
        if near.size:
            size = first.usual.size
            ends = history.known + near
            middle = history.before(size)[near]
            spread = spreads(history.past, size, ends, middle)
            stuck[near] = fallen[near] <= 5 * 1.25 * np.maximum(first.noise, spread) / 10
        at = history.iterations[history.at_finite]

        def tell(place: int) -> None:
            self._reach_until(int(places[place]) + 1)
            sample = int(history.at_finite[place])
            iteration = int(history.iterations[sample])
            line = float(lines[place]) if known[place] else None
            guess = line if baseline is None else None
            self._tell(member, iteration, history.at(sample), line, guess)

        hits = stuck & (history.count >= self.patience)
        self.hit_or_miss(member, at, hits, ~stuck, tell)

    @staticmethod
    def _far_above(guess: float, course: LossHistory) -> bool:
        """Whether the loss has fallen to where no constant answer can have brought it: samples that
        keep step with the loop of a script show one part of its targets, which are more alike."""
        fallen = course.fallen > FALLEN * abs(course.began)
        return fallen and course.deep > guess + abs(guess)

    def _guesses_at(
        self, member: str, places: NDArray[np.intp], stretch: Stretch
    ) -> NDArray[np.float64]:
        """The loss of the best constant answer as it is known at each place; NaN before that."""
        found = np.full(len(places), self._guesses.get(member, math.nan))
        for column in stretch.scalars("guess_loss"):
            usable = column.finite & np.isin(column.at, stretch.places(self.reads))
            if column.member == member and usable.any():
                at, numbers = column.at[usable], column.numbers[usable]
                newest = np.searchsorted(at, places, "right") - 1
                found[newest >= 0] = numbers[newest[newest >= 0]]
        return found

    def _reach_until(self, place: int) -> None:
        """Look at the samples of the reach before that place of the stretch."""
        while self._rows and self._rows[0][0] < place:
            _, layer, row, ragged = self._rows.pop(0)
            self._reaches(layer, row, ragged, self._lag)
        while self._steps and self._steps[0][0] < place:
            _, label, ratio = self._steps.pop(0)
            self._moved[label] = ratio
        while self._said and self._said[0][0] < place:
            _, label, answers = self._said.pop(0)
            self._answers[label] = answers

    def _reaches(
        self, layer: str, row: ProfileRow, ragged: ProfileRow | None, lag: int | None
    ) -> None:
        """Keep what is to be told: a gradient that does not reach a known lag, or half of the
        window where none is known."""
        measures = measure_reach(row)
        if measures.horizon is None or not measures.earlier:
            return
        if lag is not None:
            short_of = arriving(row, ragged, min(lag, measures.earlier)) < self.visible
        else:
            short_of = 2 * measures.unreached > measures.earlier
        self._short[layer] = measures if short_of else None

    def _tell(
        self,
        member: str,
        iteration: int,
        course: LossHistory,
        baseline: float | None,
        guess: float | None,
    ) -> None:
        against = course.began if baseline is None else baseline
        answers = self._answers.get(member, {})
        often, words = answers.get("frequency"), constant_answer_words(answers)
        short_of = {layer: one for layer, one in self._short.items() if one is not None}
        told = "".join(
            f"; the gradient{of_module(layer)} is {reach_extent(one)}"
            if one.goes_back
            else f"; no gradient{of_module(layer)} goes back in time"
            for layer, one in short_of.items()
        )
        if baseline is None:
            from_ = f"it started at {short(against)}"
        elif guess is None:
            from_ = f"guessing without memory gives {short(against)}"
        else:
            from_ = f"the best constant answer, {words}, gives {short(guess)}"
        self.found(
            member,
            iteration,
            f"after {course.count:,} iterations the loss is at {short(course.level)}"
            f"{'' if baseline is None else _above(course)}; {from_}{told}",
            {"level": course.level, "start": course.start}
            | ({"update ratio": self._moved[member]} if member in self._moved else {})
            | ({} if baseline is None or guess is not None else {"memoryless baseline": baseline})
            | ({} if guess is None else {"best constant answer": guess})
            | ({} if guess is None or often is None else {"most frequent class": often})
            | {
                f"horizon {layer}".rstrip(): one.horizon.steps
                for layer, one in short_of.items()
                if one.horizon is not None
            },
            signals=(named("loss", member), *(named("reach", layer) for layer in short_of)),
            severity=None if guess is None else "warning",
        )

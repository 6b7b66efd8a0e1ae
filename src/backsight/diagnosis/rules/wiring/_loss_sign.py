"""BKS429: the loss has the wrong sign."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Finding, Severity
from backsight.diagnosis._rule import Sample, short
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["WrongSign"]

RUN_AWAY = ("BKS102", "BKS103", "BKS104", "BKS105", "BKS207")
"""What weights come to that a loss without a bound makes larger and larger."""

EARLIEST = 15
"""Losses, before which a level is one of chance."""


@dataclass
class WrongSign(InARow):
    """An error that is maximised, or a likelihood that is minimised."""

    code: ClassVar[str] = "BKS429"
    title: ClassVar[str] = "loss with the wrong sign"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("loss_unbounded",)
    optional_signals: ClassVar = (
        *("divergence_raised", "entropy_lowered", "likelihood_lowered", "likeness_lowered", "loss"),
    )
    explanation: ClassVar[str] = (
        "What the optimizer minimises is the negative of an error, or a log-likelihood itself, or "
        "has a distance between distributions with a minus among its terms. It falls without "
        "bound, and the model learns to be wrong."
    )
    criterion: ClassVar[str] = (
        "In the graph of the loss, every term is a loss of PyTorch's that is never negative (or a "
        "squared or absolute difference from a target) with a negative factor, or the "
        "log-probability of a class, or of yes or no, with a positive one, or the log-density of "
        "a normal or Laplace distribution or of a mixture of them, or of counts, with a positive "
        "one, in {samples:.0f} samples in a row; and the step moves everything that is trained. A "
        "term that is multiplied by a reward or by any other varying number does not count, nor "
        "does one that is known to have a bound, nor an adversary that has an optimizer of its "
        "own. Or, beside any other terms and in as many samples, x - exp(x) or log(y) - y is "
        "added to the loss, with a positive constant factor: the Kullback-Leibler divergence of "
        "normal distributions has these terms the other way round. With maximize=True, all of it "
        "is the other way round. A note: log-probabilities are multiplied by numbers that vary, "
        "and the step makes them smaller where these are positive, which is right for a cost and "
        "wrong for a reward; or, beside such numbers of both signs, an entropy is added to the "
        "loss with a positive factor. So is a loss that is nothing but a cosine to what is given, "
        "or an overlap with labels (Dice's or Jaccard's), and is made smaller. Another note: the "
        "loss is more than {deep:g} times as far below 0 as it began above or below it, and each "
        "time the iterations have doubled, over the last four samples, it has fallen {faster:g} "
        "times as far as the time before or more."
    )
    causes: ClassVar = (
        "a minus in front of a loss that PyTorch has negated already",
        "a log-likelihood, or a gain, without the minus that makes a loss of it",
        "a divergence from the prior that is subtracted from the loss, or whose formula has lost "
        "its minus",
        "an optimizer with maximize=True",
        "a policy gradient in its form for ascent, given to an optimizer that descends",
        "a cosine similarity without the minus",
    )
    remedies: ClassVar = (
        "minimise the error: remove the minus in front of the loss",
        "minimise the negative log-likelihood: put a minus in front of log_prob",
        "add a Kullback-Leibler divergence: loss = reconstruction + weight * kl, where kl is "
        "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()",
        "of a policy, minimise -(log_prob * advantage).mean() - weight * entropy.mean()",
        "of a likeness to a target, minimise 1 - cosine_similarity(…), or 1 - dice",
    )
    source: ClassVar[str] = "Backsight; public reports"

    faster: float = 1.8
    """Twice is a steady fall: a likelihood slows down, however far below 0 it goes."""
    deep: float = 10
    """Times where it began, or times 1."""
    _levels: dict[str, list[tuple[int, int, float]]] = field(
        default_factory=dict, init=False, repr=False
    )
    """By where, the iteration, how many losses there were, and their level, each time these have
    doubled."""
    _lowered: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _raised: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By where, the divergences of the newest sample that has no other wrong term."""
    _entropies: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By where, entropies of a policy that are made smaller."""
    _likenesses: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By where, cosines to what is given, or overlaps, that are made smaller."""
    _fallen_to: dict[str, tuple[int, float]] = field(default_factory=dict, init=False, repr=False)
    """By where, since when a loss has fallen ever faster, whatever its terms are, and its level."""
    _endless: set[str] = field(default_factory=set, init=False, repr=False)
    """Where a loss was told to: that it falls no slower is enough then."""

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Negative where it depends on what is meant."""
        certain = dict(now.numbers("loss_unbounded"))
        for where, count in now.numbers("divergence_raised").items():
            self._raised[where] = 0.0 if certain.get(where) else count
            certain[where] = certain.get(where) or count
        hints = now.numbers("likelihood_lowered")
        for where, count in hints.items():
            # How a loss is put together does not change; all numbers may be nought for a while.
            self._lowered[where] = max(count, self._lowered.get(where, 0.0))
        entropies = now.numbers("entropy_lowered")
        likenesses = now.numbers("likeness_lowered")
        for where, value in certain.items():
            self._fallen_to.pop(where, None)
            self._entropies[where] = entropies.get(where, 0.0)
            self._likenesses[where] = likenesses.get(where, 0.0)
            certain[where] = value or -self._lowered.get(where, 0.0)
            certain[where] = certain[where] or -self._entropies[where] or -self._likenesses[where]
            if not certain[where] and self._falls_ever_faster(where, now):
                certain[where] = -1.0
        return certain

    def _falls_ever_faster(self, where: str, now: Sample) -> bool:
        """Whether it does by now; its level is kept for the note."""
        course = now.courses.get(now.label)
        if course is None or course.count <= EARLIEST or not math.isfinite(course.level):
            return False
        seen = self._levels.setdefault(where, [])
        if not seen or course.count > 2 * (seen[-1][1] - 1):
            seen.append((now.iteration, course.count, course.level))
        if len(seen) < 4 or not now.facts.objective:
            return False
        falls = [before - after for (*_, before), (*_, after) in pairwise(seen[-4:])]
        deep = seen[-1][2] < -self.deep * max(1.0, abs(course.began))
        if not deep or not _grow(falls, 1.0 if where in self._endless else self.faster):
            self._endless.discard(where)
            return False
        self._endless.add(where)
        self._fallen_to[where] = seen[-4][0], seen[-1][2]
        # It took four samples in a row to see it.
        self._row[where] = max(self._row.get(where, 0), int(self.samples) - 1)
        return True

    @classmethod
    def outweighs(cls, note: Finding) -> tuple[str, ...]:
        """Weights that grow with a loss that falls ever faster do so because of it."""
        return RUN_AWAY if "level" in note.evidence else ()

    def severity_of(self, value: float) -> Severity:
        """A cost may be what is meant."""
        return self.severity if value > 0 else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many terms there are."""
        if where in self._fallen_to:
            since, level = self._fallen_to[where]
            return (
                f"the loss is at {short(level)} and falls without slowing down: something in it "
                "has no bound, such as an error or a gain with the wrong sign",
                {"level": level, "since": since},
            )
        if value < 0 and not self._lowered.get(where) and self._likenesses.get(where):
            return (
                "the loss is a cosine to something given, or an overlap with it, and a step makes "
                "the two less alike: right for what is to be told apart, and wrong for a target",
                {"terms": -value},
            )
        if value < 0 and not self._lowered.get(where):
            return (
                "a policy's loss makes its entropy smaller: a bonus for exploring is subtracted "
                "from the loss",
                {"terms": -value},
            )
        if value < 0:
            return (
                "the loss is a log-probability times a number, and a step makes what was given a "
                "positive number less likely: right for a cost, and wrong for a reward",
                {"terms": -value},
            )
        if self._raised.get(where):
            return (
                "the loss has a distance between distributions with the wrong sign: it falls "
                "without bound as the two are driven apart",
                {"terms": value},
            )
        terms = "its only term falls" if value == 1 else f"all its {value:.0f} terms fall"
        return (
            f"the loss has the wrong sign: {terms} without bound as the optimizer goes on, so that "
            "the model learns to be wrong",
            {"terms": value},
        )


def _grow(falls: list[float], times: float) -> bool:
    return falls[0] > 0 and all(later >= times * before for before, later in pairwise(falls))

"""BKS427: weight decay is stronger than the gradient."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, short
from backsight.diagnosis.stability import LossHistory

__all__ = ["StrongDecay"]


@dataclass
class StrongDecay(Rule):
    """All weights shrink, whatever the data say."""

    code: ClassVar[str] = "BKS427"
    title: ClassVar[str] = "weight decay too strong"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("decay_ratio", "penalty", "guess_loss")
    optional_signals: ClassVar = (*("decayed_norm", "loss", "penalty_guess", "weight_norm"),)
    explanation: ClassVar[str] = (
        "Each step follows the decay of the weights and hardly the gradient of the loss. The "
        "weights shrink towards 0, and the loss stays at what can be guessed without an input. "
        "Adam divides the sum of both by its size, so that even a small decay may be all that is "
        "left of a step."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, ‖λθ‖ is larger than ‖g‖ (of AdamW, the decay larger "
        "than the rest of the step), and ‖θ‖ falls by a fraction of {fall:g} in them, and has not "
        "grown back to {regrown:g} of what it was; and "
        "after {patience:.0f} losses or more, the loss has not fallen, or has lost half of what it "
        "had gained, and has not been beyond {over:g} times where it began, where no decay brings "
        "it. Where it has fallen, a decay that is stronger than a small gradient does no "
        "harm, unless it has brought ‖θ‖ down to {gone:g} of what it was in the first sample. Or "
        "the loss has a penalty that is made of weights alone, these have fallen to {left:g} of "
        "their norm, and after as many losses the rest of it is, over {samples:.0f} samples, at "
        "{near:g} or more of what the best constant answer would have."
    )
    causes: ClassVar = (
        "a weight_decay of 0.1 to 1, as AdamW takes it, given to Adam or SGD",
        "a loss that was divided, so that its gradient is small beside the decay",
        "a sum of squares of all weights that is added to the loss with too large a factor",
    )
    remedies: ClassVar = (
        "use a weight_decay of 1e-4 or less with Adam and SGD, and of 0.01 to 0.1 with AdamW",
        "use torch.optim.AdamW, which keeps the decay apart from the gradient",
        "leave biases, norms and embeddings without decay",
    )
    source: ClassVar[str] = "Loshchilov & Hutter 2019; thresholds: Backsight"

    samples: float = 5
    fall: float = 0.05
    patience: float = 100
    """Losses."""
    gone: float = 0.1
    """Of all weights: no network has learned what made it as small."""
    regrown: float = 0.5
    """Of what they were: where decay and gradient hold each other, the norm goes up and down."""
    over: float = 2
    """A model without weights gives a constant answer: what is far worse has another cause."""
    low: float = 0.1
    """Of where the loss began: it has fallen, however much it varied at first."""
    left: float = 0.7
    near: float = 0.9
    """Of the best constant answer's loss, which a batch has by chance."""
    _over: bool = field(default=False, init=False, repr=False)
    """Whether the loss has gone that far, after it had fallen to half."""
    learned: float = 0.7
    """Of that: what a few batches have by chance lies between the two."""
    _norms: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Of all weight matrices, in the first sample with a penalty."""
    _poor: dict[str, "deque[tuple[float, float, bool]]"] = field(
        default_factory=dict, init=False, repr=False
    )
    """Of the last samples, the loss without its penalty, that of a constant answer, and whether the
    weights had shrunk."""
    _recent: dict[str, "deque[tuple[float, float]]"] = field(
        default_factory=dict, init=False, repr=False
    )
    _decayed: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Norms of what is decayed, in the first sample."""
    _shrunk: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)
    """The least ratio, and the norm before, of the samples in which the weights last shrank."""
    _most: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """The highest norm before any of them."""

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of decay_ratio",
            sooner=(1, "decay_ratio is at most 1") if self.samples > 1 else None,
        )  # fmt: skip

    def _stuck(self, history: LossHistory | None) -> bool:
        """Whether nothing has been learned, or half of it is lost."""
        if history is None or history.count < self.patience:
            return False
        began = abs(history.began)
        self._over |= history.best < 0.5 * began and history.value > self.over * began
        learned = history.learned or history.level < self.low * began  # within its first 20 losses
        return not self._over and (not learned or history.lost > 0.5)

    def _penalty(self, where: str, penalty: float, now: Sample) -> None:
        norms, guesses = now.numbers("weight_norm"), now.numbers("penalty_guess")
        guesses = guesses or now.numbers("guess_loss")
        course, guess = now.courses.get(now.label), guesses.get(where)
        norm = math.hypot(*norms.values())
        if course is None or guess is None or not norms:
            return
        if not self.finite(where, penalty, guess, norm):
            return
        first = self._norms.setdefault(where, norm)
        recent = self._poor.setdefault(where, deque(maxlen=int(self.samples)))
        recent.append((course.value - penalty, guess, norm <= self.left * first))
        rest, best, shrunk = zip(*recent, strict=True)
        poor = all(shrunk) and sum(rest) >= self.near * sum(best)
        self.ready = True
        if not poor or len(recent) < self.samples or course.count < self.patience:
            if not all(shrunk) or sum(rest) < self.learned * sum(best):
                self.resolve(where, now.iteration)
            return
        self.found(
            where,
            now.iteration,
            f"the penalty on weights in the loss is {short(penalty)} and has shrunk them from "
            f"{short(first)} to {short(norm)}; the rest of the loss is at "
            f"{short(course.value - penalty)}, and the best constant answer has {short(guess)}",
            {"penalty": penalty, "norm before": first},
            signals=(named("penalty", where),),
        )

    def _update(self, now: Sample) -> None:
        penalties = now.numbers("penalty")
        for where in {*penalties, *self._norms}:  # once it has taken all, it is not seen any more
            self._penalty(where, penalties.get(where, 0.0), now)
        norms = now.numbers("decayed_norm")
        for where, ratio in now.numbers("decay_ratio").items():
            norm = norms.get(where, 0.0)
            stuck = self._stuck(now.courses.get(now.label))
            if not self.finite(where, ratio, norm):
                continue
            first = self._decayed.setdefault(where, norm)
            recent = self._recent.setdefault(where, deque(maxlen=int(self.samples)))
            if ratio > 1:
                recent.append((ratio, norm))
                self.usable(where, len(recent))
            else:
                recent.clear()
                self.ready = True
            if len(recent) == recent.maxlen:
                self.ready = True
                if norm <= (1 - self.fall) * recent[0][1]:
                    self._shrunk[where] = min(one for one, _ in recent), recent[0][1]
                    self._most[where] = max(self._most.get(where, 0.0), recent[0][1])
            if where not in self._shrunk:
                continue
            grown = norm >= max(self._shrunk[where][1], self.regrown * self._most[where])
            if grown:
                del self._shrunk[where], self._most[where]
                self.resolve(where, now.iteration)
                continue
            gone = norm <= self.gone * first
            if stuck or gone:
                self._tell(where, now.iteration, norm, stuck=stuck)
            elif where in self.findings:
                self.resolve(where, now.iteration)

    def _tell(self, where: str, iteration: int, norm: float, *, stuck: bool) -> None:
        ratio, _ = self._shrunk[where]
        before = self._most[where] if stuck else self._decayed[where]
        shrunk = f" from {short(before)} to {short(norm)}" if norm < before else ""
        told = f"and the norm of the weights has fallen{shrunk}"
        if stuck:
            told = f"the norm of the weights has fallen{shrunk}, and the loss has not"
        self.found(
            where,
            iteration,
            f"weight decay was at least {short(ratio)} times as strong as the gradient in "
            f"{self.samples:.0f} samples in a row, {told}",
            {"decay relative to the gradient": ratio, "norm before": before},
            signals=(named("decay_ratio", where),),
        )

"""Losses that are no measure of progress: an adversary's, a policy's, one that a target network
asks for, one that a user says so of, several tasks' in turn; and learning rates that are meant to
become too high.

A rule that takes the loss for what the training brings down would accuse a GAN of a divergence, a
policy gradient of a collapse, and a range test of both. What such a rule finds is kept, as a note
that gives the reason.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from backsight.diagnosis._finding import Finding, Verdict
from backsight.diagnosis._phases import LOSSES_IN_TURN
from backsight.diagnosis._sample import Sample
from backsight.diagnosis._stretch import Stretch

__all__ = ["Objectives", "softened", "softened_verdict"]

FIRST = 40
"""Losses from the beginning, in which a loss that is noise around zero shows."""

CHANGES = 4
"""Of the sign, in those. A log density may pass zero on its way down, and does so once."""

NO_MEASURE = "that loss is no measure of progress"
DECLARED = f"{NO_MEASURE}: it is not what this training minimises, as the run says"
POLICY = f"{NO_MEASURE}: it is that of a policy gradient"
OPPOSED = f"{NO_MEASURE}: this model is trained against another one"
FOLLOWED = (
    f"{NO_MEASURE}: the model is asked for what an older copy of it says (a target network), and "
    "that is replaced now and then"
)
SIGNS = (
    f"{NO_MEASURE}: it is noise around zero from the start, as that of a policy gradient or of a "
    "critic"
)
IN_TURN = "losses of several kinds take turns here, each with a level of its own"
SEARCH = "the learning rate rises by the same factor at every step, as in a range test"

LEVELS = frozenset({"BKS202", "BKS205"})
"""What compares a loss with its neighbours, which are of other tasks where losses take turns."""

RANGE = 1e5
"""Times the first learning rate: no schedule of a training rises so far."""

SAME = 0.01
"""Of the logarithm of the factor from one step to the next: rates may be rounded."""


@dataclass
class _Rate:
    """A learning rate, as long as it rises by the same factor at every step."""

    first: float
    last: float
    until: int
    """The newest iteration in which it has."""
    factor: float = 0.0
    """Its logarithm; 0 while there is one rate only."""
    over: bool = False

    def add(self, iteration: int, rate: float) -> None:
        if self.over:
            return
        known = 0 < rate < math.inf and 0 < self.last < math.inf
        factor = math.log(rate) - math.log(self.last) if known else -1.0
        expected = self.factor or factor
        self.over = not (factor > 0 and abs(factor - expected) <= SAME * expected)
        if not self.over:
            self.last, self.until, self.factor = rate, iteration, expected

    @property
    def is_range_test(self) -> bool:
        return self.last >= RANGE * self.first > 0


class Objectives:
    """What speaks against taking a loss for an objective, by its member."""

    def __init__(self) -> None:
        self._rates: dict[str, _Rate] = {}
        self._opposed: set[str] = set()
        self._policies: set[str] = set()
        self._followed: set[str] = set()
        self._in_turn = False
        self._changes: dict[str, tuple[int, int, int]] = {}
        """Finite losses so far, how often their sign changed, and the newest sign."""

    def update(self, now: Sample) -> None:
        """Look at one more iteration."""
        for member, loss in now.numbers("loss").items():
            self._add(member, loss)
        self._opposed.update(m for m, against in now.numbers("adversary").items() if against > 0)
        self._policies.update(now.numbers("likelihood_weighted"))
        self._followed.update(now.numbers("target_replaced"))
        self._in_turn |= LOSSES_IN_TURN in now.numbers("phase").values()
        for member, rate in now.numbers("lr").items():
            self._rate(member, now.iteration, rate)

    def update_many(self, stretch: Stretch) -> None:
        """Look at all iterations of a stretch."""
        for column in stretch.scalars("loss"):
            missing = FIRST - self._changes.get(column.member, (0, 0, 0))[0]
            for loss in column.numbers[column.finite][: max(0, missing)].tolist():
                self._add(column.member, loss)
        for column in stretch.scalars("adversary"):
            if bool(np.any(column.numbers > 0)):
                self._opposed.add(column.member)
        self._policies.update(one.member for one in stretch.scalars("likelihood_weighted"))
        self._followed.update(one.member for one in stretch.scalars("target_replaced"))
        for column in stretch.scalars("lr"):
            at = stretch.iterations[column.at].tolist()
            for iteration, rate in zip(at, column.values, strict=True):
                self._rate(column.member, iteration, rate)
                if self._rates[column.member].over:
                    break

    def doubt(self, finding: Finding, *, loss: bool, declared: bool = False) -> str:
        """Why it is no fault, in a clause; empty where nothing speaks against it.

        Args:
            finding: in the loss, or of what a learning rate does.
            loss: whether it takes the loss for an objective.
            declared: whether the run says that it is none.
        """
        member = finding.module
        if self.searches(finding):
            return SEARCH
        if not loss:
            return ""
        if declared:
            return DECLARED
        if member in self._opposed:
            return OPPOSED
        if member in self._policies:
            return POLICY
        if member in self._followed:
            return FOLLOWED
        if self._in_turn and finding.code in LEVELS:
            return IN_TURN
        return SIGNS if self._changes.get(member, (0, 0, 0))[1] >= CHANGES else ""

    def searches(self, finding: Finding) -> bool:
        """Whether it was found while the learning rate was meant to become too high."""
        rate = self._rates.get(finding.module) or self._rates.get("")
        return rate is not None and rate.is_range_test and finding.iteration <= rate.until + 1

    def _rate(self, member: str, iteration: int, rate: float) -> None:
        if member in self._rates:
            self._rates[member].add(iteration, rate)
        else:
            self._rates[member] = _Rate(rate, rate, iteration)

    def _add(self, member: str, loss: float) -> None:
        count, changes, sign = self._changes.get(member, (0, 0, 0))
        if count < FIRST and np.isfinite(loss):
            new = int(np.sign(loss))
            changes += new * sign < 0
            self._changes[member] = count + 1, changes, new or sign


def softened(finding: Finding, doubt: str) -> Finding:
    """A note in its place, if there is a doubt."""
    if not doubt or finding.severity == "info":
        return finding
    return replace(finding, severity="info", message=f"{finding.message}; {doubt}")


def softened_verdict(verdict: Verdict, found: tuple[Finding, ...]) -> Verdict:
    """The verdict on findings some of which have become notes."""
    if found == verdict.findings:
        return verdict
    told = {old.message: new.message for old, new in zip(verdict.findings, found, strict=True)}
    return replace(verdict, findings=found, reason=told.get(verdict.reason, verdict.reason))

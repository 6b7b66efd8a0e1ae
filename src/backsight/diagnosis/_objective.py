"""Losses that are no measure of progress: an adversary's, a policy's, one that a user says so of.

A rule that takes the loss for what the training brings down would accuse a GAN of a divergence and
a policy gradient of a collapse. What such a rule finds is kept, as a note that gives the reason.
"""

from dataclasses import replace

import numpy as np

from backsight.diagnosis._finding import Finding, Verdict
from backsight.diagnosis._sample import Sample
from backsight.diagnosis._stretch import Stretch

__all__ = ["Objectives", "softened", "softened_verdict"]

FIRST = 40
"""Losses from the beginning, in which a loss that is noise around zero shows."""

CHANGES = 4
"""Of the sign, in those. A log density may pass zero on its way down, and does so once."""

DECLARED = "it is not what this training minimises, as the run says"
OPPOSED = "this model is trained against another one"
SIGNS = "it is noise around zero from the start, as that of a policy gradient or of a critic"


class Objectives:
    """What speaks against taking a loss for an objective, by its member."""

    def __init__(self) -> None:
        self._opposed: set[str] = set()
        self._changes: dict[str, tuple[int, int, int]] = {}
        """Finite losses so far, how often their sign changed, and the newest sign."""

    def update(self, now: Sample) -> None:
        """Look at one more iteration."""
        for member, loss in now.numbers("loss").items():
            self._add(member, loss)
        self._opposed.update(m for m, against in now.numbers("adversary").items() if against > 0)

    def update_many(self, stretch: Stretch) -> None:
        """Look at all iterations of a stretch."""
        for column in stretch.scalars("loss"):
            missing = FIRST - self._changes.get(column.member, (0, 0, 0))[0]
            for loss in column.numbers[column.finite][: max(0, missing)].tolist():
                self._add(column.member, loss)
        for column in stretch.scalars("adversary"):
            if bool(np.any(column.numbers > 0)):
                self._opposed.add(column.member)

    def doubt(self, member: str, *, declared: bool = False) -> str:
        """Why the loss is no measure, in a clause; empty where nothing speaks against it.

        Args:
            member: whose.
            declared: whether the run says so.
        """
        if declared:
            return DECLARED
        if member in self._opposed:
            return OPPOSED
        return SIGNS if self._changes.get(member, (0, 0, 0))[1] >= CHANGES else ""

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
    message = f"{finding.message}; that loss is no measure of progress: {doubt}"
    return replace(finding, severity="info", message=message)


def softened_verdict(verdict: Verdict, found: tuple[Finding, ...]) -> Verdict:
    """The verdict on findings some of which have become notes."""
    told = {old.message: new.message for old, new in zip(verdict.findings, found, strict=True)}
    return replace(verdict, findings=found, reason=told.get(verdict.reason, verdict.reason))

"""What a rule says: an outcome, and for each thing found the numbers it was decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Evidence", "Finding", "Outcome", "Severity", "Verdict"]

Severity = Literal["error", "warning", "info"]
"""``error``: the run learns nothing, or not what it should. ``warning``: it learns less well than
it could. ``info``: it wastes time."""

Outcome = Literal["healthy", "finding", "not enough data", "not finite"]

Evidence = Mapping[str, float | str]
"""Floats by what they are, in words; counts, norms, iterations."""


@dataclass(slots=True)
class Finding:
    """Something wrong, at one place, from its first sign on.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> (finding,) = Judge().update(7, {"loss": float("nan")})
        >>> finding.code, finding.severity, finding.iteration, finding.signals
        ('BKS201', 'error', 7, ('loss',))
    """

    code: str
    """Stable, such as ``BKS202``."""
    title: str
    severity: Severity
    module: str
    """The layer, the parameter or the model it is about; empty where there is only one."""
    iteration: int
    """When it was first seen."""
    message: str
    """What was seen, in a sentence with its numbers."""
    evidence: Evidence
    threshold: Evidence
    """What the evidence was held against."""
    signals: tuple[str, ...]
    """Recorded signals that show it."""
    last: int = -1
    """When it was last seen."""
    count: int = 1
    """How many times it was seen."""
    resolved_at: int | None = None
    """The iteration from which it was no longer so; None where it lasts."""
    outcome: dict[str, float | str] = field(default_factory=dict)
    """What came of it: the iterations until the loss went, the way back."""

    def __post_init__(self) -> None:
        self.last = max(self.last, self.iteration)

    def again(self, iteration: int) -> None:
        """It was seen once more."""
        self.last, self.resolved_at = iteration, None
        self.count += 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "code": self.code,
            "title": self.title,
            "severity": self.severity,
            "module": self.module,
            "iteration": self.iteration,
            "last": self.last,
            "count": self.count,
            "resolved_at": self.resolved_at,
            "message": self.message,
            "evidence": dict(self.evidence),
            "threshold": dict(self.threshold),
            "outcome": dict(self.outcome),
            "signals": list(self.signals),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a run.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> judge = Judge()
        >>> news = judge.update(7, {"loss": float("nan")})
        >>> [(verdict.code, verdict.outcome) for verdict in judge.diagnosis().verdicts][:2]
        [('BKS101', 'not enough data'), ('BKS102', 'not enough data')]
    """

    code: str
    outcome: Outcome
    reason: str
    """In words: what was found; or how much the rule needs, and how much there was."""
    findings: tuple[Finding, ...] = ()

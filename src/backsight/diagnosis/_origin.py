"""What grew first, told where a training broke out."""

from collections.abc import Iterable
from dataclasses import replace

from backsight.diagnosis._finding import Finding, Verdict

__all__ = ["with_origin"]

BREAKS_OUT = {"BKS201", "BKS203"}
"""Rules that find an explosion."""

GREW = "BKS208"

NEAR = 100
"""Iterations by which one rule may see later than the other that training has broken out."""


def with_origin(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The same, where the first findings of an explosion name the gate that grew first.

    Args:
        verdicts: one a rule.
    """
    verdicts = tuple(verdicts)
    grew = next((f for v in verdicts if v.code == GREW for f in v.findings), None)
    if grew is None:
        return verdicts
    return tuple(_told(one, grew) if one.code in BREAKS_OUT else one for one in verdicts)


def _told(verdict: Verdict, grew: Finding) -> Verdict:
    findings = tuple(
        replace(one, message=f"{one.message}; {_words(one, grew)}",
                evidence={**one.evidence, "grew first": grew.module})
        if abs(_since(one) - grew.iteration) <= NEAR else one
        for one in verdict.findings
    )  # fmt: skip
    reason = verdict.reason
    for before, after in zip(verdict.findings, findings, strict=True):
        reason = after.message if reason == before.message else reason
    return replace(verdict, findings=findings, reason=reason)


def _words(one: Finding, grew: Finding) -> str:
    before = _since(one) - int(grew.evidence["began"])
    many = "iteration" if before == 1 else "iterations"
    when = f", {before:,} {many} before" if before > 0 else ""
    return f"the weights of {grew.module} grew first{when} ({GREW})"


def _since(one: Finding) -> int:
    return int(one.evidence.get("since", one.iteration))

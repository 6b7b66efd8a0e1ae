"""What the writer of a run has found so far, without judging anything again."""

from collections.abc import Iterator
from typing import Any

from backsight.diagnosis._diagnose import facts_of, merged, models_of
from backsight.diagnosis._finding import Finding, Verdict
from backsight.diagnosis._judge import Diagnosis, Judge
from backsight.diagnosis._recorded import finding_of, recorded_verdicts
from backsight.diagnosis.rules import RULES
from backsight.signals import Run, family

__all__ = ["findings_so_far"]


def findings_so_far(run: Run) -> Diagnosis:
    """The verdict that a run holds or, while it has none that counts, the findings told so far.

    This takes milliseconds, however long the run is. While a run trains, the record has the first
    sign of each finding alone: it does not say which of them are over, and no rule is ``healthy``.
    A verdict of other rules says which were over by then.

    Args:
        run: a run, which may still be written.

    Raises:
        RunError: the events of the run cannot be read.

    Example:
        >>> from backsight.diagnosis import Judge, findings_so_far
        >>> from backsight.signals import Recorder, Run
        >>> (finding,) = Judge().update(7, {"loss": float("nan")})
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(7, {"loss": float("nan")})
        ...     recorder.event("finding", 7, finding.as_dict())
        >>> [one.code for one in findings_so_far(Run("runs/mine")).lasting]
        ['BKS201']
    """
    facts = facts_of(run)
    judge = Judge(facts)
    kept = recorded_verdicts(run, judge.version, facts)
    extents = run.extents
    models = models_of(run)
    told: list[list[Finding]] = []
    found = []
    for number, names in enumerate(models):
        read = {n: extents[n] for n in names if n in extents and family(n) in judge.families}
        known = kept.on(read)
        if known is None:
            told = told or _told(run, models)
            known = _diagnosis(told[number])
        found.append(known)
    return found[0] if len(found) == 1 else merged(found)


def _told(run: Run, models: list[list[str]]) -> list[list[Finding]]:
    """By model, as the writer recorded them last; what is no finding of today's rules is left
    out.

    A verdict of other rules does not count, but it knows of what was found until then what was
    over, and what was none in the end.
    """
    told: list[list[Finding]] = [[] for _ in models]
    newest = {}
    for body in _bodies(run):
        finding = finding_of(body)
        if finding is not None:
            newest[finding.code, finding.module, finding.signals, finding.iteration] = finding
    for finding in newest.values():
        about = (i for i, names in enumerate(models) if not set(finding.signals).isdisjoint(names))
        told[next(about, 0)].append(finding)
    return told


def _bodies(run: Run) -> Iterator[Any]:
    """Findings of verdicts, and those that were told later."""
    judged = -1
    for event in run.events("diagnosis"):
        known = event.body.get("findings") if isinstance(event.body, dict) else None
        if isinstance(known, list):
            judged = max(judged, event.iteration)
            yield from known
    yield from (event.body for event in run.events("finding") if event.iteration > judged)


def _diagnosis(told: list[Finding]) -> Diagnosis:
    verdicts = []
    for rule in RULES:
        found = tuple(one for one in told if one.code == rule.code)
        if found:
            verdicts.append(Verdict(rule.code, "finding", found[-1].message, found))
        else:
            verdicts.append(Verdict(rule.code, "not enough data", "not judged yet"))
    return Diagnosis(tuple(verdicts), "while training")

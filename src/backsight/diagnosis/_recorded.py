"""The verdict that a run holds: what the judge said while it trained, and when that still counts.

It is the body of the event ``diagnosis``, one for each model. It counts where three things are as
they were: the rules (:attr:`Judge.version`), the facts about the task, and how many samples
of each signal the judge read, up to which iteration. Everything else in it is checked, since
anybody may have written the run; what does not fit is as if it were not there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec

from backsight.diagnosis._finding import Finding, Verdict
from backsight.diagnosis._judge import Diagnosis, Judge
from backsight.diagnosis._rule import Facts
from backsight.diagnosis.rules import RULES
from backsight.errors import RunError
from backsight.signals import Count, Run, check

__all__ = ["SignalExtents", "Verdicts", "finding_of", "recorded_verdicts", "verdict_body"]

SignalExtents = Mapping[str, tuple[int, int]]
"""By signal, how many samples there are and the iteration of the newest."""

BoundedText = Annotated[str, msgspec.Meta(max_length=1 << 16)]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=1 << 16)]
RecordedNumbers = dict[str, float | BoundedText]


class RecordedFinding(msgspec.Struct):
    """A finding, as :meth:`Finding.as_dict` writes it."""

    code: str
    title: str
    severity: Literal["error", "warning", "info"]
    module: BoundedText
    iteration: Count
    last: Count
    count: Count
    resolved_at: Count | None
    message: Sentence
    evidence: RecordedNumbers
    threshold: RecordedNumbers
    outcome: RecordedNumbers
    signals: list[BoundedText]


class RecordedOutcome(msgspec.Struct):
    """What one rule says; its findings are in a list of their own."""

    code: str
    outcome: Literal["healthy", "finding", "not enough data", "not finite"]
    reason: BoundedText


class DiagnosisBody(msgspec.Struct):
    """Event ``diagnosis``."""

    rules: str
    facts: dict[str, float | bool | None]
    covers: str
    findings: list[RecordedFinding]
    verdicts: list[RecordedOutcome]


def verdict_body(judge: Judge, extents: SignalExtents) -> dict[str, Any]:
    """The body of the event: all that a judge has come to.

    Args:
        judge: that has seen everything.
        extents: what it has seen of each signal; empty where that is not all that was recorded,
            and the verdict is not to be used again.

    Example:
        >>> from backsight.diagnosis import Judge, verdict_body
        >>> judge = Judge()
        >>> news = judge.update(7, {"loss": float("nan")})
        >>> body = verdict_body(judge, {"loss": (1, 7)})
        >>> len(body["rules"]), [finding["code"] for finding in body["findings"]]
        (16, ['BKS201'])
        >>> "rules" in verdict_body(judge, {})
        False
    """
    found = judge.diagnosis().as_dict()
    body = {"findings": found["findings"], "verdicts": found["verdicts"]}
    if not extents or not judge.version or judge.failed:
        return body
    return {"rules": judge.version, "facts": asdict(judge.facts), "covers": _digest(extents)} | body


def recorded_verdicts(run: Run, version: str, facts: Facts) -> "Verdicts":
    """The verdicts of the run that these rules would come to again, on these facts.

    Raises:
        RunError: the events of the run cannot be read.
    """
    kept: dict[str, Diagnosis] = {}
    for event in run.events("diagnosis"):
        body = event.body
        try:
            check(body, DiagnosisBody, "the verdict")
        except RunError:  # of another version of Backsight, or made up
            continue
        if version and body["rules"] == version and body["facts"] == asdict(facts):
            found = _diagnosis(body)
            if found is not None:
                kept[body["covers"]] = found
    return Verdicts(kept)


class Verdicts:
    """Recorded verdicts, by what they cover."""

    def __init__(self, kept: Mapping[str, Diagnosis]) -> None:
        self._kept = kept

    def on(self, extents: SignalExtents) -> Diagnosis | None:
        """The verdict on exactly those samples of those signals."""
        return self._kept.get(_digest(extents)) if self._kept and extents else None


def _digest(extents: SignalExtents) -> str:
    content = sorted((name, samples, last) for name, (samples, last) in extents.items())
    return sha256(json.dumps(content).encode()).hexdigest()


def _diagnosis(body: Mapping[str, Any]) -> Diagnosis | None:
    """As the judge had it; None where it says what no judge says."""
    by_code: dict[str, list[Finding]] = {rule.code: [] for rule in RULES}
    for plain in body["findings"]:
        finding = _finding(plain)
        if finding is None:
            return None
        by_code[finding.code].append(finding)
    if [verdict["code"] for verdict in body["verdicts"]] != list(by_code):
        return None
    verdicts = tuple(_verdicts(body["verdicts"], by_code))
    return Diagnosis(verdicts, "while training") if len(verdicts) == len(RULES) else None


def finding_of(body: Any) -> Finding | None:
    """A finding as an event has it; None where no rule of today can have made it."""
    try:
        check(body, RecordedFinding, "the finding")
    except RunError:
        return None
    return _finding(body)


def _finding(plain: Mapping[str, Any]) -> Finding | None:
    known = {**plain, "signals": tuple(plain["signals"])}
    finding = Finding(**{name: known[name] for name in RecordedFinding.__struct_fields__})
    sound = finding.count >= 1 and finding.last >= finding.iteration
    return finding if sound and any(rule.code == finding.code for rule in RULES) else None


def _verdicts(
    bodies: list[dict[str, str]], by_code: Mapping[str, list[Finding]]
) -> Iterator[Verdict]:
    """One a rule, up to the first that contradicts its findings."""
    for body, rule in zip(bodies, RULES, strict=True):
        found = tuple(sorted(by_code[rule.code], key=lambda f: (f.iteration, f.module)))
        unready = body["outcome"] == "not enough data"  # which may have a note
        graver = (f for f in found if not (unready and f.severity == "info"))
        lasts = any(f.resolved_at is None or not rule.lasting for f in graver)
        sound = all(f.title == rule.title and _is_iteration(f.evidence.get("since", 0))
                    for f in found)  # fmt: skip
        if lasts != (body["outcome"] == "finding") or not sound:
            return
        yield Verdict(rule.code, body["outcome"], body["reason"], found)  # type: ignore[arg-type]


def _is_iteration(value: float | str) -> bool:
    """What a timeline begins with."""
    return isinstance(value, int) and value >= 0

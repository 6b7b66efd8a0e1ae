"""Feeds every rule the numbers of a run, iteration by iteration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from backsight.diagnosis._finding import Finding, Verdict
from backsight.diagnosis._objective import Objectives, softened, softened_verdict
from backsight.diagnosis._origin import with_origin
from backsight.diagnosis._phases import Phases, cut_at_phases
from backsight.diagnosis._ranking import ORDER, Lead, advice_of, lead_rank, leads_of
from backsight.diagnosis._rule import Facts, Rule, Sample
from backsight.diagnosis._rules_version import rules_version
from backsight.diagnosis._sample import Value
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.rules import RULES
from backsight.diagnosis.stability import LossHistory
from backsight.signals import Profile, Series, family

__all__ = ["Diagnosis", "Judge", "Judged"]

Judged = Literal["while training", "now"]
"""When a verdict was reached: by the monitor, which recorded it, or by whoever asks for it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What every rule says of a run.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> judge = Judge()
        >>> for iteration, loss in enumerate([2.0, 1.5, float("nan")]):
        ...     news = judge.update(iteration, {"loss": loss})
        >>> diagnosis = judge.diagnosis()
        >>> diagnosis.has_errors, [finding.code for finding in diagnosis.findings]
        (True, ['BKS201'])
    """

    verdicts: tuple[Verdict, ...]
    """One a rule, in the order of their codes."""
    judged: Judged = field(default="now", compare=False)
    """When: the verdict is the same."""

    models: "tuple[Diagnosis, ...]" = ()
    """That of each model, where the run has several."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found: what lasts, each lead before its symptoms, then what is over."""
        led = [f for lead in self.leads for f in (*lead.findings, *lead.symptoms)]
        known = {id(one) for one in led}
        rest = [f for verdict in self.verdicts for f in verdict.findings if id(f) not in known]
        return (*led, *sorted(rest, key=lambda f: (ORDER[f.severity], f.iteration)))

    @property
    def lasting(self) -> tuple[Finding, ...]:
        """Findings of rules whose outcome is ``finding``, without states that are over; the order
        is that of :attr:`findings`."""
        return tuple(f for lead in self.leads for f in (*lead.findings, *lead.symptoms))

    @property
    def leads(self) -> tuple[Lead, ...]:
        """What lasts, by what it follows from, the gravest first."""
        if self.models:
            several = (lead for one in self.models for lead in one.leads)
            return tuple(sorted(several, key=lead_rank))
        lasting = [
            finding
            for verdict in self.verdicts
            if verdict.outcome in ("finding", "not enough data")  # which may have a note
            for finding in verdict.findings
            if finding.resolved_at is None or not _rule(finding.code).lasting
        ]
        return leads_of(lasting, RULES)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to try, in order: what is said of one finding never contradicts another."""
        return advice_of(self.leads, RULES)

    def advice_on(self, lead: Lead) -> tuple[str, ...]:
        """What to try, in order, where there is only that lead."""
        return advice_of((lead,), RULES)

    @property
    def has_errors(self) -> bool:
        """Whether anything of severity ``error`` is left."""
        return any(finding.severity == "error" for finding in self.lasting)

    def without(self, codes: Collection[str]) -> "Diagnosis":
        """The same, as if there were no rules with these codes.

        Args:
            codes: such as ``BKS202``.
        """
        verdicts = tuple(v for v in self.verdicts if v.code not in codes)
        models = tuple(one.without(codes) for one in self.models)
        return replace(self, verdicts=verdicts, models=models)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "judged": self.judged,
            "has_errors": self.has_errors,
            "findings": [finding.as_dict() for finding in self.findings],
            "leads": [
                {"code": lead.code, "symptoms": list(dict.fromkeys(f.code for f in lead.symptoms))}
                for lead in self.leads
            ],
            "advice": list(self.advice),
            "verdicts": [
                {"code": v.code, "outcome": v.outcome, "reason": v.reason} for v in self.verdicts
            ],
        }


class Judge:
    """Watches a run; gives the same verdict whether it trains or has ended.

    Args:
        facts: what is known of the run beside its signals.
        rules: those to apply, fresh ones; all with their default thresholds if not given.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> judge = Judge()
        >>> for iteration, loss in enumerate([2.0, 1.5, float("nan")]):
        ...     found = judge.update(iteration, {"loss": loss})
        ...     print(iteration, [finding.code for finding in found])
        0 []
        1 []
        2 ['BKS201']
    """

    def __init__(self, facts: Facts | None = None, rules: Sequence[Rule] | None = None) -> None:
        self.facts = facts or Facts()
        self.rules = [rule() for rule in RULES] if rules is None else list(rules)
        self.version = rules_version(self.rules)
        """Of the rules that judge; read now, since another version may be installed meanwhile."""
        self._courses: dict[str, LossHistory] = {}
        self._phases = Phases(self._courses)
        self._objectives = Objectives()
        self._readers: dict[frozenset[str], list[Rule]] = {}
        self._known: dict[int, int] = {id(rule): 0 for rule in self.rules}
        self.failed: dict[str, Exception] = {}
        """By code, what a rule raised: it is asked no more, and the others go on."""
        self.iterations = 0
        """Seen so far."""

    @cached_property
    def families(self) -> frozenset[str]:
        """Signals that any rule looks at."""
        return frozenset(
            {
                *("loss", "lr", "adversary", "likelihood_weighted", "phase", "target_replaced"),
                *(name for r in self.rules for name in (*r.reads, *r.optional_signals)),
            }
        )

    def update(self, iteration: int, values: Mapping[str, Value]) -> list[Finding]:
        """Look at everything recorded in an iteration; iterations come in order.

        Returns:
            what was found for the first time, or has turned out to be graver than a note.
        """
        now = Sample(iteration, values, self._courses, self.facts)
        for member, loss in now.numbers("loss").items():
            self._courses.setdefault(member, LossHistory()).add(iteration, loss)
        self._objectives.update(now)
        self._phases.add(now)
        if "phase" in now.families and self._phases.begin(now, self.rules):
            self._known |= {id(rule): len(rule.findings) for rule in self.rules}
            self._readers.clear()
        here = now
        if self._phases.several:
            here = Sample(iteration, values, self._phases.courses, self.facts)
        new: list[Finding] = []
        for rule in self._reading(now.families):
            if rule.code in self.failed:
                continue
            try:
                rule.update(here if rule.begins_anew else now)
            except Exception as error:  # noqa: BLE001 - one rule must not silence the others
                self.failed[rule.code] = error
            if len(rule.findings) != self._known[id(rule)]:
                new += self._told(rule, list(rule.findings.values())[self._known[id(rule)] :])
                self._known[id(rule)] = len(rule.findings)
            if rule.raised:
                new += self._told(rule, [finding for _, finding in rule.raised])
                rule.raised.clear()
        self.iterations += 1
        return new

    def update_many(self, signals: Mapping[str, Series | Profile]) -> list[Finding]:
        """Look at many iterations at once; it comes to what :meth:`update` comes to.

        Args:
            signals: all that was recorded in them, by name.

        Returns:
            what was found for the first time, or has turned out to be graver than a note, in
            order.
        """
        found: list[Finding] = []
        for part in cut_at_phases(signals):
            if any(family(name) == "phase" for name in part):
                (iteration,) = {int(one.iterations[0]) for one in part.values()}
                values: dict[str, Value] = {
                    name: one.rows[0] if isinstance(one, Profile) else float(one.values[0])
                    for name, one in part.items()
                }
                found += self.update(iteration, values)
            else:
                found += self._update_stretch(part)
        return found

    def _update_stretch(self, signals: Mapping[str, Series | Profile]) -> list[Finding]:
        """The same, where no phase begins."""
        stretch = here = Stretch(signals, self._courses, self.facts)
        if self._phases.several:
            here = Stretch(signals, self._phases.courses, self.facts)
        self._objectives.update_many(stretch)
        new: list[tuple[int, int, Finding]] = []
        for number, rule in enumerate(self.rules):
            if rule.code in self.failed or not len(stretch.places(rule.reads)):
                continue
            try:
                rule.update_many(here if rule.begins_anew else stretch)
            except Exception as error:  # noqa: BLE001 - one rule must not silence the others
                self.failed[rule.code] = error
            first = list(rule.findings.values())[self._known[id(rule)] :]
            told = [(finding.iteration, finding) for finding in first]
            told += [one for one in rule.raised if not any(one[1] is known for known in first)]
            rule.raised.clear()
            found = self._told(rule, [finding for _, finding in told])
            new += [(at, number, one) for (at, _), one in zip(told, found, strict=True)]
            self._known[id(rule)] = len(rule.findings)
        self.iterations += len(stretch.iterations)
        return [finding for *_, finding in sorted(new, key=lambda one: one[:2])]

    def diagnosis(self) -> Diagnosis:
        """What it has come to so far."""
        verdicts = []
        for rule in self.rules:
            verdict = self._phases.verdict(rule)
            verdict = softened_verdict(verdict, tuple(self._told(rule, verdict.findings)))
            error = self.failed.get(rule.code)
            if error is not None and not verdict.findings:
                verdict = replace(
                    verdict, outcome="not enough data", reason=f"the rule failed: {error!r}"
                )
            verdicts.append(verdict)
        return Diagnosis(with_origin(verdicts))

    def _told(self, rule: Rule, found: Sequence[Finding]) -> list[Finding]:
        """As notes, where the rule takes a loss for an objective that is none."""
        if not (rule.judges_objective or rule.judges_rate):
            return list(found)
        loss, declared = rule.judges_objective, not self.facts.objective
        return [
            softened(one, self._objectives.doubt(one, loss=loss, declared=declared))
            for one in found
        ]

    def _reading(self, families: frozenset[str]) -> list[Rule]:
        """The rules that any of these concerns."""
        if families not in self._readers:
            self._readers[families] = [r for r in self.rules if not families.isdisjoint(r.reads)]
        return self._readers[families]


def _rule(code: str) -> type[Rule]:
    return next(rule for rule in RULES if rule.code == code)

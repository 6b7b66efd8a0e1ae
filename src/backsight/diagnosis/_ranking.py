"""Which finding leads, what follows from it, and what to try: for all findings together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backsight.diagnosis._finding import Finding, Severity
from backsight.diagnosis._remedy import ConditionalRemedy
from backsight.diagnosis._rule import Rule
from backsight.diagnosis.stability import LossHistory

__all__ = ["ORDER", "Lead", "advice_of", "lead_rank", "leads_of"]

ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}

LATE = 50
"""Iterations by which a rule that reads samples may find late what was there before."""


class _Known(dict[str, type[Rule]]):
    """Rules by code; of a rule of the user's own, nothing is known."""

    def __missing__(self, code: str) -> type[Rule]:
        return _Unknown


class _Unknown(Rule):
    """Leads to nothing, and has no remedies here."""

    code = ""
    reads = ("loss",)
    remedies = ()


@dataclass(frozen=True, slots=True)
class Lead:
    """What follows from no other finding.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> judge = Judge()
        >>> for iteration in range(900):
        ...     new = judge.update(iteration, {"loss": 2.0, "input_spread/rnn": 0.0})
        >>> (lead,) = judge.diagnosis().leads
        >>> lead.code, [symptom.code for symptom in lead.symptoms]
        ('BKS407', ['BKS302'])
    """

    findings: tuple[Finding, ...]
    """One, or several of the same code: one a layer or a parameter."""
    symptoms: tuple[Finding, ...] = ()
    """What follows from it, the gravest first, then the oldest."""
    cause: bool = False
    """Whether it is a mistake by itself, which nothing else in a run can give."""
    lasting: bool = True
    """Whether it is a state, rather than something that happened."""

    @property
    def code(self) -> str:
        """Theirs."""
        return self.findings[0].code

    @property
    def severity(self) -> Severity:
        """That of the gravest of all of them."""
        return min((f.severity for f in (*self.findings, *self.symptoms)), key=ORDER.__getitem__)


def leads_of(found: Sequence[Finding], rules: Iterable[type[Rule]]) -> tuple[Lead, ...]:
    """Findings on one model, each under the one that it follows from.

    One follows from another if its code is among those that the other's rule ``leads_to``, if the
    other was there before it, and if that is no mere note beside something graver, unless the note
    outweighs it. From a mistake of the script, whatever is no such mistake may follow: it was there
    from the beginning, however late it was seen.

    Args:
        found: those that last.
        rules: all there are.

    Returns:
        mistakes first, then the gravest, counting what follows; then the oldest.
    """
    facts = _Known({rule.code: rule for rule in rules})
    alike: dict[tuple[str, bool], list[Finding]] = {}
    for one in sorted(found, key=lambda f: (ORDER[f.severity], f.iteration, f.module)):
        alike.setdefault((one.code, one.severity == "info"), []).append(one)
    groups = sorted(alike.values(), key=lambda group: _begin(group, facts))
    causes: list[int | None] = []
    for number, group in enumerate(groups):
        note = all(one.severity == "info" for one in group)
        able = [
            earlier
            for earlier, other in enumerate(groups[:number])
            if group[0].code in _effects(other[0], facts, of_note=note)
        ]
        causes.append(able[0] if able else None)
    symptoms: dict[int, list[Finding]] = {}
    for number, group in enumerate(groups):
        root = number
        while (cause := causes[root]) is not None:
            root = cause
        if root != number:
            symptoms.setdefault(root, []).extend(group)
    made = [
        Lead(
            tuple(group),
            tuple(sorted(symptoms.get(number, ()), key=_rank)),
            facts[group[0].code].cause,
            facts[group[0].code].lasting,
        )
        for number, group in enumerate(groups)
        if causes[number] is None
    ]
    return tuple(sorted(made, key=lead_rank))


def lead_rank(lead: Lead) -> tuple[bool, int, bool, bool, int, str]:
    """Mistakes before what may follow from them, the gravest first, of notes likewise; among notes,
    what has happened comes after what lasts; then the oldest."""
    mistake = lead.cause and lead.findings[0].severity != "info"
    happened = lead.severity == "info" and not lead.lasting
    oldest = min(f.iteration for f in lead.findings)
    return not mistake, ORDER[lead.severity], not lead.cause, happened, oldest, lead.code


def advice_of(leads: Sequence[Lead], rules: Iterable[type[Rule]], most: int = 5) -> tuple[str, ...]:
    """What to try, in order: the remedies of what leads, as far as the evidence speaks for them.

    A symptom goes with its cause, so that its remedies are left out; so are those that would turn
    a setting against an earlier one, or further than a finding allows, and, where anything graver
    was found, those of notes.

    Args:
        leads: the gravest first.
        rules: all there are.
        most: so many.
    """
    facts = _Known({rule.code: rule for rule in rules})
    graver = [lead for lead in leads if lead.severity != "info"]
    turned = _allowed(graver, facts)
    chosen: dict[str, None] = {}
    for lead in graver or leads:
        for one in facts[lead.code].remedies:
            if not isinstance(one, ConditionalRemedy):
                chosen.setdefault(one)
                continue
            fits = one.when is None or any(one.when(f.evidence) for f in lead.findings)
            against = any(turned.get(name, way) != way for name, way in one.turns.items())
            if fits and not against:
                turned |= one.turns
                chosen.setdefault(one)
    return tuple(map(str, chosen))[:most]


def _effects(found: Finding, facts: Mapping[str, type[Rule]], *, of_note: bool) -> Iterable[str]:
    """What may follow from it, among notes or what is graver; of a mistake that names nothing, all
    that is none itself, and that it does not spare. A note may be no mistake."""
    rule = facts[found.code]
    if found.severity == "info":
        outweighed = rule.outweighs(found)
        return (*rule.leads_to, *rule.explains, *outweighed) if of_note else outweighed
    if rule.leads_to or not rule.cause:
        return rule.leads_to
    return [code for code, other in facts.items() if not other.cause and code not in rule.spares]


def _allowed(leads: Sequence[Lead], facts: Mapping[str, type[Rule]]) -> dict[str, int]:
    """By setting, the one way that is left; of findings that contradict each other, the first."""
    ways: dict[str, int] = {}
    for lead in leads:
        for one in (*lead.findings, *lead.symptoms):
            for name, way in facts[one.code].forbids.items():
                ways.setdefault(name, -way)
    return ways


def _rank(one: Finding) -> tuple[int, int, str]:
    return ORDER[one.severity], one.iteration, one.code


def _begin(group: Sequence[Finding], facts: Mapping[str, type[Rule]]) -> tuple[bool, int, int]:
    """Mistakes first; then from when on it was so, at the latest, and its place among causes."""
    code = group[0].code
    mistake = facts[code].cause and group[0].severity != "info"
    first = min(int(f.evidence.get("since", f.iteration)) for f in group)
    if "loss" not in facts[code].reads:
        first -= LATE
    elif "since" in group[0].evidence:  # of a level, a median of 20
        first -= LossHistory.LEVEL
    return not mistake, first, -len(facts[code].leads_to)

"""What a rule is: it sees a run's numbers iteration by iteration and keeps what it finds.

The same object judges a run while it trains and a finished one: both feed it the same numbers in
the same order, so that both come to the same verdict.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._finding import Evidence, Finding, Outcome, Severity, Verdict
from backsight.diagnosis._requirement import Requirement, Unit
from backsight.diagnosis._sample import Facts, ProfileRow, Sample
from backsight.diagnosis._stretch import Stretch
from backsight.signals import spell

__all__ = [
    "Facts",
    "ProfileRow",
    "Rule",
    "Sample",
    "in_all",
    "named",
    "of_module",
    "parts_of",
    "percent",
    "short",
]


@dataclass
class Rule(ABC):
    """One way in which training goes wrong.

    What a subclass adds as a field is a threshold: an argument with a default and a reason.

    Example:
        >>> from backsight.diagnosis import RULES
        >>> spike = next(rule for rule in RULES if rule.code == "BKS202")
        >>> spike.reads, spike.severity
        (('loss',), 'warning')
        >>> spike(sigmas=20.0).thresholds["sigmas"]
        20.0
    """

    code: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    reads: ClassVar[tuple[str, ...]]
    """Families without any of which there is nothing to see; samples of the first are counted."""
    optional_signals: ClassVar[tuple[str, ...]] = ()
    """Families that it looks at besides, where they are."""
    judges_objective: ClassVar[bool] = False
    """Whether it takes the loss for what the training brings down."""
    judges_rate: ClassVar[bool] = False
    """Whether a learning rate that is too high, or too low, gives it."""
    lasting: ClassVar[bool] = True
    """Whether it is a state, which may be over, rather than something that happened."""
    begins_anew: ClassVar[Literal["", "loss", "steps"]] = ""
    """Whether it begins anew in another phase of the training: where that begins with a higher
    loss, or, of a rule on steps, also where these move other parameters."""
    cause: ClassVar[bool] = False
    """Whether it names a mistake of the script, from which others of what is found may follow."""
    explanation: ClassVar[str]
    criterion: ClassVar[str]
    """How, in words, with the names of the thresholds in braces."""
    leads_to: ClassVar[tuple[str, ...]] = ()
    """Codes of what may follow from it: its symptoms, where it was there before."""
    explains: ClassVar[tuple[str, ...]] = ()
    """Codes of notes that follow from a note of it, where it was there before them."""
    spares: ClassVar[tuple[str, ...]] = ()
    """Codes of what cannot follow from a mistake that names nothing in ``leads_to``: a clip, say,
    changes the size of all steps, and leaves no parameter alone without a gradient."""
    forbids: ClassVar[Mapping[str, int]] = {}
    """Settings that must not be turned any further that way, as in ``remedy``: steps that are too
    large rule out a higher learning rate."""
    causes: ClassVar[tuple[str, ...]]
    remedies: ClassVar[tuple[str, ...]]
    """In the order to try; :func:`remedy` makes one that depends on the evidence."""
    studied_remedies: ClassVar[tuple[str, ...]] = ()
    """Names of those that ``backsight study remedies`` can try, in the same order; none where no
    setting mends it, as where the code cuts the graph."""
    explodes: ClassVar[bool] = False
    """Whether it tells that training has broken out: a study counts such a run as exploding."""
    source: ClassVar[str]
    """Where rule and thresholds come from."""

    findings: dict[str, Finding] = field(default_factory=dict, init=False, repr=False)
    """By where."""
    raised: list[tuple[int, Finding]] = field(default_factory=list, init=False, repr=False)
    """What was found as a note and has turned out to be graver, with the iteration at which it
    has; whoever tells it empties the list."""
    ready: bool = field(default=False, init=False, repr=False)
    """Whether enough was seen to call the run healthy in this respect."""
    _off: set[str] = field(default_factory=set, init=False, repr=False)
    """Where what it read last was not finite."""
    _recorded: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """Iterations with each family of ``reads``, until it is ready."""
    _usable: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """By member, the iterations that count towards being ready."""
    _losses: int = field(default=0, init=False, repr=False)
    """Finite losses up to the last iteration with the first family of ``reads``."""

    def update(self, now: Sample) -> None:
        """Look at one more iteration; they come in order."""
        if not self.ready:
            self._tally(now)
        self._update(now)

    @abstractmethod
    def _update(self, now: Sample) -> None:
        """The same, by each rule."""

    def update_many(self, stretch: Stretch) -> None:
        """Look at all iterations of a stretch.

        It comes to exactly what :meth:`update` comes to, iteration by iteration. A rule that reads
        something in every iteration overrides it: millions of them should take seconds.
        """
        for place in stretch.places(self.reads).tolist():
            self.update(stretch.sample(place))

    def _tally_many(self, stretch: Stretch) -> None:
        """The tally of a stretch in which the rule does not become ready."""
        for name in self.reads:
            if count := len(stretch.places((name,))):
                self._recorded[name] = self._recorded.get(name, 0) + count
        first = stretch.places((self.reads[0],))
        if len(first):
            courses = stretch.sample(int(first[-1])).courses
            course = courses.get(next(iter(courses), ""))
            self._losses = 0 if course is None else course.count

    def hit_or_miss(
        self,
        module: str,
        iterations: NDArray[np.int64],
        hits: NDArray[np.bool_],
        misses: NDArray[np.bool_],
        tell: Callable[[int], None],
    ) -> None:
        """What a state comes to that is there in some samples, and over in others.

        Args:
            module: where.
            iterations: shape ``(k,)``, of the samples.
            hits: shape ``(k,)``, whether it is there.
            misses: shape ``(k,)``, whether it is over.
            tell: calls :meth:`found` for the sample with that index.
        """
        found = np.flatnonzero(hits)
        after = 0
        if found.size:
            first, last = int(found[0]), int(found[-1])
            known = module in self.findings
            if not known:
                tell(first)
            if known or last > first:  # those in between are only counted
                self.findings[module].count += len(found) - 2 + known
                tell(last)
            after = last + 1
        over = np.flatnonzero(misses[after:])
        if over.size:
            self.resolve(module, int(iterations[after + over[0]]))

    def note_finite(self, where: str, is_finite: bool) -> None:
        """What :meth:`finite` remembers of the last of many values."""
        if is_finite:
            self._off.discard(where)
        else:
            self._off.add(where)

    def _tally(self, now: Sample) -> None:
        """What a rule that stays unready has to say of it."""
        for name in self.reads:
            if now.holds(name):
                self._recorded[name] = self._recorded.get(name, 0) + 1
        if now.holds(self.reads[0]):
            course = now.courses.get(now.label)
            self._losses = 0 if course is None else course.count

    def finite(self, where: str, *values: float | ProfileRow) -> bool:
        """Whether it can be judged; where not, that is remembered until it can."""
        good = True
        for value in values:
            if isinstance(value, float):
                good = good and math.isfinite(value)
            else:
                good = good and bool(np.isfinite(value).all())
        if good:
            self._off.discard(where)
        else:
            self._off.add(where)
        return good

    @property
    def broken(self) -> bool:
        """Whether anything it read last was not finite."""
        return bool(self._off)

    def usable(self, where: str, in_a_row: int | None = None) -> None:
        """This iteration counts towards being ready; or it is that many in a row that do."""
        if not self.ready:
            self._usable[where] = self._usable.get(where, 0) + 1 if in_a_row is None else in_a_row

    @property
    def requirement(self) -> Requirement:
        """What it takes to judge, and what there was of it while the rule was not ready."""
        *most, last = self.reads
        one = self.require(1, "sample", f"of {', '.join(most)}{' or ' if most else ''}{last}")
        return replace(one, recorded=max(self._recorded.values(), default=0))

    def require(
        self,
        count: float,
        unit: Unit,
        of: str = "",
        *,
        sooner: tuple[int, str] | None = None,
        losses: float = 0,
        also: str = "",
    ) -> Requirement:
        """A requirement, with what there was of it.

        Args:
            count: how many iterations the rule has to call :meth:`usable` for, at one place.
            unit: what they are called; the first family of ``reads`` is recorded in them.
            of: what they are samples of, in words.
            sooner: a smaller number, and the condition under which that is enough.
            losses: how many losses have to precede the last of them.
            also: what it needs beside them, in words.
        """
        return Requirement(
            math.ceil(count), unit, of, sooner, math.ceil(losses), also,
            seen=max(self._usable.values(), default=0),
            recorded=self._recorded.get(self.reads[0], 0),
            losses_seen=self._losses,
        )  # fmt: skip

    @property
    def thresholds(self) -> dict[str, float]:
        """What the evidence is held against, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def found(
        self,
        module: str,
        iteration: int,
        message: str,
        evidence: Evidence,
        *,
        signals: Sequence[str] = (),
        severity: Severity | None = None,
    ) -> Finding:
        """Keep what was found; or count it, where it has been found before."""
        evidence, threshold = _spelled(evidence), _spelled(self.thresholds)
        known = self.findings.get(module)
        if known is not None:
            known.again(iteration)
            if self.lasting:  # the newest numbers, of what was found first
                known.message, known.evidence = message, evidence
            return known
        one = Finding(
            self.code, self.title, severity or self.severity, module, iteration, message,
            evidence, threshold, tuple(signals),
        )  # fmt: skip
        self.findings[module] = one
        return one

    def resolve(self, module: str, iteration: int) -> None:
        """It is no longer so."""
        known = self.findings.get(module)
        if known is not None and known.resolved_at is None:
            known.resolved_at = iteration

    @classmethod
    def outweighs(cls, note: Finding) -> tuple[str, ...]:
        """Codes of what follows from this note of the rule although it is graver, where the note
        was there before."""
        return ()

    def verdict(self) -> Verdict:
        """What the rule says of all it has seen."""
        found = tuple(sorted(self.findings.values(), key=lambda f: (f.iteration, f.module)))
        lasts = [f for f in found if f.resolved_at is None or not self.lasting]
        outcome: Outcome
        if lasts:
            outcome, why = "finding", lasts[0].message
        elif self.broken:
            outcome, why = "not finite", "its signals were not finite at the end of the run"
        elif self.ready:
            outcome, why = "healthy", ""
        else:
            outcome, why = "not enough data", str(self.requirement)
        return Verdict(self.code, outcome, why, found)


def _spelled(evidence: Evidence) -> Evidence:
    """As a run keeps it: JSON has no word for a number that is not finite."""
    return {
        name: spell(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in evidence.items()
    }


def short(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}" if math.isfinite(value) else str(value)


def percent(share: float) -> str:
    """``12 %``."""
    return f"{100 * share:.0f} %"


def named(family_: str, member_: str) -> str:
    """A signal's whole name."""
    return f"{family_}/{member_}" if member_ else family_


def in_all(now: Sample, family_: str) -> dict[str, float]:
    """Of a family that is recorded in all and by part, the number in all."""
    known = now.numbers(family_)
    label = now.label if now.courses else min(known, key=len, default="")
    return {where: number for where, number in known.items() if where == label}


def parts_of(now: Sample, family_: str, where: str) -> dict[str, float]:
    """The numbers by part."""
    stem = f"{where}." if where else ""
    return {
        name.removeprefix(stem): number
        for name, number in now.numbers(family_).items()
        if name != where and name.startswith(stem)
    }


def of_module(module: str) -> str:
    """``of rnn.l0``, ``of module 1`` where that is all its name, or nothing."""
    return f" of {'module ' if module[:1].isdigit() else ''}{module}" if module else ""

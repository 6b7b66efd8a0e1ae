"""A diagnosis on the terminal, and what the page says of it."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from backsight._printable import printable
from backsight.diagnosis import (
    RULES,
    Diagnosis,
    Finding,
    Lead,
    Severity,
    Timeline,
    Tried,
    explain,
)
from backsight.diagnosis.rules.wiring import WIRING
from backsight.report._terminal_text import terminal_text
from backsight.report.figures import FIGURES
from backsight.signals import Run, family

__all__ = [
    "STYLES",
    "Card",
    "cards",
    "lacking",
    "print_diagnosis",
    "print_explanation",
    "tally_words",
]

PROSE = 79
"""The longest line of an explanation, however wide the terminal is."""
MOST = 4
"""Findings of one code that are told one by one."""
STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def tally_words(finding: Finding) -> str:
    """When it was seen, how often, and what came of it.

    Example:
        >>> from backsight.diagnosis import Judge
        >>> from backsight.report import tally_words
        >>> (finding,) = Judge().update(7, {"loss": float("nan")})
        >>> "7" in tally_words(finding)
        True
    """
    words = f"from iteration {finding.iteration:,}"
    if finding.count > 1:
        words += f", seen {finding.count:,} times"
    words += "".join(f", {name}: {_plain(value)}" for name, value in finding.outcome.items())
    if finding.resolved_at is not None and not finding.outcome:
        words += f", resolved at iteration {finding.resolved_at:,}"
    return words


def print_diagnosis(
    run: Run,
    found: Diagnosis,
    chain: Timeline | None,
    tried: Tried | str | None = None,
    console: Console | None = None,
    *,
    ignored: Sequence[str] = (),
) -> None:
    """Findings, each with what follows from it, the gravest first, and what to try; then what is
    healthy and what could not be judged.

    Args:
        run: what was judged.
        found: the diagnosis.
        chain: what moved first.
        tried: what a study of remedies has left with the run, or why that cannot be read.
        console: where to; the terminal by default.
        ignored: codes that were left out.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight import Recorder, Run, diagnose
        >>> from backsight.report import print_diagnosis
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0] * 99 + [float("nan")])
        >>> run, said = Run("runs/mine"), io.StringIO()
        >>> print_diagnosis(run, diagnose(run), chain=None, console=Console(file=said))
        >>> "BKS201" in said.getvalue()
        True
    """
    console = console or Console(highlight=False)

    def say(text: str | Text = "") -> None:
        console.print(terminal_text(text), soft_wrap=True)

    say(f"{printable(run.path)}: {run.iterations:,} iterations, {run.status}")
    if run.failed and run.reason:
        say(
            Text("The run failed: ", "bold red").append(
                f"{printable(run.reason).rstrip('.')}.", "not bold default"
            )
        )
    lasting = found.lasting
    for lead in found.leads:
        _say_lead(lead, say)
    if not lasting:
        say("\nThe run has no lasting finding.")
    else:
        say("\nTry, in order:")
        for number, told in enumerate(found.advice, 1):
            say(f"  {number}. {printable(told)}")
    if chain is not None:
        say(f"\n{chain.message}")
    if isinstance(tried, Tried):
        line = Text("\nremedies  ", "bold green" if tried.proven else "yellow")
        say(line.append(_remedy_words(run, tried), "not bold default"))
        if tried.command:
            say(f"  {printable(tried.command)}")
    elif tried is not None:
        say(f"\n{printable(tried)}")
    past = [f for f in found.findings if f not in lasting]
    if past:
        told = "; ".join(f"{f.code} {f.title} ({f.iteration:,} to {f.resolved_at:,})" for f in past)
        say(f"\nresolved: {told}")
    if ignored:
        say(Text(f"\nignored: {', '.join(ignored)}", "dim"))
    for outcome in ("healthy", "not finite"):
        codes = [v.code for v in found.verdicts if v.outcome == outcome]
        if codes:
            say(Text(f"\n{outcome}: {', '.join(codes)}", "dim"))
    if lacks := lacking(found):
        say(Text("\nnot enough data:", "dim"))
    for rule, reason in lacks:
        say(Text(f"  {rule}: {reason}", "dim"))
    if lasting:
        say(f"\nRun `backsight explain {lasting[0].code}` for causes and remedies.")


def _say_lead(lead: Lead, say: Callable[[Text | str], None]) -> None:
    """A heading for all findings of a code, and below it what follows from them."""
    first = lead.findings[0]
    line = Text("\n")
    line.append(f"{first.severity:8}", STYLES[first.severity])
    line.append(f"{first.code} {first.title}", "bold")
    line.append(f"  {tally_words(first)}", "dim")
    say(line)
    for told in _sentences(lead.findings):
        say(f"        {printable(told)}")
    if not lead.symptoms:
        return
    say("        From it follows:")
    for severity, symptoms in _by_code(lead.symptoms):
        line = Text(f"        {severity:8}", STYLES[severity])
        line.append(f"{symptoms[0].code} {symptoms[0].title}: ", "not bold default")
        say(line.append(printable(" ".join(_sentences(symptoms))), "not bold default"))


def _by_code(found: Iterable[Finding]) -> list[tuple[Severity, list[Finding]]]:
    """Findings of a code together, with the severity of the gravest, in their order."""
    alike: dict[str, list[Finding]] = {}
    for one in found:
        alike.setdefault(one.code, []).append(one)
    return [(several[0].severity, several) for several in alike.values()]


def _sentences(found: Sequence[Finding]) -> list[str]:
    """Their messages; of many, the first ones and how many there are."""
    told = [_sentence(one.message) for one in found[:MOST]]
    rest = len(found) - MOST
    return [*told, f"{rest} more are like these."] if rest > 0 else told


def print_explanation(code: str, console: Console | None = None) -> None:
    """Meaning, how it is decided, causes, remedies, source.

    Raises:
        SettingError: there is no such code.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.diagnosis import explain
        >>> from backsight.report import print_explanation
        >>> said = io.StringIO()
        >>> print_explanation("BKS101", Console(file=said))
        >>> explain("BKS101").title in said.getvalue()
        True
    """
    console = console or Console(highlight=False)
    known = explain(code)
    width = min(console.width, PROSE)

    def say(text: str | Text = "") -> None:
        console.print(terminal_text(text), soft_wrap=True)

    def prose(text: str, mark: str = "") -> None:
        say(_wrapped(text, mark, width))

    head = Text(f"{known.code} {known.title}", "bold")
    head.append(f"  {known.severity}", STYLES[known.severity])
    say(head)
    say()
    prose(known.explanation)
    say(Text("\nHow it is decided", "bold"))
    for way in known.ways:
        prose(way, "  * " if len(known.ways) > 1 else "")
    say(Text("\nTypical causes", "bold"))
    for line in known.causes:
        prose(line, "  * ")
    say(Text("\nWhat to try, in order", "bold"))
    for number, line in enumerate(known.remedies, 1):
        prose(line, f"  {number}. ")
    say(Text("\nA run that gives it", "bold").append(f"  {known.bad.command}", "not bold dim"))
    prose(known.bad.about)
    say(_code(known.bad.code, known.good.code, "red"))
    say(Text("The same run without it", "bold"))
    prose(known.good.about)
    say(_code(known.good.code, known.bad.code, "green"))
    say(Text(_wrapped(f"Source: {known.source}", "", width), "dim"))


def _wrapped(text: str, mark: str, width: int) -> str:
    """With lines after the first one indented as the text of the first."""
    return textwrap.fill(
        text, width, initial_indent=mark, subsequent_indent=" " * len(mark),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _code(code: str, other: str, style: str) -> Text:
    """A script between empty lines, with the lines that the other one lacks in that style."""
    theirs = set(other.splitlines())
    text = Text("\n")
    for line in code.splitlines():
        text.append(f"    {line}\n" if line else "\n", "" if line in theirs else style)
    return text


@dataclass(frozen=True, slots=True)
class Symptom:
    """What follows from a finding, on the page."""

    severity: Severity
    code: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A finding on the page, with those of the same code."""

    finding: Finding
    sentences: tuple[str, ...]
    when: str
    symptoms: tuple[Symptom, ...]
    pictures: tuple[tuple[str, str], ...]
    """Key and title of the figures that show it."""


def cards(found: Diagnosis, drawn: frozenset[str]) -> list[Card]:
    """What the page shows of each finding that leads.

    Args:
        found: the diagnosis.
        drawn: keys of the figures on the page.

    Example:
        >>> from backsight import Recorder, diagnose
        >>> from backsight.report import cards
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0] * 99 + [float("nan")])
        >>> (card,) = cards(diagnose("runs/mine"), frozenset({"loss"}))
        >>> card.finding.code, card.pictures
        ('BKS201', (('loss', 'loss'),))
    """
    titles = {entry.key: entry.title for entry in FIGURES}
    shown = []
    for lead in found.leads:
        signals = (name for f in (*lead.findings, *lead.symptoms) for name in f.signals)
        pictures = dict.fromkeys(_picture_of(family(name)) for name in signals)
        symptoms = (
            Symptom(severity, several[0].code, several[0].title, tuple(_sentences(several)))
            for severity, several in _by_code(lead.symptoms)
        )
        shown.append(
            Card(
                lead.findings[0],
                tuple(_sentences(lead.findings)),
                tally_words(lead.findings[0]),
                tuple(symptoms),
                tuple((key, titles[key].lower()) for key in pictures if key and key in drawn),
            )
        )
    return shown


def lacking(found: Diagnosis) -> list[tuple[str, str]]:
    """Each rule that could not judge, by code and title, and what it needs, in words.

    Of a training that is not looked at for mistakes of the script, such as the lab's own, one row
    stands for all rules about these.

    Example:
        >>> from backsight import Recorder, diagnose
        >>> from backsight.report import lacking
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": 2.0})
        >>> [rule for rule, reason in lacking(diagnose("runs/mine"))][0]
        'BKS101 gradient vanishes through time'
    """
    titles = {rule.code: rule.title for rule in RULES}
    lacks = [verdict for verdict in found.verdicts if verdict.outcome == "not enough data"]
    unseen = [one.code for one in lacks if one.code in _WIRING]
    if len(unseen) < len(_WIRING):  # one look is enough for most of them
        unseen = []
    rows = [
        (f"{verdict.code} {titles.get(verdict.code, '')}".strip(), verdict.reason)
        for verdict in lacks
        if verdict.code not in unseen
    ]
    if unseen:
        rows.append((f"{unseen[0]} to {unseen[-1]}", "how the training is put together: not seen"))
    return rows


_WIRING = frozenset(rule.code for rule in WIRING)


def _picture_of(signals: str) -> str | None:
    """Where on the page that family of signals is drawn: the key of the first figure that does."""
    return next((entry.key for entry in FIGURES if signals in entry.signals), None)


def _remedy_words(run: Run, tried: Tried) -> str:
    """The verdict of the study, and whether the run has gone on since."""
    words = printable(f"{tried.message} (study: {tried.study})")
    if run.iterations != tried.iterations:
        words += (
            f" The run had {tried.iterations:,} iterations then, and has {run.iterations:,} now."
        )
    return words


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.0f} iterations"

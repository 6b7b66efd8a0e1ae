"""A study of remedies as rows of text, on the terminal and on the page."""

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backsight._printable import printable
from backsight.report import terminal_text
from backsight.studies.remedies._arm import Arm
from backsight.studies.remedies._effect import Effect, middle
from backsight.studies.remedies._study import RemedyStudy

__all__ = ["COLUMNS", "effect_text", "print_remedy_study", "severity", "table_rows"]

COLUMNS = ("", "remedy", "what", "for", "loss", "range", "effect", "better", "wrong")

NARROW = (0, 1, 3, 4, 6, 7, 8)
"""The columns that a terminal has room for."""


def severity(outcome: str) -> str:
    """How grave a verdict is, in the words that findings use."""
    return "info" if outcome == "proven" else "warning"


def table_rows(study: RemedyStudy) -> list[tuple[str, ...]]:
    """A row of text an arm that has trials: the ranking, then what it is compared with."""
    tried = [arm for arm in study.remedies if not arm.refusal]
    rows = [(str(place), *_row(arm)) for place, arm in enumerate(tried, 1)]
    compared = (study.default, study.random, study.unchanged)
    return rows + [("–", *_row(arm)) for arm in compared if not arm.refusal]


def _row(arm: Arm) -> tuple[str, ...]:
    scores = [score for trial in arm.trials if (score := trial.score) is not None]
    wrong = [trial.sequence_error for trial in arm.trials if trial.sequence_error is not None]
    better = "–"
    if arm.effect is not None:
        better = f"{sum(value > 0 for value in arm.effect.by_seed)}/{len(arm.effect.by_seed)}"
    return (
        arm.name,
        arm.change or "–",
        " ".join(arm.codes) or "–",
        _loss(middle(scores)) if scores else "no result",
        f"{_loss(min(scores))} to {_loss(max(scores))}" if len(scores) > 1 else "–",
        "–" if arm.effect is None else effect_text(arm.effect),
        better,
        f"{100 * middle(wrong):.3g} %" if wrong else "–",
    )


def _loss(score: float) -> str:
    return f"{score:.3g}" if math.isfinite(score) else "not finite"


def effect_text(effect: Effect) -> str:
    """``+0.31 (+0.28 to +0.4)``, in two digits."""
    if len(effect.by_seed) == 1:
        return _signed(effect.median)
    return f"{_signed(effect.median)} ({_signed(effect.low)} to {_signed(effect.high)})"


def _signed(value: float) -> str:
    return f"{value:+.2g}" if math.isfinite(value) else ("+∞" if value > 0 else "−∞")


def print_remedy_study(study: RemedyStudy, console: Console | None = None) -> None:
    """Findings, ranking, what could not be tried, the verdict and the command.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import print_remedy_study, read_remedy_study, remedies_for_task
        >>> study = read_remedy_study(remedies_for_task(MemoryEcho()), "runs/study")
        >>> said = io.StringIO()
        >>> print_remedy_study(study, Console(file=said, width=200))
        >>> study.remedies[0].name in said.getvalue()
        True
    """
    console = console or Console(highlight=False)

    def say(text: str | Text) -> None:
        console.print(terminal_text(text), soft_wrap=True)

    codes = ", ".join(study.symptoms.codes)
    say(f"\n{study.run}: {codes or 'no findings'}")
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    rows = table_rows(study)
    shown = [n for n in NARROW if any(row[n] != "–" for row in rows)]
    for n in shown:
        codes_wrap = COLUMNS[n] == "for"
        table.add_column(
            Text(COLUMNS[n]), justify="right" if n == 0 else "left", no_wrap=not codes_wrap
        )
    for row in rows:
        table.add_row(*(terminal_text(row[n], keep="") for n in shown))
    console.print(table)
    say(Text("effect: loss without the remedy minus loss with it, paired by seed; + helps", "dim"))
    for arm in (study.default, *study.remedies):
        if arm.refusal:
            say(Text(f"not tried: {arm.name}: {arm.refusal}", "dim"))
    failed = [trial for trial in study.trials if trial.outcome in ("failed", "not run")]
    if failed:
        first = failed[0]
        say(
            f"\n{len(failed)} of {len(study.trials)} trials have no result. The first is "
            f"{first.remedy}, seed {first.seed}: {printable(first.reason)}"
        )
    verdict = study.verdict
    head, _, rest = verdict.message.partition(":")
    line = Text(f"\n{head}:", "bold green" if verdict.outcome == "proven" else "yellow")
    line.append(rest, "not bold default")
    say(line)
    for words in (verdict.command, verdict.code):
        if words:
            say(f"  {words}")

"""A length study as rows of text, on the terminal and on the page."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backsight._printable import printable
from backsight.report import terminal_text
from backsight.signals import Lag
from backsight.studies.length._row import LengthTrial, Spread, spread
from backsight.studies.length._study import LengthStudy

__all__ = ["COLUMNS", "of_length", "print_length_study", "severity", "table_rows", "with_result"]

COLUMNS = (
    "cell", "length", "trials", "learned", "loss", "short context", "‖grad‖ median", "max",
    "‖h‖ mean", "max", "drift", "half-life", "horizon", "ms/iteration",
)  # fmt: skip

SHORT = {
    0: "cell", 1: "length", 3: "learned", 4: "loss", 5: "short", 6: "grad", 7: "max grad",
    9: "max h", 11: "half", 12: "horizon", 13: "ms/it",
}  # fmt: skip
"""The columns that a terminal has room for, and their headings there."""


def with_result(trials: Sequence[LengthTrial]) -> list[LengthTrial]:
    """Those that came to something, be it a NaN."""
    return [t for t in trials if t.outcome not in ("failed", "not run", "not enough data")]


def of_length(study: LengthStudy, cell: str, length: int) -> list[LengthTrial]:
    """The trials of a cell at a length."""
    return [t for t in study.trials if (t.cell, t.length) == (cell, length)]


def table_rows(study: LengthStudy) -> list[tuple[str, ...]]:
    """A row of text for each cell and length: medians over the trials that have a result."""
    rows = []
    for cell in study.plan.cells:
        for length in study.plan.lengths:
            all_of_it = of_length(study, cell, length)
            trials = with_result(all_of_it)
            learned = sum(t.outcome == "learned" for t in trials)
            rows.append(
                (
                    cell or "–",
                    str(length),
                    f"{len(trials)}/{len(all_of_it)}",
                    f"{learned}/{len(trials)}",
                    *(
                        _middle(trials, what)
                        for what in (
                            lambda t: t.loss,
                            lambda t: t.short_loss,
                            lambda t: t.grad_median,
                            lambda t: t.grad_max,
                            lambda t: t.hidden_mean,
                            lambda t: t.hidden_max,
                            lambda t: t.hidden_drift,
                        )
                    ),
                    _lag([t.half_life for t in trials]),
                    _lag([t.horizon for t in trials]),
                    _middle(trials, lambda t: None if t.seconds is None else 1000 * t.seconds),
                )
            )
    return rows


def _middle(trials: Sequence[LengthTrial], what: Callable[[LengthTrial], float | None]) -> str:
    return _text(spread([what(trial) for trial in trials]))


def _text(found: Spread | None) -> str:
    """The median, and how many are not finite, which it leaves out."""
    if found is None:
        return "–"
    if not found.count:
        return "not finite"
    words = f"{found.median:.3g}" if abs(found.median) < 1e5 else f"{found.median:.1e}"
    return f"{words} ({found.broken}× not finite)" if found.broken else words


def _lag(lags: Sequence[Lag | None]) -> str:
    known = sorted((lag for lag in lags if lag is not None), key=lambda lag: lag.steps)
    return str(known[(len(known) - 1) // 2]) if known else "–"


def severity(outcome: str) -> str:
    """How grave a verdict is, in the words that findings use."""
    return {"collapses": "error", "holds": "info"}.get(outcome, "warning")


def print_length_study(study: LengthStudy, console: Console | None = None) -> None:
    """Table, verdicts, and what has failed.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.studies import LengthPlan, print_length_study, read_length_study
        >>> plan = LengthPlan("echo", "--length=", (10, 20), seeds=1, cells=("rnn",))
        >>> said = io.StringIO()
        >>> print_length_study(read_length_study(plan, "runs/study"), Console(file=said, width=200))
        >>> "rnn" in said.getvalue()
        True
    """
    console = console or Console(highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    rows = table_rows(study)
    shown = [n for n in SHORT if any(row[n] != "–" for row in rows)]
    for n in shown:
        table.add_column(Text(SHORT[n]), justify="left" if n == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(terminal_text(row[n], keep="") for n in shown))
    console.print(table)
    styles = {"error": "bold red", "warning": "yellow", "info": "bold green"}
    for verdict in study.verdicts:
        cell, _, words = verdict.message.partition(": ")
        line = Text(f"\n{cell}: ", styles[severity(verdict.outcome)])
        line.append(f"{words}.", "not bold default")
        console.print(terminal_text(line), soft_wrap=True)
    failed = [t for t in study.trials if t.outcome in ("failed", "not run", "not enough data")]
    if failed:
        first = failed[0]
        where = f"{first.cell + ', ' if first.cell else ''}length {first.length}, seed {first.seed}"
        console.print(
            terminal_text(
                f"\n{len(failed)} of {len(study.trials)} trials have no result. The first is "
                f"{where}: {printable(first.reason)}"
            ),
            soft_wrap=True,
        )

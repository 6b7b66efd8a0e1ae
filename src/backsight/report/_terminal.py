"""The terminal while a run trains: a live view, or plain lines where it is not a terminal."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from backsight.diagnosis import Finding
from backsight.report._findings import STYLES
from backsight.report._numbers import number
from backsight.report._task_summary import is_memory, memory_goal, memory_task, memory_validation
from backsight.report._terminal_text import terminal_text
from backsight.signals import family, member

__all__ = ["TrainingView"]

LINE_EVERY = 5.0
"""Seconds between plain lines."""

REFRESH = 4
"""Refreshes of the live view per second."""


class TrainingView:
    """Shows progress and the newest signals of a run that trains.

    Args:
        total: iterations to come.
        console: where to; the terminal by default.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.report import TrainingView
        >>> said = io.StringIO()
        >>> view = TrainingView(total=100, console=Console(file=said))
        >>> view.validated(50, {"val_loss": 1.25}, sample="")
        >>> "1.25" in said.getvalue()
        True
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._total = total
        self._began = self._line = time.monotonic()
        self._done = self._resumed = 0
        self._latest: Mapping[str, float] = {}
        self._findings: list[Finding] = []
        self._acts: Counter[str] = Counter()
        self._lengthens = False
        """Whether there is a curriculum."""
        self._memory: Mapping[str, Any] | None = None
        """What is known of a memory task; None for text."""
        self._progress = Progress(
            TextColumn("[bold]training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._progress.add_task("training", total=total)
        # Rich asks for the picture a few times a second: an update only stores numbers.
        self._live = Live(
            console=self._console, refresh_per_second=REFRESH, get_renderable=self._picture
        )
        self._lively = self._console.is_terminal and not self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        if self._lively:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lively:
            self._live.stop()

    def begin(self, run: Path, config: Any, facts: Mapping[str, Any]) -> None:
        """Say what is about to be trained, on what, and what is to beat."""
        self._say(
            f"{run}  {config.layers}-layer {config.cell} with {config.hidden} units, "
            f"{facts['parameters']:,} parameters, on {facts['device']}"
            + (f" × {facts['processes']}" if facts["processes"] > 1 else "")
        )
        self._lengthens = getattr(config, "curriculum_kind", "none") != "none"
        self._memory = facts if is_memory(facts) else None
        if self._memory:
            self._say(memory_task(facts))
            self._say(memory_goal(facts))
        else:
            base = facts["baselines"]
            self._say(
                f"{facts['origin']}: {facts['train_characters']:,} training characters, "
                f"{facts['vocabulary']} of them distinct"
            )
            self._say(
                f"to beat, in bits per character: {base['unigram'] / math.log(2):.3f} by counting "
                f"characters, {base['bigram'] / math.log(2):.3f} by counting pairs"
            )
        self._done = self._resumed = facts.get("resumed", 0)
        if self._resumed:
            self._say(f"resumes after {self._resumed:,} of {self._total:,} iterations")
        self._began = self._line = time.monotonic()
        self._progress.reset(self._task, completed=self._done)

    def update(self, iteration: int, latest: Mapping[str, float]) -> None:
        """``iteration`` iterations are done; ``latest`` has the newest scalars."""
        self._done, self._latest = iteration, latest
        if self._lively:
            self._progress.update(self._task, completed=iteration)
        elif time.monotonic() - self._line >= LINE_EVERY or iteration == self._total:
            self._line = time.monotonic()
            self._say(self._plain())

    def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
        """Signals of a validation, ``val_loss`` among them, and what the model wrote."""
        loss = scores["val_loss"]
        line = Text(f"after {iteration:,} iterations: validation ")
        if self._memory:
            line.append(memory_validation(self._memory, scores), _style(loss))
        else:
            bits = number(loss / math.log(2))
            line.append(f"{number(loss)} nats ({bits} bits) per character", _style(loss))
        if "usable_context" in scores:
            steps = f"{scores['usable_context']:.0f} step{'s' * (scores['usable_context'] != 1)}"
            line.append(f"; usable context {steps}")
        self._console.print(terminal_text(line), soft_wrap=True)
        if sample and self._lively:
            first = " ".join(sample.split())
            line = Text(f"  “{first}”", "dim", overflow="ellipsis", no_wrap=True)
            self._console.print(terminal_text(line))

    def found(self, finding: Finding) -> None:
        """Something goes wrong, for the first time; the last line of the view counts it."""
        if finding.severity == "info":
            return
        self._findings.append(finding)
        line = Text(f"{finding.code} {finding.title}: ", STYLES[finding.severity])
        line.append(finding.message, "not bold default")
        self._console.print(terminal_text(line), soft_wrap=True)

    def acted(self, act: Any) -> None:
        """The guard has done something; what it may do at every step is only counted."""
        self._acts[act.policy] += 1
        if not act.frequent or self._acts[act.policy] == 1:
            self._say(f"guard, iteration {act.iteration:,}: {act.message}")

    def _say(self, line: str) -> None:
        """As it is: a path may hold what rich would take for markup."""
        self._console.print(terminal_text(line), soft_wrap=True)

    def _norm(self, of: str) -> str:
        return f"|{of}|" if self._console.options.ascii_only else f"‖{of}‖"

    def _values(self) -> list[tuple[str, float]]:
        """What is worth showing of the newest scalars, under short names."""
        latest = self._latest
        shown = []
        if "loss" in latest:
            shown.append(("loss", latest["loss"]))
            if not self._memory:
                shown.append(("bits/char", latest["loss"] / math.log(2)))
        if "grad_norm" in latest:
            shown.append((self._norm("grad"), latest["grad_norm"]))
        hidden = [name for name in latest if family(name) == "hidden_norm_mean"]
        for name in sorted(hidden):
            label = self._norm("h") + (f" {member(name)}" if len(hidden) > 1 else "")
            shown.append((label, latest[name]))
        if self._lengthens and "seq_len" in latest:
            shown.append(("length", latest["seq_len"]))
        horizons = sorted(name for name in latest if family(name) == "horizon")
        for name in horizons:
            label = "reach" + (f" {member(name)}" if len(horizons) > 1 else "")
            shown.append((label, latest[name]))
        if "tokens_per_second" in latest:
            pace = "steps/s" if self._memory else "chars/s"
            shown.append((pace, latest["tokens_per_second"]))
        return shown

    def _plain(self) -> str:
        values = "  ".join(f"{name} {self._short(name, value)}" for name, value in self._values())
        pace = (time.monotonic() - self._began) / max(self._done - self._resumed, 1)
        left = round(pace * (self._total - self._done))
        return f"{self._done}/{self._total}  {values}  left {left // 60}:{left % 60:02d}"

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 3))
        values = self._values()
        for _ in values:
            table.add_column(justify="right", min_width=9)
        table.add_row(*(Text(name, "dim") for name, _ in values))
        table.add_row(*(Text(self._short(name, value), _style(value)) for name, value in values))
        counts = [
            Text(
                f"{f.code} ×{f.count}" + (" (over)" if f.resolved_at is not None else ""),
                STYLES[f.severity],
            )
            for f in self._findings
        ]
        counts += [Text(f"{name} ×{n}", "cyan") for name, n in self._acts.items()]
        return Group(self._progress, table, *([Text("  ").join(counts)] if counts else []))

    def _short(self, name: str, value: float) -> str:
        if not math.isfinite(value):
            return number(value)
        if name.startswith("reach"):  # steps back of those there are
            return f"{value:.0f}/{self._latest.get('seq_len', math.nan) - 1:.0f}"
        return f"{value:,.0f}" if name.endswith("/s") else number(value)


def _style(value: float) -> str:
    return "bold" if math.isfinite(value) else "bold red"

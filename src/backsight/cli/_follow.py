"""``backsight follow RUN``: the ten-second strip, live, from another terminal."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from backsight.cli._diagnose import codes, codes_of_project, exit_status
from backsight.cli._options import FindingCodes, parse
from backsight.errors import RunError, SettingError

if TYPE_CHECKING:
    from rich.console import Console

    from backsight.report import RunStrip

__all__ = ["main"]

SHARE = 0.05
"""Of the time that may be spent on judging."""

PATIENCE = 5
"""Looks in a row at a run that cannot be read, before that is an error: it may be being copied."""

WRITTEN = ("run.json", "signals.db", "signals.db-wal")


@dataclass(frozen=True)
class Follow:
    """Show the state of a run while it trains: loss, gradient, learning rate, reach, worst finding.

    It ends when the run ends, with the exit status of backsight diagnose. Where the output is no
    terminal, it prints a line per change.
    """

    run: tyro.conf.Positional[Path]
    """The run folder; the run may still be training."""
    once: bool = False
    """Show the state once, and do not wait for the run to end."""
    every: float = 1.0
    """Seconds between two looks at the run."""
    ignore: FindingCodes = None
    """Leave out the findings with these codes, and those that [tool.backsight] in pyproject.toml
    names under ignore."""


def main(arguments: Sequence[str]) -> int:
    """Follow the run to its end, and return the exit status that diagnose would."""
    options = parse(Follow, "backsight follow", arguments)
    if not (math.isfinite(options.every) and options.every > 0):
        raise SettingError(f"--every must be a number of seconds above 0, not {options.every:g}")
    from rich.console import Console

    asked, ignored = codes_of_project()
    console = Console(highlight=False)
    look = _Look(options.run, frozenset(ignored | codes("--ignore", options.ignore)))
    if options.once:
        _print(console, look.last())
    elif console.is_terminal and not console.is_dumb_terminal:
        _show_live(console, look.until_the_end(options.every))
    else:
        _print_lines(console, look.until_the_end(options.every))
    return exit_status(look.run, look.found, asked)


def _print(console: "Console", told: "RunStrip") -> None:
    from backsight.report import StripView

    console.print(StripView(told))


def _show_live(console: "Console", looks: "Iterator[RunStrip]") -> None:
    from rich.live import Live

    from backsight.report import StripView

    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for told in looks:
            live.update(StripView(told), refresh=True)


def _print_lines(console: "Console", looks: "Iterator[RunStrip]") -> None:
    """One for each look that has news."""
    from backsight.report import strip_line, terminal_text

    before = None
    for told in looks:
        line = strip_line(told)
        if line != before:
            console.print(terminal_text(line, keep=""), soft_wrap=True)
        before = line


class _Look:
    """A run, read again where it has changed, and its diagnosis."""

    def __init__(self, path: Path, ignored: frozenset[str]) -> None:
        from backsight.diagnosis import findings_so_far
        from backsight.signals import Run

        self._path, self._ignored = path, ignored
        self._stamps = self._stamped()
        self.run = Run(path)
        self.found = findings_so_far(self.run).without(ignored)
        self._judged = -math.inf
        """When it was judged last, by a clock that never goes back."""
        self._cost = 0.0
        """Seconds that it took."""

    def last(self) -> "RunStrip":
        """With the diagnosis as of now."""
        from backsight.report import strip

        self._judge()
        return strip(self.run, self.found)

    def until_the_end(self, every: float) -> "Iterator[RunStrip]":
        """One each time; the last one with the final diagnosis.

        Raises:
            RunError: the run is gone, or cannot be read any more.
        """
        from backsight.report import strip

        failures = 0
        while (told := strip(self.run, self.found)).state in ("running", "stale"):
            yield told
            time.sleep(every)
            try:
                self._read_again()
                failures = 0
            except RunError:
                failures += 1
                if not self._path.exists():
                    raise RunError(
                        f"{self._path} is gone: it was deleted or moved while it was followed"
                    ) from None
                if failures > PATIENCE:
                    raise
        yield self.last()

    def _read_again(self) -> None:
        from backsight.signals import Run

        stamps = self._stamped()
        if stamps != self._stamps:
            self.run, self._stamps = Run(self._path), stamps
        if time.monotonic() - self._judged >= self._cost / SHARE:
            self._judge()

    def _judge(self) -> None:
        from backsight.diagnosis import diagnose

        began = time.monotonic()
        self.found = diagnose(self.run).without(self._ignored)
        self._judged = time.monotonic()
        self._cost = self._judged - began

    def _stamped(self) -> list[tuple[int, int] | None]:
        return [_stamp(self._path / name) for name in WRITTEN]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns

"""The terminal while a study runs: trials that are done, how they ended, time left."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from backsight.report._numbers import duration

__all__ = ["StudyProgress"]


class StudyProgress:
    """A bar over all trials on a terminal, a line for each trial anywhere.

    Args:
        console: where to; the terminal by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._total = self._done = 0
        self._bar = Progress(
            TextColumn("[bold]trials"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
        )
        self._task = self._bar.add_task("trials", total=None, left="")
        self._lively = self._console.is_terminal and not self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        if self._lively:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lively:
            self._bar.stop()

    def say(self, line: str) -> None:
        """A line as it is: a path may hold what rich would take for markup."""
        self._console.print(Text(line), soft_wrap=True)

    def begin(self, total: int, done: int) -> None:
        """So many trials there are, and so many were done before."""
        self._total, self._done = total, done
        if done:
            self.say(f"{done} of {total} trials were done before")
        self._bar.update(self._task, total=total, completed=done)

    def ended(self, words: str, left: float | None) -> None:
        """A trial has ended; ``left`` is how many seconds the rest may take."""
        self._done += 1
        rest = "" if left is None or self._done == self._total else f"{duration(left)} left"
        self.say(f"{self._done}/{self._total}  {words}" + (f"; {rest}" if rest else ""))
        self._bar.update(self._task, completed=self._done, left=rest)

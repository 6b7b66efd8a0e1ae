"""The terminal while a study runs: how much is done, how trials ended, time left."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from backsight.report._numbers import duration
from backsight.report._terminal_text import terminal_text

__all__ = ["MapProgress", "StudyProgress"]


class _Bar:
    """A bar on a terminal, and lines anywhere.

    Args:
        console: where to; the terminal by default.
        about: what stands before the bar.
        columns: what stands behind it.
    """

    def __init__(self, console: Console | None, about: str, *columns: ProgressColumn) -> None:
        self._console = console or Console(highlight=False)
        self._total = self._done = 0
        self._bar = Progress(
            TextColumn(about), BarColumn(bar_width=None), *columns, console=self._console
        )
        self._task = self._bar.add_task("", total=None, left="")
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
        self._console.print(terminal_text(line), soft_wrap=True)

    def begin(self, total: int, done: int) -> None:
        """So much there is to train, and so much was done before."""
        self._total, self._done = total, done
        self._bar.update(self._task, total=total, completed=done)

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self._done += amount
        self._bar.update(self._task, completed=self._done)


class StudyProgress(_Bar):
    """A bar over all trials on a terminal, a line for each trial anywhere.

    Args:
        console: where to; the terminal by default.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.report import StudyProgress
        >>> said = io.StringIO()
        >>> progress = StudyProgress(Console(file=said))
        >>> progress.begin(total=3, done=1)
        >>> progress.advance(1)
        >>> progress.ended("rnn, length 10: learned", left=200.0)
        >>> "2/3" in said.getvalue(), "3 min 20 s" in said.getvalue()
        (True, True)
    """

    def __init__(self, console: Console | None = None) -> None:
        left = TextColumn("{task.fields[left]}")
        super().__init__(console, "[bold]trials", MofNCompleteColumn(), left)

    def begin(self, total: int, done: int) -> None:
        """So many trials there are, and so many were done before."""
        super().begin(total, done)
        if done:
            self.say(f"{done} of {total} trials were already done")

    def ended(self, words: str, left: float | None) -> None:
        """A trial has ended; ``left`` is how many seconds the rest may take."""
        rest = "" if left is None or self._done == self._total else f"{duration(left)} left"
        self.say(f"{self._done}/{self._total}  {words}" + (f"; {rest}" if rest else ""))
        self._bar.update(self._task, left=rest)

    def failed(self, words: str) -> None:
        """Such a trial is told as one that has ended."""
        self.say(words)


class MapProgress(_Bar):
    """A bar over the iterations of all networks of a map on a terminal, and nothing elsewhere.

    Args:
        networks: how many there are.
        console: where to.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight.report import MapProgress
        >>> progress = MapProgress(networks=4, console=Console(file=io.StringIO()))
        >>> progress.begin(total=400, done=100)
        >>> progress.failed("part 2: its process was killed")
        >>> progress.failures
        ['part 2: its process was killed']
    """

    def __init__(self, networks: int, console: Console) -> None:
        super().__init__(
            console, f"{networks:,} networks", TaskProgressColumn(), TimeRemainingColumn()
        )
        self.failures: list[str] = []
        """Parts without a result, in words."""

    def begin(self, total: int, done: int) -> None:
        """Of those iterations that are yet to be made: they alone have a pace."""
        super().begin(total - done, 0)

    def ended(self, words: str, left: float | None) -> None:
        """The bar tells it."""

    def failed(self, words: str) -> None:
        """Kept, to be told below the map."""
        self.failures.append(words)

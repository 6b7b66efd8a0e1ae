"""The ten-second strip on a terminal."""

import math
from collections.abc import Iterator

import numpy as np
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from backsight.report._strip_data import RunStrip, StripCurve
from backsight.report._strip_words import strip_rows
from backsight.report._terminal_text import terminal_text

__all__ = ["StripView"]

STYLES = {"plain": "", "good": "green", "warning": "yellow", "alarm": "bold red", "quiet": "dim"}

COLUMNS = 32
"""Characters of a curve."""

NARROW = 100
"""Below so many characters a line, curves are left out."""

BLOCKS = "▁▂▃▄▅▆▇█"


class StripView:
    """What rich draws of a strip.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from backsight import Recorder, Run
        >>> from backsight.report import StripView, strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 1], [2.0, 1.0])
        >>> said = io.StringIO()
        >>> Console(file=said, width=80).print(StripView(strip(Run("runs/mine"))))
        >>> "loss" in said.getvalue()
        True
    """

    def __init__(self, told: RunStrip) -> None:
        self._told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """As rich asks for it."""
        yield terminal_text(Text(self._told.name, "bold"), keep="")
        wide = options.max_width >= NARROW and not options.ascii_only
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=1)
        if wide:
            table.add_column(no_wrap=True)
        for row in strip_rows(self._told):
            cells = [Text(row.what, "dim"), Text(row.words, STYLES[row.tone])]
            if wide:
                cells.append(Text() if row.curve is None else _curve(row.curve, log=row.log))
            table.add_row(*(terminal_text(cell, keep="") for cell in cells))
        yield table


def _curve(curve: StripCurve, *, log: bool) -> Text:
    """The largest value of each column, and a cross where any was not finite."""
    at = np.array([*curve.iterations, *curve.not_finite_at], np.int64)
    if not at.size:
        return Text()
    first, span = at.min(), max(int(at.max() - at.min()), 1)
    highest = np.full(COLUMNS, -math.inf)
    place = (np.array(curve.iterations, np.int64) - first) * (COLUMNS - 1) // span
    values = np.array(curve.values, np.float64)
    np.maximum.at(highest, place, np.log(values) if log else values)
    broken = {int((one - first) * (COLUMNS - 1) // span) for one in curve.not_finite_at}
    known = highest[np.isfinite(highest)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    drawn = Text()
    for column, value in enumerate(highest.tolist()):
        if column in broken:
            drawn.append("×", STYLES["alarm"])
        elif math.isfinite(value):
            # Halves first: the difference of two large numbers may overflow.
            share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
            drawn.append(BLOCKS[round(share * (len(BLOCKS) - 1))], "cyan")
        else:
            drawn.append(" ")
    return drawn

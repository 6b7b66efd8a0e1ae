"""More signals than lines can tell apart: how they spread, and by name those that stand out."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._thin import Marks, Thinned, Thinning
from backsight.report.figures._style import COLOURS, add_series, mark, member_label
from backsight.signals import Run

__all__ = ["MOST", "add_crowd"]

MOST = 24
"""Lines of one figure: six colours in four dashes."""

COLUMNS = 400
"""Pixel columns of the spread."""

NAMED = 2
"""Signals that are drawn by name for each reason to."""


def add_crowd(
    fig: go.Figure,
    run: Run,
    names: Sequence[str],
    what: str,
    *,
    quantity: str = "",
    log: bool = False,
    colour: int = 5,
) -> list[Thinned]:
    """Draw the spread of many scalar signals, and the highest, lowest and first broken by name.

    The outer band reaches from the smallest to the largest sample of any of them in each pixel
    column, so that a spike of one iteration in one signal shows. Median and middle half are those
    of the signals' first samples in the column.

    Args:
        fig: where to draw.
        run: the run.
        names: the signals, at least one.
        what: what they belong to, in the plural: ``parameters``.
        quantity: which of several of their signals it is, where the figure has more than one.
        log: whether the axis is logarithmic.
        colour: of the spread.

    Returns:
        what was drawn.
    """
    all_of_them = f"{what} ({quantity})" if quantity else what
    streams = [run.stream(name) for name in names]
    first, last = min(s.first for s in streams), max(s.last for s in streams)
    spread = _Spread(len(names), first, last)
    for index, stream in enumerate(streams):
        thinning = Thinning(first, last, pixels=COLUMNS, log=log)
        for block in stream:
            thinning.add(block.iterations, block.values)
        spread.add(index, thinning.result())
    shade = COLOURS[colour % len(COLOURS)]
    _band(fig, spread, spread.low, spread.high, f"all {len(names):,} {all_of_them}", shade, 0.16)
    lower, middle, upper = spread.quartiles()
    _band(fig, spread, lower, upper, f"middle half of {all_of_them}", shade, 0.3)
    drawn = [spread.drawn()]
    colours = cycle(c for c in COLOURS if c != shade)
    dashes = {"not finite": None, "highest": "dash", "lowest": "dot"}
    for (index, why), line in zip(spread.outstanding(), colours, strict=False):
        label = " ".join(filter(None, (member_label(names[index]), quantity, f"({why})")))
        dash = dashes[why]
        drawn.append(
            add_series(fig, run, names[index], label, line, log=log, dash=dash, marked=False)
        )
    fig.add_scatter(
        x=spread.at, y=middle, name=f"median of {all_of_them}", mode="lines",
        line={"color": shade, "width": 2}, hovertemplate="%{y:.4g}", connectgaps=False,
    )  # fmt: skip
    for kind, marks, broken in spread.marks():
        begins = member_label(names[broken[0]])
        label = f"{len(broken):,} of {len(names):,} {all_of_them}, first {begins}"
        mark(fig, Thinned(*_nothing(), {kind: marks}, np.empty(0, np.intp)), label)
    return drawn


class _Spread:
    """Of many signals, by pixel column."""

    def __init__(self, count: int, first: int, last: int) -> None:
        self._first, self._span = first, max(last - first, 1)
        self._at = np.full(COLUMNS, np.iinfo(np.int64).max)
        self._low, self._high = np.full(COLUMNS, np.inf), np.full(COLUMNS, -np.inf)
        self._samples = np.full((count, COLUMNS), np.nan)
        """The first of each signal in each column."""
        self._peaks = np.full(count, -np.inf)
        self._broken: dict[str, dict[int, Marks]] = {}

    def add(self, index: int, thinned: Thinned) -> None:
        """Take one signal, which was thinned to the same columns."""
        for kind, marks in thinned.marks.items():
            self._broken.setdefault(kind, {})[index] = marks
            np.minimum.at(self._at, self._columns(marks.iterations), marks.iterations)
        if not len(thinned.values):
            return
        column = self._columns(thinned.iterations)
        starts = np.flatnonzero(np.diff(column, prepend=-1))
        here = column[starts]
        values = thinned.values.astype(np.float64)
        self._at[here] = np.minimum(self._at[here], thinned.iterations[starts])
        self._low[here] = np.minimum(self._low[here], np.minimum.reduceat(values, starts))
        self._high[here] = np.maximum(self._high[here], np.maximum.reduceat(values, starts))
        self._samples[index, here] = values[starts]
        self._peaks[index] = values.max()

    @property
    def _used(self) -> NDArray[np.bool_]:
        return self._at < np.iinfo(np.int64).max

    @property
    def at(self) -> NDArray[np.int64]:
        """The first iteration of each column in which anything was recorded."""
        return self._at[self._used]

    @property
    def low(self) -> NDArray[np.float64]:
        """The smallest sample of each of them; NaN where none can be drawn."""
        return np.where(np.isfinite(self._low), self._low, np.nan)[self._used]

    @property
    def high(self) -> NDArray[np.float64]:
        """The largest."""
        return np.where(np.isfinite(self._high), self._high, np.nan)[self._used]

    def quartiles(self) -> NDArray[np.float64]:
        """Shape ``(3, columns)``, of the signals that have a sample there."""
        found = np.full((3, len(self.at)), np.nan)
        for place, column in enumerate(self._samples[:, self._used].T):
            there = column[np.isfinite(column)]
            if there.size:
                found[:, place] = np.percentile(there, [25, 50, 75], method="nearest")
        return found

    def drawn(self) -> Thinned:
        """The edges, for the axis."""
        at, values = np.concatenate([self.at] * 2), np.concatenate([self.low, self.high])
        finite = np.isfinite(values)
        return Thinned(at[finite], values[finite], {}, np.empty(0, np.intp))

    def outstanding(self) -> list[tuple[int, str]]:
        """Index of each signal to name, once, and why."""
        drawable = np.flatnonzero(np.isfinite(self._peaks))
        usual = np.array([np.nanmedian(self._samples[index]) for index in drawable])
        broken = {
            index: int(marks.iterations[0])
            for kind, signals in reversed(self._broken.items())
            if kind != "≤ 0"
            for index, marks in signals.items()
        }
        reasons = (
            ("not finite", sorted(broken, key=lambda index: broken[index])),
            ("highest", drawable[np.argsort(-self._peaks[drawable], kind="stable")].tolist()),
            ("lowest", drawable[np.argsort(usual, kind="stable")].tolist()),
        )
        named: dict[int, str] = {}
        for why, indices in reasons:
            for index in indices[:NAMED]:
                if np.isfinite(self._peaks[index]):  # otherwise there is no line to see
                    named.setdefault(index, why)
        return list(named.items())

    def marks(self) -> list[tuple[str, Marks, list[int]]]:
        """Of each kind that no line can show: its marks, and the signals, the first one first."""
        found = []
        for kind, signals in self._broken.items():
            at = np.unique(np.concatenate([marks.iterations for marks in signals.values()]))
            starts = np.flatnonzero(np.diff(self._columns(at), prepend=-1))
            count = sum(marks.count for marks in signals.values())
            order = sorted(signals, key=lambda index: int(signals[index].iterations[0]))
            found.append((kind, Marks(at[starts], count), order))
        return found

    def _columns(self, iterations: NDArray[np.int64]) -> NDArray[np.int64]:
        column: NDArray[np.int64] = (iterations - self._first) * (COLUMNS - 1) // self._span
        return column


def _band(
    fig: go.Figure,
    spread: _Spread,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    label: str,
    colour: str,
    opacity: float,
) -> None:
    """An area, in parts where nothing can be drawn between them."""
    x: list[NDArray[np.float64]] = []
    y: list[NDArray[np.float64]] = []
    drawn = np.isfinite(low)
    edges = np.flatnonzero(np.diff(drawn, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        at = spread.at[start:end].astype(np.float64)
        x += [at, at[::-1], np.array([np.nan])]
        y += [high[start:end], low[start:end][::-1], np.array([np.nan])]
    if x:
        fig.add_scatter(
            x=np.concatenate(x[:-1]), y=np.concatenate(y[:-1]), name=label, mode="lines",
            fill="toself", fillcolor=colour, line={"color": colour, "width": 0.5},
            opacity=opacity, hoverinfo="skip",
        )  # fmt: skip


def _nothing() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.empty(0, np.int64), np.empty(0)

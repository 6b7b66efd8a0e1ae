"""A run at a glance as a piece of HTML that needs no script: what a notebook shows of it."""

import numpy as np
from markupsafe import Markup

from backsight.errors import RunError
from backsight.report._html import fill
from backsight.report._line_chart import ChartLine, ChartMark, line_chart
from backsight.report._numbers import duration, number
from backsight.report._strip import strip
from backsight.report._strip_data import RunStrip
from backsight.report._strip_words import strip_rows
from backsight.report._thin import thin
from backsight.report.figures import reach_marks
from backsight.signals import Run, measure_reach

__all__ = ["run_html"]

PIXELS = 240
"""Columns of a chart."""

WIDE = 50.0
"""Times: losses that span more than that need a log axis."""

FLOOR = 1e-6
"""Of the strongest earlier step: what is further down leaves the picture of the reach."""


def run_html(run: Run) -> str:
    """The strip, the loss and the reach of a run, also while it is written, killed or damaged.

    One element without script, link or picture from elsewhere, in the colours of a light or a dark
    notebook.

    Args:
        run: the run.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import run_html
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0 - i / 100 for i in range(100)])
        >>> html = run_html(Run("runs/mine"))
        >>> "1.01 at iteration 99" in html, "<svg" in html, "<script" in html
        (True, True, False)
    """
    told, reach, problem = strip(run), None, ""
    try:
        reach = _reach(run, told)
    except RunError as error:
        problem = "" if str(error) in told.problems else str(error)
    loss = _loss(told)
    first, *rows = strip_rows(told)
    return fill(
        "_run_html.html.jinja",
        name=told.name,
        state=told.state,
        tone=first.tone,
        facts=_facts(told),
        rows=rows,
        problem=problem,
        charts=[chart for chart in (loss, reach) if chart],
    )


def _facts(told: RunStrip) -> str:
    """How far it is; of a run that has ended, when that was would soon be wrong on a page."""
    words = f"{told.iterations:,} iterations"
    if told.state in ("running", "stale") and told.age is not None:
        words += f", last written {duration(told.age)} ago"
    return f"{words}: {told.reason}" if told.reason else words


def _loss(told: RunStrip) -> tuple[str, list[str], Markup] | None:
    """A title, the labels of the lines and the chart."""
    if not told.losses:
        return None
    values = np.concatenate([np.array(one.curve.values, np.float64) for one in told.losses])
    log = bool(values.size and values.min() > 0 and values.max() / values.min() > WIDE)
    lines, crosses = [], set[int]()
    for one in told.losses:
        at, broken = np.array(one.curve.iterations, np.int64), one.curve.not_finite_at
        crosses.update(broken)
        # A line must not bridge what it cannot show.
        breaks = np.unique(np.searchsorted(at, broken)).tolist()
        lines.append(ChartLine(one.label or "loss", at, np.array(one.curve.values), breaks))
    known = [one for one in told.losses if one.guess is not None]
    level = None
    if len(told.losses) == len(known) == 1 and known[0].guess is not None:
        what = "guess" if known[0].guess_from == "task" else "best constant answer"
        level = (known[0].guess, f"{what} {number(known[0].guess)}")
    chart = line_chart(
        lines, title="Loss by iteration", x_title="iteration", log=log, crosses=sorted(crosses),
        level=level,
    )  # fmt: skip
    labels = [one.label for one in lines] if len(lines) > 1 else []
    note = f" (dashed: {level[1]})" if level is not None else ""
    return (f"Loss{note}", labels, chart) if chart else None


def _reach(run: Run, told: RunStrip) -> tuple[str, list[str], Markup] | None:
    """The last sample of each layer."""
    rows = {}
    for one in told.reaches:
        name = f"reach/{one.label}" if one.label else "reach"
        rows[one.label or "reach"] = np.asarray(run.stream(name).newest().values[-1], np.float64)
    found = [measure_reach(row).strength for row in rows.values()]
    floor = FLOOR * min([1.0, *(s for s in found if s > FLOOR)])
    lines = []
    for label, row in rows.items():
        seen = np.isfinite(row) & (row >= floor)
        lags = np.flatnonzero(seen)
        few = thin(lags, row[seen], pixels=PIXELS, log=True)
        gaps = np.flatnonzero(~seen)
        breaks = np.unique(np.searchsorted(few.iterations, gaps)).tolist()
        marks = [ChartMark(m.x, m.y, m.text, m.symbol) for m in reach_marks(row) if m.y >= floor]
        lines.append(ChartLine(label, few.iterations, few.values, breaks, marks))
    chart = line_chart(
        lines, title="Reach by lag, relative to lag 0", x_title="lag: steps back from the loss",
        log=True,
    )  # fmt: skip
    title = "Reach, relative to lag 0 (circle: half-life, diamond: horizon)"
    return (title, list(rows), chart) if chart else None

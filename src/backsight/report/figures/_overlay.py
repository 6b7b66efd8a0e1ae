"""One signal of several runs in one picture, a line per run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.report._some_of import some_of
from backsight.report._thin import Thinned, Thinning, columns_of
from backsight.report.figures._style import (
    ALARM,
    COLOURS,
    figure,
    log_ticks,
    member_label,
    note,
    wide_range,
)
from backsight.signals import Run, natural_order

__all__ = ["DASHES", "overlay", "overlay_members", "overlay_profiles", "run_style"]

DASHES = ("solid", "dash", "dot", "dashdot")
PANELS = 4
"""Layers, parameters or models of a figure, one below the other."""
ROW = 220
"""Pixels of a panel."""

MARKS_ROW = 11
"""Pixels of a run's row of crosses."""
MARKS_MOST = 0.4
"""Of a panel that all rows of crosses may take."""
MARKS_APART = 7
"""Pixels below the rows of crosses: a tick at the top of the curves has half a line of words."""

POINTS = 24_000
"""Of a panel, in all its lines: a page of twenty runs stays small."""


def run_style(number: int) -> dict[str, str]:
    """Colour and dash of the ``number``-th run; the first 24 have one each.

    Example:
        >>> from backsight.report.figures import run_style
        >>> run_style(0)["dash"], run_style(0)["color"] == run_style(6)["color"]
        ('solid', True)
    """
    return {
        "color": COLOURS[number % len(COLOURS)],
        "dash": DASHES[number // len(COLOURS) % len(DASHES)],
    }


def overlay_members(runs: Sequence[Run], family: str, *, profile: bool = False) -> tuple[str, ...]:
    """Signals of that family that any of the runs has, in their natural order.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report.figures import overlay_members
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"horizon/rnn.l0": 3.0, "horizon/rnn.l1": 2.0})
        >>> overlay_members([Run("runs/mine")], "horizon")
        ('horizon/rnn.l0', 'horizon/rnn.l1')
    """
    found = {name for run in runs for name in run.members(family, profile=profile)}
    return tuple(sorted(found, key=natural_order))


def overlay(
    runs: Sequence[Run],
    labels: Sequence[str],
    names: Sequence[str],
    y: str,
    *,
    log: bool | None = None,
    mode: str = "lines",
) -> go.Figure:
    """Scalar signals over iterations, a panel each; a value that is not finite is a cross above.

    Args:
        runs: the runs; one that lacks a signal has no line.
        labels: what tells them apart.
        names: the signals, at least one.
        y: title of the y axes.
        log: whether those are logarithmic; if not given, where the values span decades.
        mode: Plotly's, of the lines.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report.figures import overlay
        >>> for name in ("one", "two"):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("loss", [0, 1], [2.0, 1.0])
        >>> runs = [Run("runs/one"), Run("runs/two")]
        >>> [line.name for line in overlay(runs, ["a", "b"], ["loss"], "loss").data]
        ['a', 'b']
    """
    shown, left_out = some_of(names, PANELS)
    fig = _panels(shown, y, "iteration")
    pixels = columns_of(min(1200, max(100, POINTS // (4 * len(runs)))))
    for row, name in enumerate(shown, 1):
        streams = {i: run.stream(name) for i, run in enumerate(runs) if _has(run, name)}
        first = min((stream.first for stream in streams.values()), default=0)
        last = max((stream.last for stream in streams.values()), default=0)
        drawn: dict[int, Thinned] = {}
        for i, stream in streams.items():
            thinning = Thinning(first, last, pixels=pixels, log=bool(log))
            for block in stream:
                thinning.add(block.iterations, block.values)
            drawn[i] = thinning.result()
        logarithmic = wide_range(drawn.values()) if log is None and drawn else bool(log)
        _axis(fig, row, [one.values for one in drawn.values()], log=logarithmic)
        marked: list[_Marked] = []
        for i, thinned in drawn.items():
            x = np.insert(thinned.iterations, thinned.breaks, thinned.iterations[thinned.breaks])
            values = np.insert(thinned.values.astype(np.float32), thinned.breaks, np.nan)
            _line(fig, row, i, labels[i], x, values, name, mode=mode)
            marked += [
                _Marked(i, labels[i], kind, marks.iterations)
                for kind, marks in thinned.marks.items()
                if kind != "≤ 0"
            ]
        _crosses(fig, row, len(shown), marked, name)
    if left_out:
        note(fig, left_out.replace("layers", "members"))
    return fig


def overlay_profiles(
    runs: Sequence[Run], labels: Sequence[str], names: Sequence[str], y: str, x: str, floor: float
) -> go.Figure:
    """The last row of profile signals on a log axis, a panel each.

    Args:
        runs: the runs.
        labels: what tells them apart.
        names: the signals, at least one.
        y: title of the y axes.
        x: title of the x axes.
        floor: of the largest value: what is below leaves the picture.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report.figures import overlay_profiles
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("reach/rnn", 0, [1.0, 0.5])
        >>> figure = overlay_profiles([Run("runs/mine")], ["a"], ["reach/rnn"], "R", "lag", 1e-6)
        >>> figure.data[0].y.tolist()
        [1.0, 0.5]
    """
    shown, left_out = some_of(names, PANELS)
    fig = _panels(shown, y, x)
    for row, name in enumerate(shown, 1):
        rows = {
            i: run.stream(name).newest().values[-1].astype(np.float32)
            for i, run in enumerate(runs)
            if _has(run, name, profile=True)
        }
        visible = [v[np.isfinite(v) & (v > 0)] for v in rows.values()]
        most = max((float(v.max()) for v in visible if v.size), default=1.0)
        _axis(fig, row, [v[v >= floor * most] for v in visible], log=True)
        for i, values in rows.items():
            drawn = np.where(np.isfinite(values) & (values >= floor * most), values, np.nan)
            _line(fig, row, i, labels[i], np.arange(len(values)), drawn, name)
        broken = {i: np.flatnonzero(~np.isfinite(values)) for i, values in rows.items()}
        marked = [_Marked(i, labels[i], "not finite", at) for i, at in broken.items() if at.size]
        _crosses(fig, row, len(shown), marked, name)
    if left_out:
        note(fig, left_out)
    return fig


def _has(run: Run, name: str, *, profile: bool = False) -> bool:
    return run.members(name, profile=profile) == (name,)


def _panels(names: Sequence[str], y: str, x: str) -> go.Figure:
    titles = [member_label(name) for name in names] if len(names) > 1 else None
    fig = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.3, 34 / (ROW * len(names))) if len(names) > 1 else 0,
        subplot_titles=titles,
        figure=figure("", height=max(340, 80 + ROW * len(names))),
    )
    fig.update_annotations(font={"size": 12})
    line = {"showline": True, "linecolor": "#8c959f", "gridcolor": "#eaeef2", "zeroline": False}
    fig.update_xaxes(title=None, **line)
    fig.update_yaxes(title={"text": y, "standoff": 8}, automargin=True, **line)
    fig.update_xaxes(title={"text": x, "standoff": 4}, row=len(names), col=1)
    fig.update_layout(showlegend=False, hovermode="closest")  # one legend stands above all figures
    return fig


def _axis(fig: go.Figure, row: int, drawn: Sequence[NDArray[np.floating]], *, log: bool) -> None:
    """Lay out the y axis of a panel."""
    values = np.concatenate([np.empty(0), *drawn])
    if log:
        values = values[values > 0]
        ticks = log_ticks(values) if values.size else {}
        fig.update_yaxes(type="log", row=row, col=1, **ticks)


def _line(
    fig: go.Figure,
    row: int,
    run: int,
    label: str,
    x: NDArray[np.int64],
    y: NDArray[np.floating],
    signal: str,
    *,
    mode: str = "lines",
) -> None:
    alone = "markers" if np.count_nonzero(np.isfinite(y)) == 1 else mode
    fig.add_scatter(
        x=x, y=y, name=_plain(label), legendgroup=str(run), mode=alone, connectgaps=False,
        line={**run_style(run), "width": 1.4}, marker={"size": 6, "color": run_style(run)["color"]},
        meta={"signal": signal}, hovertemplate="%{x:,}: %{y:.4g}", row=row, col=1,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Marked:
    """What a run's line cannot show, of one kind."""

    run: int
    label: str
    kind: str
    at: NDArray[np.int64]


def _crosses(fig: go.Figure, row: int, panels: int, marked: Sequence[_Marked], signal: str) -> None:
    """Above the curves of a panel, which they would hide: a row of crosses for each run."""
    if not marked:
        return
    places = {run: place for place, run in enumerate(dict.fromkeys(one.run for one in marked))}
    curves = next(fig.select_yaxes(row=row, col=1))
    low, high = curves.domain
    margin = fig.layout.margin
    pixels = fig.layout.height - margin.t - margin.b
    share = min(MARKS_ROW * (len(places) + 0.5) / pixels, MARKS_MOST * (high - low))
    curves.domain = (low, high - share - MARKS_APART / pixels)
    number = panels + row
    fig.update_layout({
        f"yaxis{number}": {
            "domain": (high - share, high), "anchor": curves.anchor, "fixedrange": True,
            "range": (len(places) - 0.25, -0.75), "showgrid": False, "zeroline": False,
            "tickvals": [(len(places) - 1) / 2], "ticktext": ["not finite"], "ticks": "",
            "tickfont": {"size": 11, "color": ALARM}, "automargin": True,
        }
    })  # fmt: skip
    for one in marked:
        fig.add_scatter(
            x=one.at, y=np.full(len(one.at), places[one.run]), mode="markers",
            name=f"{_plain(one.label)}: {one.kind}", legendgroup=str(one.run),
            meta={"signal": signal, "kind": one.kind},
            hovertemplate="%{x:,}: " + one.kind,
            marker={"symbol": "x", "size": 6, "color": run_style(one.run)["color"]},
            xaxis=curves.anchor, yaxis=f"y{number}",
        )  # fmt: skip


def _plain(label: str) -> str:
    """Plotly takes ``<b>`` and ``<a>`` for markup."""
    return label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""How fast the channels of gated linear recurrences forget, layer by layer."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._half_life_sentences import FAMILIES
from backsight.report._rows import ends
from backsight.report._some_of import some_of
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import (
    ALARM,
    COLOURS,
    empty,
    figure,
    log_ticks,
    member_label,
    note,
)
from backsight.signals import SHARES, Run, family, member

__all__ = ["FIGURE", "half_lives"]

LAYERS = 32
"""Rows at most."""

LOW, MIDDLE, HIGH = (round(share * (len(SHARES) - 1)) for share in (0.05, 0.5, 0.95))

_Row = NDArray[np.floating[Any]]


def half_lives(run: Run) -> go.Figure:
    """A row a layer: 5, 50 and 95 % of its channels, in the last sample and in the first."""
    names = [name for kind in FAMILIES for name in run.members(kind, profile=True)]
    if not names:
        return empty("no half-life of a state was recorded in this run")
    shown, left_out = some_of(names, LAYERS)
    told = [left_out] if left_out else []
    fig = figure("", x_title="half-life, steps", height=150 + 30 * len(shown))
    rows = [(ends(run.stream(name)), run.stream(name)) for name in shown]
    both = [one for row, _ in rows for one in (row.first, row.last)]
    drawn = [one[[LOW, MIDDLE, HIGH]] for one in both if one.shape == SHARES.shape]
    least, most = _bounds(drawn, _windows(run, shown))
    colours = {"last": COLOURS[0], "first": COLOURS[5]}
    for which, shift in (("first", 0.22), ("last", 0.0)):
        line: list[tuple[float | None, float | None]] = []
        marks: list[tuple[float, float, str, str]] = []
        for place, (row, stream) in enumerate(rows):
            if which == "first" and stream.samples < 2:
                continue
            values = (row.last if which == "last" else row.first).astype(np.float64)
            if values.shape != SHARES.shape:
                continue
            if np.isnan(values).any():
                told.append(f"{_label(shown[place])} {which}: not finite")
                continue
            at = np.clip(values[[LOW, MIDDLE, HIGH]], least, most)
            line += [(at[0], place - shift), (at[2], place - shift), (None, None)]
            hover = f"{values[LOW]:.3g} / <b>{values[MIDDLE]:.3g}</b> / {values[HIGH]:.3g} steps"
            marks.append((at[1], place - shift, hover, _label(shown[place])))
        if not marks:
            continue
        style = {"color": colours[which], "width": 5.0 if which == "last" else 2.0}
        fig.add_scatter(
            x=[x for x, _ in line], y=[y for _, y in line], mode="lines", line=style,
            name=f"5 to 95 % of the channels, {which}", hoverinfo="skip", connectgaps=False,
        )  # fmt: skip
        fig.add_scatter(
            x=[x for x, *_ in marks], y=[y for _, y, *_ in marks], mode="markers",
            marker={"size": 11 if which == "last" else 6, "color": colours[which],
                    "line": {"width": 1.5, "color": "#ffffff"}},
            name=f"median, {which}", customdata=[[*more] for _, _, *more in marks],
            hovertemplate="%{customdata[0]}<extra>%{customdata[1]}</extra>",
        )  # fmt: skip
    _add_windows(fig, _windows(run, shown), len(shown))
    _add_edges(fig, rows, least, most)
    labels = [_label(name) for name in shown]
    fig.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=labels, range=[len(labels) - 0.4, -0.6]
    )
    edges = np.array([least / 1.15, most * 1.15])
    fig.update_xaxes(type="log", range=np.log10(edges).tolist(), **log_ticks(edges))
    fig.update_layout(hovermode="closest")
    if told:
        note(fig, "; ".join(told[:4]))
    return fig


def _bounds(rows: list[_Row], windows: list[float]) -> tuple[float, float]:
    """Of what a log axis can show; what is 0 or infinite lies at its ends."""
    there = [row[(row > 0) & np.isfinite(row)] for row in rows]
    values = np.concatenate([*there, np.array(windows), [1.0]]).astype(np.float64)
    return float(values.min()) / 1.6, float(values.max()) * 1.6


def _windows(run: Run, names: tuple[str, ...]) -> list[float]:
    """Steps of the forward, by layer; each once."""
    known = run.members("state_beyond_steps", profile=True)
    found = {f"state_beyond_steps/{member(name)}".rstrip("/") for name in names} & set(known)
    last = [ends(run.stream(name)).last for name in sorted(found)]
    return sorted({float(row[-1]) for row in last if row.size and np.isfinite(row[-1])})


def _add_windows(fig: go.Figure, windows: list[float], layers: int) -> None:
    """Where the forward ends, if that is the same for all."""
    if len(windows) == 1:
        fig.add_scatter(
            x=windows * 2, y=[-0.6, layers - 0.4], mode="lines", hoverinfo="skip",
            name=f"window, {windows[0]:,.0f} steps",
            line={"color": "gray", "width": 1, "dash": "dash"},
        )  # fmt: skip


def _add_edges(fig: go.Figure, rows: list[Any], least: float, most: float) -> None:
    """Marks at the ends of the axis for channels that forget at once, or never, or are NaN."""
    for x, symbol, words, is_such in (
        (least, "triangle-left", "forget at once", lambda values: values == 0),
        (most, "triangle-right", "never forget", np.isposinf),
        (least, "x", "not finite", np.isnan),
    ):
        there = []
        for place, (row, _) in enumerate(rows):
            share = float(np.mean(is_such(row.last))) if row.last.size else 0.0
            if share:
                said = words if symbol == "x" else f"about {share:.0%} of the channels {words}"
                there.append((place, said))
        if there:
            fig.add_scatter(
                x=[x] * len(there), y=[place for place, _ in there], mode="markers", name=words,
                marker={"symbol": symbol, "size": 12, "color": ALARM},
                customdata=[[text] for _, text in there],
                hovertemplate="%{customdata[0]}<extra></extra>",
            )  # fmt: skip


def _label(name: str) -> str:
    bound = " (upper bound)" if family(name) == FAMILIES[1] else ""
    return f"{member_label(name) or 'the layer'}{bound}"


def _reading(run: Run) -> str:
    told = [
        "How long the channels of each layer keep what they hold, by their gates alone: the dot is "
        "the median channel, and the bar goes from the 5 % that forget fastest to the 5 % that "
        "keep longest. It is what the gates allow, and not what the loss has taught: a bar that "
        "ends long before the lag of your task means that the state cannot hold it."
    ]
    if run.members(FAMILIES[1]):
        told.append(
            "An upper bound belongs to a layer that also writes over what it holds, and forgets at "
            "least as fast."
        )
    return " ".join(told)


FIGURE = Entry(
    "half-lives",
    "Half-lives of the state",
    _reading,
    half_lives,
    signals=FAMILIES,
    of_moment=True,
)

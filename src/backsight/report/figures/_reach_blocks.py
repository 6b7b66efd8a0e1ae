"""How far back the gradient reaches at each block of a stack."""

import re

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.report._rows import ends
from backsight.report._thin import thin_columns
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import ALARM, empty, figure
from backsight.signals import Run, member, reach_shares

__all__ = ["FIGURE", "reach_blocks"]

FLOOR = 1e-4
"""Of P, a hundredth of what still counts as reached: below it all is equally dark."""
COLUMNS = 400


def reach_blocks(run: Run) -> go.Figure:
    """``R(k)`` in the last sample, by lag (right) and block (up), a panel a stack."""
    stacks = _stacks(run.members("block_reach", profile=True))
    if not stacks:
        return empty("no reach at a stack of blocks was recorded in this run")
    fig = make_subplots(
        rows=len(stacks),
        cols=1,
        vertical_spacing=0.16 / len(stacks),
        subplot_titles=[f"blocks of {stack}" for stack in stacks] if len(stacks) > 1 else None,
        figure=figure(
            "block", x_title="lag", height=sum(140 + max(120, 14 * len(n)) for n in stacks.values())
        ),
    )
    for row, (stack, names) in enumerate(stacks.items(), start=1):
        rows = [ends(run.stream(name)).last for name in names]
        table = np.full((len(rows), max(map(len, rows))), np.nan)
        broken = np.zeros(table.shape)
        for place, one in enumerate(rows):
            table[place, : len(one)] = np.where(np.isfinite(one), one, np.nan)
            broken[place, : len(one)] = ~np.isfinite(one)
        starts = thin_columns(table.shape[1], COLUMNS)
        largest = _largest(table, starts)
        # One P for all: of a block that looks nowhere, its own would light the whole row.
        shares = reach_shares(table, together=True)
        labels = [member(name).removeprefix(f"{stack}.") for name in names]
        shown = {"x": starts, "y": labels, "row": row, "col": 1}
        fig.add_heatmap(
            z=np.log10(np.maximum(_largest(shares, starts), FLOOR)),
            customdata=largest,
            coloraxis="coloraxis",
            hovertemplate="block %{y}<br>lag %{x}<br>R = %{customdata:.4g}<extra></extra>",
            **shown,
        )
        if broken.any():
            red = np.maximum.reduceat(broken, starts, axis=1)
            fig.add_heatmap(
                z=np.where(red > 0, 1.0, np.nan),
                colorscale=[[0, ALARM], [1, ALARM]],
                showscale=False,
                hovertemplate="block %{y}<br>lag %{x}<br>not finite<extra></extra>",
                **shown,
            )
        fig.update_yaxes(title={"text": "block"}, type="category", row=row, col=1)
        fig.update_xaxes(title={"text": "lag: steps back from the loss"}, row=row, col=1)
    powers = np.arange(np.log10(FLOOR), 1)
    texts = [f"{10.0**power:g}" for power in powers]
    fig.update_layout(
        plot_bgcolor="#d0d7de",
        hovermode="closest",
        coloraxis={
            "colorscale": "Viridis",
            "cmin": powers[0],
            "cmax": powers[-1],
            "colorbar": {
                "title": {"text": "R/P"},
                "thickness": 14,
                "tickvals": powers,
                "ticktext": [f"≤ {texts[0]}", *texts[1:]],
            },
        },
    )
    return fig


def _largest(table: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each group of neighbouring lags, so that no single lag is lost; NaN for none."""
    largest = np.maximum.reduceat(np.where(np.isnan(table), -np.inf, table), starts, axis=1)
    return np.where(np.isneginf(largest), np.nan, largest)


def _stacks(names: tuple[str, ...]) -> dict[str, list[str]]:
    """Signals by the path of the stack that the block is in, in the order of its blocks."""

    def order(name: str) -> list[tuple[bool, int, str]]:
        parts = re.split(r"(\d+)", name)
        return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]

    stacks: dict[str, list[str]] = {}
    for name in sorted(names, key=order):
        stacks.setdefault(member(name).rpartition(".")[0], []).append(name)
    return stacks


FIGURE = Entry(
    "reach-blocks",
    "Reach by block",
    "The reach of the gradient on what each block of the stack is called with, in the last "
    "sample. Colours show R/P, at most 1: P is the strongest earlier step at any block of the "
    "stack. Rows can therefore be compared, and lag 0, which a residual connection or attention "
    "makes large, does not darken the others. The first block is at the bottom; the last one, just "
    "below the loss, is at the top. A row is bright at the lags that this block and those above it "
    "carry the gradient over. Where only the lower rows are bright at a lag, only the lower blocks "
    "look that far back.",
    reach_blocks,
    signals=("block_reach",),
    of_moment=True,
    only_if=lambda run: bool(run.members("block_reach", profile=True)),
)

"""A few rows of a profile signal as lines: the last sample, the median of all, the first."""

import math

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._rows import ends, medians
from backsight.report._some_of import some_of
from backsight.report.figures._style import COLOURS, member_label, note, place_log_axis
from backsight.signals import Run, SignalStream

__all__ = ["sample_lines"]

LAYERS = 6
"""At the most, with up to three lines each."""

DEEPEST = 1e-12
"""As a share of the largest value, where nothing else is said."""


def sample_lines(
    fig: go.Figure, run: Run, names: tuple[str, ...], *, floor: float | None = None
) -> None:
    """Draw the samples of each signal on a log axis, a colour each, and say what is missing.

    Lines that fall below ``floor`` leave the picture.
    """
    names, left_out = some_of(names, LAYERS)
    values = []
    missing = []
    for index, name in enumerate(names):
        layer, colour = member_label(name), COLOURS[index % len(COLOURS)]
        for label, row, dash, width in _rows(run.stream(name)):
            finite = np.isfinite(row)
            if not finite.all():
                missing.append(f"{layer} {label}: {np.count_nonzero(~finite)} not finite".lstrip())
            shown = finite & (row > 0)
            values.append(row[shown])
            fig.add_scatter(
                x=np.arange(len(row)),
                y=np.where(shown, row, np.nan),
                name=f"{layer} {label}".lstrip(),
                mode="lines" if len(row) > 1 else "markers",
                line={"color": colour, "width": width, "dash": dash},
                hovertemplate="%{y:.3g}",
                connectgaps=False,
            )
    every = np.concatenate(values) if values else np.empty(0)
    if every.size:
        low = DEEPEST * every.max() if floor is None else floor
        visible = every[every >= low]
        if visible.size:
            place_log_axis(fig, visible)
        if visible.size < every.size:
            top = math.log10(max(every.max(), 10 * low))
            fig.update_layout(
                yaxis={"range": [math.log10(low), top + 0.05 * (top - math.log10(low))]}
            )
    if told := [*([left_out] if left_out else []), *missing[:4]]:
        note(fig, "; ".join(told))


def _rows(
    stream: SignalStream,
) -> list[tuple[str, NDArray[np.float64], str | None, float]]:
    """Label, row, dash and width of the lines to draw: the last one on top."""
    rows = ends(stream)
    lines: list[tuple[str, NDArray[np.float64], str | None, float]] = []
    if stream.samples > 1:
        lines.append((f"first ({stream.first:,})", rows.first.astype(np.float64), "dot", 1.2))
    if stream.samples > 2:
        # Of the finite samples: how many were not is told where they are counted.
        lines.append((f"median of {stream.samples:,}", medians(stream), "dash", 1.2))
    return [*lines, (f"last ({stream.last:,})", rows.last.astype(np.float64), None, 2.0)]

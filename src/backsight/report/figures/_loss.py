"""Training and validation loss, against what counting alone achieves."""

import math

import plotly.graph_objects as go

from backsight.report.figures._style import COLOURS, add_series, empty, figure, log_axis, wide_range
from backsight.signals import Run

__all__ = ["loss"]


def loss(run: Run) -> go.Figure:
    """Loss an iteration in nats a character, with baselines where the run has them."""
    if "loss" not in run:
        return empty("no loss was recorded in this run")
    fig = figure("loss, nats a character" if run.events("setup") else "loss")
    drawn = [add_series(fig, run, "loss", "training", COLOURS[0])]
    if "val_loss" in run:
        drawn.append(
            add_series(fig, run, "val_loss", "validation", COLOURS[1], mode="lines+markers")
        )
    for setup in run.events("setup"):
        for name, value in setup.body.get("baselines", {}).items():
            fig.add_hline(
                y=value,
                line={"color": COLOURS[5], "width": 1, "dash": "dot"},
                annotation={
                    "text": f"{name} {value:.2f} ({value / math.log(2):.2f} bits)",
                    "font": {"size": 11, "color": COLOURS[5]},
                },
            )
    if wide_range(drawn):
        log_axis(fig, drawn)
    return fig

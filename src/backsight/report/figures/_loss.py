"""Training and validation loss, against what counting alone achieves."""

import math

import plotly.graph_objects as go

from backsight.report._thin import Thinned
from backsight.report._words import setup
from backsight.report.figures._style import COLOURS, add_series, empty, figure, log_axis, wide_range
from backsight.signals import Run, member

__all__ = ["loss"]


def loss(run: Run) -> go.Figure:
    """Loss an iteration in nats a character, with baselines where the run has them."""
    training = run.members("loss", profile=False)
    validation = run.members("val_loss", profile=False)
    if not training and not validation:
        return empty("no loss was recorded in this run")
    fig = figure("loss, nats a character" if setup(run) else "loss")
    drawn: list[Thinned] = []
    for names, what, mode in (
        (training, "training", "lines"),
        (validation, "validation", "lines+markers"),
    ):
        for name in names:
            label = f"{what} {member(name)}".rstrip()
            colour = COLOURS[len(drawn) % len(COLOURS)]
            drawn.append(add_series(fig, run, name, label, colour, mode=mode))
    logarithmic = wide_range(drawn)
    if logarithmic:
        log_axis(fig, drawn)
    for name, value in setup(run).get("baselines", {}).items():
        fig.add_hline(y=value, line={"color": COLOURS[5], "width": 1, "dash": "dot"})
        fig.add_annotation(
            text=f"{name} {value:.2f} ({value / math.log(2):.2f} bits)",
            font={"size": 11, "color": COLOURS[5]},
            x=1,
            xref="x domain",
            xanchor="right",
            y=math.log10(value) if logarithmic else value,  # Plotly wants it so
            yref="y",
            yanchor="bottom",
            showarrow=False,
        )
    return fig

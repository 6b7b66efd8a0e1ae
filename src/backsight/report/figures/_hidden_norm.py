"""How large the hidden states are, over training."""

import plotly.graph_objects as go

from backsight.report.figures._style import COLOURS, add_series, empty, figure, log_axis, wide_range
from backsight.signals import Run, member

__all__ = ["hidden_norm"]


def hidden_norm(run: Run) -> go.Figure:
    """Mean and maximum of ``‖h_t‖`` an iteration, a colour a layer."""
    layers = [member(name) for name in run.members("hidden_norm_mean")]
    if not layers:
        return empty("no hidden-state norm was recorded in this run")
    fig = figure("‖h‖")
    drawn = []
    for index, layer in enumerate(layers):
        colour = COLOURS[index % len(COLOURS)]
        name = f"hidden_norm_max/{layer}"
        if name in run:
            drawn.append(add_series(fig, run, name, f"{layer} maximum", colour, dash="dot"))
        name = f"hidden_norm_mean/{layer}"
        drawn.append(add_series(fig, run, name, f"{layer} mean", colour))
    if wide_range(drawn):
        log_axis(fig, drawn)
    return fig

"""Figures: each a function to a Plotly figure, one a file: from a run, or from plain numbers."""

from backsight.report.figures import (
    _context,
    _grad_time,
    _gradient_norm,
    _half_lives,
    _hidden_norm,
    _hidden_norm_time,
    _length,
    _loss,
    _lyapunov,
    _memory,
    _memory_capacity,
    _pace,
    _reach,
    _reach_ahead,
    _reach_blocks,
    _reach_time,
    _saturation,
    _sharpness,
    _update_ratio,
)
from backsight.report.figures._entry import Entry
from backsight.report.figures._overlay import (
    overlay,
    overlay_members,
    overlay_profiles,
    run_style,
)
from backsight.report.figures._panels import Line, Panel, panels
from backsight.report.figures._reach_marks import Mark, reach_marks
from backsight.report.figures._spreads import Curve, spreads
from backsight.report.figures._stability_map import (
    OUTCOME_COLOURS,
    MapAxis,
    MapView,
    map_growth,
    map_loss,
    map_outcomes,
)
from backsight.report.figures._strips import Strip, strips
from backsight.report.figures._style import log_ticks
from backsight.report.figures._timeline import timeline

__all__ = [
    "FIGURES",
    "OUTCOME_COLOURS",
    "Curve",
    "Entry",
    "Line",
    "MapAxis",
    "MapView",
    "Mark",
    "Panel",
    "Strip",
    "log_ticks",
    "map_growth",
    "map_loss",
    "map_outcomes",
    "overlay",
    "overlay_members",
    "overlay_profiles",
    "panels",
    "reach_marks",
    "run_style",
    "spreads",
    "strips",
    "timeline",
]

FIGURES = tuple(
    module.FIGURE
    for module in (
        _loss,
        _reach,
        _memory,
        _half_lives,
        _lyapunov,
        _memory_capacity,
        _reach_ahead,
        _reach_blocks,
        _reach_time,
        _context,
        _grad_time,
        _gradient_norm,
        _pace,
        _length,
        _hidden_norm,
        _hidden_norm_time,
        _update_ratio,
        _sharpness,
        _saturation,
    )
)
"""Those of a run's page, in their order on it."""

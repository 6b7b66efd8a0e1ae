"""Statistics of a training's stability, shared by what judges it and what acts on it."""

from backsight.diagnosis.stability._anomaly import Anomaly, AnomalyKind
from backsight.diagnosis.stability._formulas import (
    RECENT,
    Rise,
    divergence_limit,
    first_non_finite,
    learning_bar,
    rise_above_usual,
)
from backsight.diagnosis.stability._history import LossHistory
from backsight.diagnosis.stability._history_stretch import HistoryStretch
from backsight.diagnosis.stability._presets import FAST, SLOW, StabilityPreset
from backsight.diagnosis.stability._tracker import StabilityTracker

__all__ = [
    "FAST",
    "RECENT",
    "SLOW",
    "Anomaly",
    "AnomalyKind",
    "HistoryStretch",
    "LossHistory",
    "Rise",
    "StabilityPreset",
    "StabilityTracker",
    "divergence_limit",
    "first_non_finite",
    "learning_bar",
    "rise_above_usual",
]

"""What is measured while a model trains: one measurement a file, all of one shape."""

from backsight.monitor.measurements._adversary import Adversary
from backsight.monitor.measurements._applied_gradient import AppliedGradient
from backsight.monitor.measurements._chosen import chosen
from backsight.monitor.measurements._clipped_share import ClippedShare
from backsight.monitor.measurements._deep import Deep, record_measures
from backsight.monitor.measurements._gate_growth import GateGrowth
from backsight.monitor.measurements._gradient_norm import GradientNorm
from backsight.monitor.measurements._half_lives import HalfLives
from backsight.monitor.measurements._hidden_state import HiddenState
from backsight.monitor.measurements._input_spread import InputSpread
from backsight.monitor.measurements._loss import Loss
from backsight.monitor.measurements._measurement import (
    EVERY_ITERATION,
    FIRST_AND_RARELY,
    SAMPLED,
    LayerFaults,
    LookedAtAndAsked,
    Measurement,
    Schedule,
    Settling,
    every_nth_sample,
)
from backsight.monitor.measurements._measurement_set import MeasurementSet, check_measurements
from backsight.monitor.measurements._memory import StateMemory
from backsight.monitor.measurements._optimizer_settings import OptimizerSettings
from backsight.monitor.measurements._pace import Pace
from backsight.monitor.measurements._reach import Reach
from backsight.monitor.measurements._saturation import Saturation
from backsight.monitor.measurements._spectrum import Spectrum
from backsight.monitor.measurements._updates import Updates
from backsight.monitor.measurements.wiring import WIRING

__all__ = [
    "EVERY_ITERATION",
    "FIRST_AND_RARELY",
    "MEASUREMENTS",
    "SAMPLED",
    "STANDARD",
    "WIRING",
    "Adversary",
    "AppliedGradient",
    "ClippedShare",
    "Deep",
    "GateGrowth",
    "GradientNorm",
    "HalfLives",
    "HiddenState",
    "InputSpread",
    "LayerFaults",
    "LookedAtAndAsked",
    "Loss",
    "Measurement",
    "MeasurementSet",
    "OptimizerSettings",
    "Pace",
    "Reach",
    "Saturation",
    "Schedule",
    "Settling",
    "Spectrum",
    "StateMemory",
    "Updates",
    "check_measurements",
    "chosen",
    "every_nth_sample",
    "record_measures",
]

STANDARD: tuple[type[Measurement], ...] = (
    Loss,
    GradientNorm,
    AppliedGradient,
    OptimizerSettings,
    Pace,
    Reach,
    Deep,
    StateMemory,
    HalfLives,
    HiddenState,
    InputSpread,
    Saturation,
    Updates,
    Spectrum,
    Adversary,
)
"""What the numbers of a training are."""

MEASUREMENTS: tuple[type[Measurement], ...] = (*STANDARD, GateGrowth, ClippedShare, *WIRING)
"""Those of every monitor, in the order in which they are fed."""

"""Measures a torch model: hidden states, gradients, parameters. Changes nothing."""

from backsight.probes._gradients import gradient_norm
from backsight.probes._hidden import HiddenNorms, hidden_norms, recurrent_layers
from backsight.probes._probe import probe
from backsight.probes._profile import GradientProfile
from backsight.signals import Lag

__all__ = [
    "GradientProfile",
    "HiddenNorms",
    "Lag",
    "gradient_norm",
    "hidden_norms",
    "probe",
    "recurrent_layers",
]

"""Measures a torch model: hidden states and gradients. Changes nothing."""

from backsight.probes._gradients import gradient_norm
from backsight.probes._hidden import HiddenNorms, hidden_norms, recurrent_layers

__all__ = ["HiddenNorms", "gradient_norm", "hidden_norms", "recurrent_layers"]

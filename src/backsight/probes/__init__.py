"""Measures a torch model: hidden states, gradients, parameters. Changes nothing."""

from backsight.probes._autograd import retained
from backsight.probes._calls import Catcher
from backsight.probes._graph import GraphProbe, may_be_stepped
from backsight.probes._hidden import HiddenNorms, hidden_norms, recurrent_layers
from backsight.probes._hooks import EagerHook, Hook
from backsight.probes._inputs import InputSpread
from backsight.probes._layer_tally import Layered
from backsight.probes._parameters import (
    WIDEST,
    Updates,
    gradient_norm,
    recurrent_matrix,
    spectrum,
    tensor_norms,
    total_norm,
)
from backsight.probes._precision import on_host
from backsight.probes._probe import check_input, probe, what_was_found
from backsight.probes._probe_input import by_probe_input
from backsight.probes._profile import GradientProfile
from backsight.probes._readers import Readers, Readings
from backsight.probes._replay import Reading, by_recurrence_seeds, replay, walk, with_reaches
from backsight.probes._tensors import tensors_in
from backsight.signals import Lag

__all__ = [
    "WIDEST",
    "Catcher",
    "EagerHook",
    "GradientProfile",
    "GraphProbe",
    "HiddenNorms",
    "Hook",
    "InputSpread",
    "Lag",
    "Layered",
    "Readers",
    "Reading",
    "Readings",
    "Updates",
    "by_probe_input",
    "by_recurrence_seeds",
    "check_input",
    "gradient_norm",
    "hidden_norms",
    "may_be_stepped",
    "on_host",
    "probe",
    "recurrent_layers",
    "recurrent_matrix",
    "replay",
    "retained",
    "spectrum",
    "tensor_norms",
    "tensors_in",
    "total_norm",
    "walk",
    "what_was_found",
    "with_reaches",
]

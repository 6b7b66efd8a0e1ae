"""Measures a torch model: hidden states, gradients, parameters. Changes nothing."""

from backsight.probes._autograd import retained
from backsight.probes._hooks import EagerHook, Hook, left_by_compilers
from backsight.probes._input_spread import InputRange
from backsight.probes._parameters import (
    WIDEST,
    ParameterUpdates,
    gradient_norm,
    spectrum,
    tensor_norms,
    total_norm,
)
from backsight.probes._precision import on_host
from backsight.probes._probe import check_input, probe, what_was_found
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import (
    HiddenNorms,
    LayerReader,
    ReaderSettings,
    Readings,
    register_reader,
)
from backsight.probes._readers import Readers, reading_of
from backsight.probes._tensors import tensors_in
from backsight.probes.fused import (
    Arithmetic,
    Catcher,
    FusedReader,
    Layered,
    by_probe_input,
    by_recurrence_seeds,
    hidden_norms,
    replay,
    walk,
)
from backsight.probes.inputs import InputReader
from backsight.probes.stepped import SteppedReader, may_be_stepped
from backsight.signals import Lag

__all__ = [
    "WIDEST",
    "Arithmetic",
    "Catcher",
    "EagerHook",
    "FusedReader",
    "GradientProfile",
    "HiddenNorms",
    "Hook",
    "InputRange",
    "InputReader",
    "Lag",
    "LayerReader",
    "Layered",
    "ParameterUpdates",
    "ReaderSettings",
    "Readers",
    "Readings",
    "SteppedReader",
    "by_probe_input",
    "by_recurrence_seeds",
    "check_input",
    "gradient_norm",
    "hidden_norms",
    "left_by_compilers",
    "may_be_stepped",
    "on_host",
    "probe",
    "reading_of",
    "register_reader",
    "replay",
    "retained",
    "spectrum",
    "tensor_norms",
    "tensors_in",
    "total_norm",
    "walk",
    "what_was_found",
]

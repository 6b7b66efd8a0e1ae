"""Backsight: how far back in time a recurrent network can learn, and what goes wrong.

The names below are the whole public surface; each is imported when first used, so that
reading a run never waits for torch.
"""

from typing import TYPE_CHECKING, Any

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.curriculum import AdaptiveLength, LinearLength, StepwiseLength
    from backsight.diagnosis import context_probe, diagnose
    from backsight.errors import BacksightError
    from backsight.guard import Guard
    from backsight.lab import Chars, resume, train
    from backsight.layers import LayerAdapter, register_layer
    from backsight.monitor import Measurement, Monitor, watch
    from backsight.probes import GradientProfile, probe, sharpness
    from backsight.report import write_report
    from backsight.signals import Recorder, Run

    __version__: str

__all__ = [
    "AdaptiveLength",
    "BacksightError",
    "Chars",
    "GradientProfile",
    "Guard",
    "LayerAdapter",
    "LinearLength",
    "Measurement",
    "Monitor",
    "Recorder",
    "Run",
    "StepwiseLength",
    "__version__",
    "context_probe",
    "diagnose",
    "probe",
    "register_layer",
    "resume",
    "sharpness",
    "train",
    "watch",
    "write_report",
]

_imported = lazy(
    __name__,
    {
        "AdaptiveLength": "backsight.curriculum",
        "BacksightError": "backsight.errors",
        "Chars": "backsight.lab",
        "GradientProfile": "backsight.probes",
        "Guard": "backsight.guard",
        "LayerAdapter": "backsight.layers",
        "LinearLength": "backsight.curriculum",
        "Measurement": "backsight.monitor",
        "Monitor": "backsight.monitor",
        "Recorder": "backsight.signals",
        "Run": "backsight.signals",
        "StepwiseLength": "backsight.curriculum",
        "context_probe": "backsight.diagnosis",
        "diagnose": "backsight.diagnosis",
        "probe": "backsight.probes",
        "register_layer": "backsight.layers",
        "resume": "backsight.lab",
        "sharpness": "backsight.probes",
        "train": "backsight.lab",
        "watch": "backsight.monitor",
        "write_report": "backsight.report",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # the metadata machinery takes longer than all our own imports
        from importlib.metadata import version

        return version("backsight")
    return _imported(name)

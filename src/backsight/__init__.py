"""Backsight: how far back in time a recurrent network can learn, and what goes wrong.

The names below are the whole public surface; each is imported when first used, so that
reading a run never waits for torch.
"""

from typing import TYPE_CHECKING, Any

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.diagnosis import context_probe, diagnose
    from backsight.errors import BacksightError
    from backsight.lab import Chars, train
    from backsight.monitor import Monitor, watch
    from backsight.probes import GradientProfile, probe
    from backsight.report import write_report
    from backsight.signals import Recorder, Run

    __version__: str

__all__ = [
    "BacksightError",
    "Chars",
    "GradientProfile",
    "Monitor",
    "Recorder",
    "Run",
    "__version__",
    "context_probe",
    "diagnose",
    "probe",
    "train",
    "watch",
    "write_report",
]

_imported = lazy(
    __name__,
    {
        "BacksightError": "backsight.errors",
        "Chars": "backsight.lab",
        "GradientProfile": "backsight.probes",
        "Monitor": "backsight.monitor",
        "Recorder": "backsight.signals",
        "Run": "backsight.signals",
        "context_probe": "backsight.diagnosis",
        "diagnose": "backsight.diagnosis",
        "probe": "backsight.probes",
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

"""Backsight: how far back in time a recurrent network can learn, and what goes wrong.

The names below are the whole public surface; each is imported when first used, so that
reading a run never waits for torch.
"""

from importlib import metadata
from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.errors import BacksightError
    from backsight.lab import Chars, train
    from backsight.monitor import Monitor
    from backsight.report import write_report
    from backsight.signals import Recorder, Run

__version__ = metadata.version("backsight")
__all__ = [
    "BacksightError",
    "Chars",
    "Monitor",
    "Recorder",
    "Run",
    "__version__",
    "train",
    "write_report",
]

__getattr__ = lazy(
    __name__,
    {
        "BacksightError": "backsight.errors",
        "Chars": "backsight.lab",
        "Monitor": "backsight.monitor",
        "Recorder": "backsight.signals",
        "Run": "backsight.signals",
        "train": "backsight.lab",
        "write_report": "backsight.report",
    },
)

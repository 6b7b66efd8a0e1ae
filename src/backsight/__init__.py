"""Backsight: how far back in time a recurrent network can learn, and what goes wrong.

The names below are the whole public surface; each is imported when first used, so that
reading a run never waits for torch.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backsight.errors import BacksightError as BacksightError
    from backsight.lab import Chars as Chars
    from backsight.lab import train as train
    from backsight.monitor import Monitor as Monitor
    from backsight.report import write_report as write_report
    from backsight.signals import Recorder as Recorder
    from backsight.signals import Run as Run

_PLACES = {
    "BacksightError": "backsight.errors",
    "Chars": "backsight.lab",
    "Monitor": "backsight.monitor",
    "Recorder": "backsight.signals",
    "Run": "backsight.signals",
    "train": "backsight.lab",
    "write_report": "backsight.report",
}

__version__ = metadata.version("backsight")
__all__ = sorted([*_PLACES, "__version__"])  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'backsight' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

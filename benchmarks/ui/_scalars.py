"""What the peers are given of a run: all of its scalars."""

from pathlib import Path
from typing import Any

from backsight.signals import Run

__all__ = ["scalars_of"]


def scalars_of(path: Path) -> dict[str, Any]:
    """By name, with ``i`` and a space before it the iterations, and with ``v`` the values."""
    run = Run(path)
    signals: dict[str, Any] = {}
    for name in run.names:
        if run.members(name, profile=False):
            series = run.series(name)
            signals |= {f"i {name}": series.iterations, f"v {name}": series.values}
    return signals

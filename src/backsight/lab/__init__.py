"""The built-in trainer: a character model on real text, or a memory task, instrumented."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.lab._config import Chars, Training
from backsight.lab._tasks import (
    TASKS,
    Memory,
    MemoryAdding,
    MemoryCopying,
    MemoryEcho,
    MemoryFirstSymbol,
    MemoryMemorisation,
    MemoryMixture,
    MemoryMultiplication,
    MemoryOrder,
    MemoryPermutation,
    MemoryThreeBitOrder,
    MemoryXor,
)

if TYPE_CHECKING:
    from backsight.lab._saved import saved_settings, settings_of
    from backsight.lab._scribe import View
    from backsight.lab._train import resume, train

__all__ = [
    "TASKS",
    "Chars",
    "Memory",
    "MemoryAdding",
    "MemoryCopying",
    "MemoryEcho",
    "MemoryFirstSymbol",
    "MemoryMemorisation",
    "MemoryMixture",
    "MemoryMultiplication",
    "MemoryOrder",
    "MemoryPermutation",
    "MemoryThreeBitOrder",
    "MemoryXor",
    "Training",
    "View",
    "resume",
    "saved_settings",
    "settings_of",
    "train",
]

__getattr__ = lazy(
    __name__,
    {
        "View": "backsight.lab._scribe",
        "resume": "backsight.lab._train",
        "saved_settings": "backsight.lab._saved",  # reading a run takes NumPy
        "settings_of": "backsight.lab._saved",
        "train": "backsight.lab._train",
    },
)

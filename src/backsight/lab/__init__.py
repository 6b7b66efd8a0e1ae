"""The built-in trainer: a character model on real text, or a memory task, instrumented."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.lab._config import (
    Chars,
    Memory,
    MemoryAdding,
    MemoryCopying,
    MemoryEcho,
    MemoryMixture,
    MemoryOrder,
    Training,
)

if TYPE_CHECKING:
    from backsight.lab._train import View, train

__all__ = [
    "Chars",
    "Memory",
    "MemoryAdding",
    "MemoryCopying",
    "MemoryEcho",
    "MemoryMixture",
    "MemoryOrder",
    "Training",
    "View",
    "train",
]

__getattr__ = lazy(__name__, {"View": "backsight.lab._train", "train": "backsight.lab._train"})

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
    from backsight.lab._memory import AT_ONCE, HELD_OUT, Memorising, missed
    from backsight.lab._run_logger import View
    from backsight.lab._saved import saved_settings, settings_of, typed_settings
    from backsight.lab._train import make_loop, resume, train
    from backsight.lab._training_task import loss_of, precise

__all__ = [
    "AT_ONCE",
    "HELD_OUT",
    "TASKS",
    "Chars",
    "Memorising",
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
    "loss_of",
    "make_loop",
    "missed",
    "precise",
    "resume",
    "saved_settings",
    "settings_of",
    "train",
    "typed_settings",
]

__getattr__ = lazy(
    __name__,
    {
        "AT_ONCE": "backsight.lab._memory",
        "HELD_OUT": "backsight.lab._memory",
        "Memorising": "backsight.lab._memory",
        "View": "backsight.lab._run_logger",
        "loss_of": "backsight.lab._training_task",
        "make_loop": "backsight.lab._train",
        "missed": "backsight.lab._memory",
        "precise": "backsight.lab._training_task",
        "resume": "backsight.lab._train",
        "saved_settings": "backsight.lab._saved",  # reading a run takes NumPy
        "settings_of": "backsight.lab._saved",
        "train": "backsight.lab._train",
        "typed_settings": "backsight.lab._saved",
    },
)

"""Two marked steps, one early and one later: what multiplication and delayed XOR share."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHORTEST", "marked", "marked_lag"]

SHORTEST = 10
"""Below that many steps there is no first tenth."""


def marked(
    values: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mark a step of the first tenth, and one from there to the middle.

    Args:
        values: ``(B, T)``.
        rng: draws the steps.

    Returns:
        inputs ``(B, T, 2)``, values and marks, and the two marked values ``(B, 2)``.
    """
    size, length = values.shape
    first = rng.integers(0, length // 10, size)
    second = rng.integers(length // 10, length // 2, size)
    rows = np.arange(size)
    marks = np.zeros_like(values)
    marks[rows, first] = marks[rows, second] = 1
    pair = np.stack([values[rows, first], values[rows, second]], axis=-1)
    return np.stack([values, marks], axis=-1), pair


def marked_lag(length: int) -> int:
    """From the last step of the first tenth to the last step."""
    return length - length // 10

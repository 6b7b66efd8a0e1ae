"""A profile as a histogram, for tools that show no rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_histogram"]

BINS = 512
"""A histogram of W&B or trackio has no more."""


def as_histogram(row: NDArray[np.floating[Any]]) -> tuple[list[float], list[float]]:
    """Heights and edges: bin ``k`` is lag or step ``k``, and its height the value.

    Of a row longer than 512, a bin is the largest of neighbouring values; a NaN stays one.

    Args:
        row: shape ``(width,)``, at least one.

    Example:
        >>> import numpy as np
        >>> from backsight.integrations._bins import as_histogram
        >>> as_histogram(np.array([1.0, 0.5]))
        ([1.0, 0.5], [-0.5, 0.5, 1.5])
    """
    edges = np.arange(len(row) + 1) - 0.5
    starts = np.unique(np.linspace(0, len(row), min(len(row), BINS) + 1).astype(int))
    heights = np.maximum.reduceat(np.asarray(row, np.float64), starts[:-1])
    return heights.tolist(), edges[starts].tolist()

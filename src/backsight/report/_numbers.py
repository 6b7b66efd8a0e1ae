"""Numbers in words."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals import SignalStream, spell

__all__ = ["duration", "finite_values", "median", "number"]


def number(value: float) -> str:
    """Four significant digits; a non-finite number by its name.

    Example:
        >>> from backsight.report import number
        >>> [number(value) for value in (0.123456, 1234.5678, float("nan"))]
        ['0.1235', '1235', 'NaN']
    """
    if not math.isfinite(value):
        return spell(value)
    return f"{value:.4g}"


def median(values: NDArray[np.floating[Any]]) -> float:
    """The middle value, the lower of two: their mean might overflow. Their order is lost."""
    return float(np.percentile(values, 50, method="lower", overwrite_input=True))


def finite_values(stream: SignalStream) -> NDArray[np.floating[Any]]:
    """The finite values of a scalar signal, in one array."""
    found, end = np.empty(0, np.float32), 0
    for block in stream:
        values = block.values[np.isfinite(block.values)]
        if not found.size:
            found = np.empty(stream.samples, values.dtype)
        elif np.result_type(found, values) != found.dtype:
            found = found.astype(values.dtype)
        found[end : end + len(values)] = values
        end += len(values)
    return found[:end]


def duration(seconds: float) -> str:
    """``58 s``, ``3 min 20 s``, ``2 h 5 min``.

    Example:
        >>> from backsight.report import duration
        >>> [duration(seconds) for seconds in (58.2, 200, 7500)]
        ['58 s', '3 min 20 s', '2 h 5 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

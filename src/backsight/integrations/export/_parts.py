"""A run in parts that fit in memory: the columns of a table, its rows, and its events."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals import Profile, Run, Series

__all__ = ["column_names", "columns", "parts", "rows", "scalar_names"]

VALUES = 1 << 21
"""Values of a part, about: 16 MiB of a column each."""

LONGEST = 1 << 16
"""Iterations of a part at most."""

ScalarColumn = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Values, and where nothing was recorded."""


def scalar_names(run: Run) -> list[str]:
    """The signals with one number a sample, in natural order."""
    return [name for name in run.names if not run.is_profile(name)]


def column_names(names: Sequence[str]) -> list[str]:
    """What the columns of these signals are called beside the column ``iteration``."""
    return [f"{name} (signal)" if name == "iteration" else name for name in names]


def parts(run: Run, names: Sequence[str]) -> Iterator[dict[str, Series | Profile]]:
    """Samples of these signals, a stretch of iterations at a time.

    Raises:
        RunError: the store is damaged.
    """
    span = max(1, min(LONGEST, VALUES // max(1, len(names))))
    return run.stretches(names, repeat(span))


def columns(
    run: Run, names: Sequence[str]
) -> Iterator[tuple[NDArray[np.int64], list[ScalarColumn]]]:
    """Scalar signals as columns: iterations ``(n,)``, and for each signal ``(n,)`` values.

    Raises:
        RunError: the store is damaged.
    """
    for part in parts(run, names):
        index = np.unique(np.concatenate([signal.iterations for signal in part.values()]))
        found: list[ScalarColumn] = []
        for name in names:
            values, absent = np.zeros(len(index)), np.ones(len(index), bool)
            signal = part.get(name)
            if isinstance(signal, Series):
                at = np.searchsorted(index, signal.iterations)
                values[at], absent[at] = signal.values, False
            found.append((values, absent))
        yield index, found


def rows(run: Run) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.floating[Any]]]]:
    """Profiles signal by signal: name, iterations ``(n,)``, values ``(n, width)``.

    Raises:
        RunError: the store is damaged.
    """
    for name in run.names:
        if run.is_profile(name):
            for block in run.stream(name):
                yield name, block.iterations, block.values

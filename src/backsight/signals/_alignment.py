"""Two signals at the iterations that both have, piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals._samples import SampleBlock
from backsight.signals._stream import SignalStream

__all__ = ["CommonSamples", "common_samples"]


@dataclass(frozen=True, slots=True)
class CommonSamples:
    """Samples of two signals at the same iterations.

    Example:
        >>> from backsight.signals import Recorder, Run, common_samples
        >>> for name, every in (("one", 2), ("two", 3)):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("loss", range(0, 12, every), range(0, 12, every))
        >>> (both,) = common_samples(Run("runs/one").stream("loss"), Run("runs/two").stream("loss"))
        >>> both.iterations.tolist(), both.first.tolist()
        ([0, 6], [0.0, 6.0])
    """

    iterations: NDArray[np.int64]
    """Shape ``(n,)``, increasing."""
    first: NDArray[np.floating[Any]]
    """Of the first signal, shape ``(n,)`` or ``(n, width)``."""
    other: NDArray[np.floating[Any]]
    """Of the other one; its width may differ."""


def common_samples(first: SignalStream, other: SignalStream) -> Iterator[CommonSamples]:
    """Pieces of two signals at the iterations that both have, in order; none may be empty.

    Args:
        first: a signal.
        other: a signal of the same kind, most often of the same name in another run.

    Raises:
        RunError: a store is damaged.

    Example:
        >>> from backsight.signals import Recorder, Run, common_samples
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 1], [2.0, 1.0])
        ...     recorder.series("lr", [1, 2], [0.1, 0.1])
        >>> run = Run("runs/mine")
        >>> (both,) = common_samples(run.stream("loss"), run.stream("lr"))
        >>> both.first.tolist(), both.other.tolist()
        ([1.0], [0.1])
    """
    ours, theirs = iter(first), iter(other)
    one, two = next(ours, None), next(theirs, None)
    while one is not None and two is not None:
        at, here, there = np.intersect1d(
            one.iterations, two.iterations, assume_unique=True, return_indices=True
        )
        if at.size:
            yield CommonSamples(at, one.values[here], two.values[there])
        end = min(one.iterations[-1], two.iterations[-1])
        one, two = _after(one, end) or next(ours, None), _after(two, end) or next(theirs, None)


def _after(block: SampleBlock, iteration: int) -> SampleBlock | None:
    """What comes later."""
    start = int(np.searchsorted(block.iterations, iteration, side="right"))
    if start == len(block.iterations):
        return None
    return SampleBlock(block.iterations[start:], block.values[start:])

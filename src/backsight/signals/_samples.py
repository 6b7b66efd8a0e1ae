"""Samples of a signal as plain arrays: what is written, and what is read back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Event", "Profile", "SampleBlock", "Series", "gather", "join"]


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Consecutive samples of one signal.

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 10, 20], [2.5, 2.0, 1.75])
        >>> (block,) = Run("runs/mine").stream("loss")
        >>> block.iterations.tolist(), block.values.tolist()
        ([0, 10, 20], [2.5, 2.0, 1.75])
    """

    iterations: NDArray[np.int64]
    """Shape ``(n,)``, strictly increasing."""
    values: NDArray[np.floating[Any]]
    """Shape ``(n,)`` for a scalar, ``(n, width)`` for a profile."""

    @property
    def nbytes(self) -> int:
        """Bytes of iterations and values together."""
        return self.iterations.nbytes + self.values.nbytes

    def continues(self, other: "SampleBlock") -> bool:
        """True where both can share a chunk: the same width and dtype."""
        return (
            self.values.shape[1:] == other.values.shape[1:]
            and self.values.dtype == other.values.dtype
        )


def join(blocks: list[SampleBlock]) -> SampleBlock:
    """One block out of several of the same width, bits unchanged."""
    if len(blocks) == 1:
        return blocks[0]
    return SampleBlock(
        np.concatenate([b.iterations for b in blocks]), np.concatenate([b.values for b in blocks])
    )


def gather(blocks: Iterable[SampleBlock], samples: int) -> SampleBlock:
    """One block out of those of a scalar signal, which need not be in memory together.

    Args:
        blocks: in order.
        samples: how many they have in all.
    """
    iterations, values = np.empty(samples, np.int64), np.empty(0, np.float32)
    end = 0
    for block in blocks:
        start, end = end, end + len(block.iterations)
        if not start:
            values = np.empty(samples, block.values.dtype)
        elif np.result_type(values, block.values) != values.dtype:
            values = values.astype(block.values.dtype)
        iterations[start:end], values[start:end] = block.iterations, block.values
    return SampleBlock(iterations[:end], values[:end])


@dataclass(frozen=True, slots=True)
class Series:
    """One number a sample.

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 10, 20], [2.5, 2.0, 1.75])
        >>> series = Run("runs/mine").series("loss")
        >>> series.iterations.tolist(), series.values.tolist()
        ([0, 10, 20], [2.5, 2.0, 1.75])
    """

    iterations: NDArray[np.int64]
    """Shape ``(n,)``, strictly increasing."""
    values: NDArray[np.floating[Any]]
    """Shape ``(n,)``, in the dtype it was measured in; NaN and ±Inf as they were."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One row a sample; the width may change during a run (a length curriculum).

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("reach/rnn.l0", 0, [1.0, 0.5])
        ...     recorder.profile("reach/rnn.l0", 10, [1.0, 0.6, 0.4])
        >>> profile = Run("runs/mine").profile("reach")
        >>> profile.iterations.tolist(), profile.widths.tolist(), profile.table().shape
        ([0, 10], [2, 3], (2, 3))
    """

    iterations: NDArray[np.int64]
    """Shape ``(n,)``, strictly increasing."""
    rows: tuple[NDArray[np.floating[Any]], ...]
    """``n`` arrays of shape ``(width_i,)``."""

    @property
    def widths(self) -> NDArray[np.int64]:
        """Shape ``(n,)``: the length of each row."""
        return np.array([len(row) for row in self.rows], np.int64)

    def table(self) -> "np.ma.MaskedArray[Any, Any]":
        """All rows as one masked array, shape ``(n, widest)``.

        Masked means *not recorded* (the row was shorter); a NaN stays a NaN, unmasked.
        """
        widths = self.widths
        values = np.zeros((len(self.rows), widths.max(initial=0)))
        for index, row in enumerate(self.rows):
            values[index, : len(row)] = row
        return np.ma.MaskedArray(values, np.arange(values.shape[1]) >= widths[:, np.newaxis])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an iteration: a text sample, a finding, an intervention.

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.event("sample", 9, {"text": "the square of 2"})
        >>> (event,) = Run("runs/mine").events("sample")
        >>> event.iteration, event.body["text"]
        (9, 'the square of 2')
    """

    iteration: int
    time: float
    kind: str
    body: Any

"""A part of a run's iterations, read as if nothing else had been recorded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backsight.errors import RunError
from backsight.signals._reader import ChunkPlace, Reader
from backsight.signals._run import Run
from backsight.signals._samples import SampleBlock
from backsight.signals._stream import Keeper, Made, SignalStream, pieces

__all__ = ["RunWindow"]

Iterations = tuple[int, int]
"""The first and the last iteration."""

EVER = (1 << 63) - 2
"""Later than any iteration that a store can count."""


class RunWindow(Run):
    """A run of which only the iterations from ``first`` to ``last`` are seen.

    A figure of it shows this part at full resolution, and a figure of profiles shows how they
    were at ``last``. It limits :meth:`members`, :meth:`stream` and :meth:`last`, by which figures
    read; what else a run has (its events, its status) is that of the whole run.

    Args:
        path: the run folder.
        first: the first iteration to see.
        last: the last one; all later ones by default.

    Raises:
        RunError: not a run folder, damaged, or from a newer version.

    Example:
        >>> from backsight.signals import Recorder, RunWindow
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0] * 99 + [0.5])
        ...     recorder.series("val_loss", [10, 20], [1.5, 1.4])
        >>> window = RunWindow("runs/mine", first=90, last=94)
        >>> stream = window.stream("loss")
        >>> stream.first, stream.last, stream.samples, window.members("val_loss")
        (90, 94, 5, ())
    """

    def __init__(self, path: Path | str, *, first: int = 0, last: int | None = None) -> None:
        super().__init__(path)
        self._first, self._last = first, EVER if last is None else last

    def members(self, name: str, *, profile: bool | None = None) -> tuple[str, ...]:
        """As of a run, those with a sample in the window."""
        found = super().members(name, profile=profile)
        return tuple(one for one in found if self.stream(one).samples)

    def stream(self, name: str) -> SignalStream:
        """The samples in the window, of which there may be none."""
        whole = super().stream(name)
        window = (self._first, self._last)
        with self._reading() as reader:
            places = _places(reader, whole.name, window)
            ends = [reader.current_block_at(whole.name, p) for p in (*places[:1], *places[-1:])]
        inside = [_inside(block, window).iterations for block in ends]
        outside = len(ends[0].iterations) - len(inside[0]) if places else 0
        if len(places) > 1:
            outside += len(ends[1].iterations) - len(inside[1])
        samples = sum(place.end - place.start for place in places) - outside
        at = np.concatenate([np.empty(0, np.int64), *inside])
        first, last = (int(at[0]), int(at[-1])) if samples else window
        return _WindowStream(
            whole.name, whole.is_profile, first, last, samples, self._reading, window
        )

    def last(self, name: str) -> tuple[int, float]:
        """The newest sample in the window of a scalar signal: iteration and value.

        Raises:
            RunError: there is none.
        """
        stream = self.stream(name)
        if not stream.samples:
            raise RunError(f"{self.path}: signal {name!r} was not recorded in these iterations")
        block = stream.newest()
        return int(block.iterations[-1]), float(block.values[-1])


@dataclass(frozen=True, slots=True)
class _WindowStream(SignalStream):
    """A signal piece by piece, from one iteration to another."""

    window: Iterations = (0, EVER)

    def __iter__(self) -> Iterator[SampleBlock]:
        begin, end = self.window
        with self.reading() as reader:
            # The run may have gone on since: what came later is of no concern here.
            yield from pieces(_blocks(reader, self.name, (begin, min(end, self.last))))

    def each(
        self, make: Callable[[SampleBlock], Made], what: object, keeper: Keeper
    ) -> Iterator[Made]:
        """Of every part that is in the window; nothing is kept."""
        return map(make, self)

    def newest(self) -> SampleBlock:
        with self.reading() as reader:
            (block,) = _blocks(reader, self.name, (self.last, self.last))
        return block


def _places(reader: Reader, name: str, window: Iterations) -> list[ChunkPlace]:
    """The chunks that may have samples in it, in order."""
    first, last = window
    return [place for place in reader.places(name) if place.last >= first and place.first <= last]


def _blocks(reader: Reader, name: str, window: Iterations) -> Iterator[SampleBlock]:
    for place in _places(reader, name, window):
        block = _inside(reader.current_block_at(name, place), window)
        if len(block.iterations):
            yield block


def _inside(block: SampleBlock, window: Iterations) -> SampleBlock:
    first, last = window
    low, high = np.searchsorted(block.iterations, [first, last + 1])
    return SampleBlock(block.iterations[low:high], block.values[low:high])

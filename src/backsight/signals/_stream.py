"""A signal piece by piece: however long a run is, a few hundred kilobytes of it at a time."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from backsight.signals._reader import ChunkPlace, Reader
from backsight.signals._samples import SampleBlock, join

__all__ = ["PIECE_BYTES", "SignalStream", "pieces"]

PIECE_BYTES = 1 << 19
"""Chunks are put together up to this size: NumPy is fast on 40,000 samples, and slow on 4,000."""


Made = TypeVar("Made")


class Keeper(Protocol):
    """Remembers what was made."""

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """What was made for this key, or what is made now."""
        ...


@dataclass(frozen=True, slots=True)
class SignalStream:
    """One signal, read anew from the store each time it is iterated over.

    Iterating gives blocks of consecutive samples. Each is verified before it is handed out; that
    the newest chunks of a signal are missing shows only at the end, as a ``RunError``.

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100_000), [2.0] * 99_999 + [0.5])
        >>> stream = Run("runs/mine").stream("loss")
        >>> stream.first, stream.last, stream.samples
        (0, 99999, 100000)
        >>> min(block.values.min().item() for block in stream)
        0.5
    """

    name: str
    """As recorded."""
    is_profile: bool
    """True where it has a row a sample."""
    first: int
    """The iteration of the oldest sample."""
    last: int
    """The iteration of the newest one."""
    samples: int
    """How many there are."""
    reading: Callable[[], AbstractContextManager[Reader]]

    def __iter__(self) -> Iterator[SampleBlock]:
        """Blocks of at most ``PIECE_BYTES``, or one sample; rows of one width in each.

        Raises:
            RunError: the store is damaged.
        """
        with self.reading() as reader:
            # The run may have gone on since: what came later is of no concern here.
            left = self.samples
            for block in pieces(reader.chunks(self.name)):
                if left >= len(block.iterations):
                    yield block
                elif left > 0:
                    yield _part(block, 0, left)
                left -= len(block.iterations)

    def each(
        self, make: Callable[[SampleBlock], Made], what: object, keeper: Keeper
    ) -> Iterator[Made]:
        """What ``make`` makes of each chunk, in order. Chunks of which it was made are not read
        again: that they are the same is verified, by the checksums of all chunks so far.

        Args:
            make: is called for the other chunks.
            what: names what it makes.
            keeper: remembers it.

        Raises:
            RunError: the store is damaged.
        """
        with self.reading() as reader:
            for place in reader.places(self.name):
                left = self.samples - place.start
                if left <= 0:  # the run has gone on since
                    return

                def made(place: ChunkPlace = place, left: int = left) -> Made:
                    return make(_part(reader.current_block_at(self.name, place), 0, left))

                whole = place.end <= self.samples
                key = (reader.path, self.name, place.rowid, place.end, place.chain, what)
                yield keeper.get(key, made) if whole else made()

    def newest(self) -> SampleBlock:
        """The newest chunk, read and verified alone.

        Raises:
            RunError: the store is damaged.
        """
        with self.reading() as reader:
            return reader.newest(self.name)


def pieces(blocks: Iterable[SampleBlock], size: int = PIECE_BYTES) -> Iterator[SampleBlock]:
    """The same samples in blocks of at most ``size`` bytes, or of one sample each."""
    waiting: list[SampleBlock] = []
    total = 0
    for block in blocks:
        if waiting and (not block.continues(waiting[-1]) or total + block.nbytes > size):
            yield join(waiting)
            waiting, total = [], 0
        if block.nbytes > size:
            each = max(size * len(block.iterations) // block.nbytes, 1)
            for start in range(0, len(block.iterations), each):
                yield _part(block, start, start + each)
        else:
            waiting.append(block)
            total += block.nbytes
    if waiting:
        yield join(waiting)


def _part(block: SampleBlock, start: int, end: int) -> SampleBlock:
    return SampleBlock(block.iterations[start:end], block.values[start:end])

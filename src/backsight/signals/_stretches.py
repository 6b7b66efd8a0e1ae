"""Reads signals side by side, a stretch of iterations at a time: a run need not fit in memory."""

from collections.abc import Collection, Iterable, Iterator

import numpy as np

from backsight.signals._reader import Reader
from backsight.signals._samples import SampleBlock

__all__ = ["stretches"]


def stretches(
    reader: Reader, names: Collection[str], spans: Iterable[int], first: int = 0
) -> Iterator[dict[str, list[SampleBlock]]]:
    """What was recorded in stretches of so many iterations each, by signal, in order.

    That no chunk is missing is verified before the first stretch, and what a chunk contains when
    it is read. A stretch begins at the next recorded iteration, so that none is empty. What was
    derived from a reach has the meaning of today, as everywhere.

    Raises:
        RunError: a chunk is damaged, missing or misplaced.
    """
    cursors = {name: _Cursor(reader, name, first) for name in names}
    cursors = {name: cursor for name, cursor in cursors.items() if not cursor.ended}
    for span in spans:
        if not cursors:
            break
        before = min(cursor.next for cursor in cursors.values()) + span
        found = {n: blocks for n, cursor in cursors.items() if (blocks := cursor.take(before))}
        cursors = {name: cursor for name, cursor in cursors.items() if not cursor.ended}
        yield found


class _Cursor:
    """Where the reading of one signal stands."""

    def __init__(self, reader: Reader, name: str, first: int) -> None:
        self._reader, self._name = reader, name
        self._places = iter([place for place in reader.places(name) if place.last >= first])
        self._block: SampleBlock | None = None
        self._place = next(self._places, None)
        self.next = -1 if self._place is None else self._place.first
        """The iteration of the next sample."""
        if self.next < first:
            self.take(first)

    @property
    def ended(self) -> bool:
        """Whether everything was taken."""
        return self._place is None

    def take(self, before: int) -> list[SampleBlock]:
        """The samples up to that iteration, which is not among them."""
        taken: list[SampleBlock] = []
        while self._place is not None and self.next < before:
            if self._block is None:
                self._block = self._reader.current_block_at(self._name, self._place)
            block = self._block
            count = int(np.searchsorted(block.iterations, before))
            taken.append(SampleBlock(block.iterations[:count], block.values[:count]))
            if count < len(block.iterations):
                self._block = SampleBlock(block.iterations[count:], block.values[count:])
                self.next = int(self._block.iterations[0])
            else:
                self._block, self._place = None, next(self._places, None)
                self.next = -1 if self._place is None else self._place.first
        return taken

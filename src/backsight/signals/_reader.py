"""One state of ``signals.db``: verified chunks and events, or a RunError; never a wrong number."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import RunError
from backsight.signals._former_reach import computed_again, reach_of
from backsight.signals._samples import SampleBlock
from backsight.signals._schema import Deadline
from backsight.signals._seal import SignalLength, checksum, link, seal

__all__ = ["ChunkPlace", "Directory", "Extent", "Reader", "content_bytes"]

_COLUMNS = "id, start, first, last, width, dtype, iterations, numbers, checksum"
_TYPES = (int, int, int, int, int, str, bytes, bytes, int)
"""Of a chunk."""

SAMPLE_BYTES = 12
"""An iteration and one ``float32``: no sample takes less."""


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk stands in its signal."""

    rowid: int
    number: int
    """How many chunks come before it."""
    start: int
    before: int
    """The chain of those before it."""
    first: int
    end: int
    """Samples of the signal up to and with it."""
    last: int
    chain: int


@dataclass(frozen=True, slots=True)
class Directory:
    """All signals of a store at one moment, verified."""

    seal: tuple[int, int, int] | None
    """Newest event, chain of the events, checksum; None for a store without seals."""
    heartbeat: float | None
    signals: dict[str, tuple[int, bool]]
    """By name, the signal's row and whether it is a profile."""
    lengths: dict[str, SignalLength]
    """By name; empty for a store without seals."""
    profiles: dict[str, bool]
    """By name, whether a signal is a profile: one object for all that ask, with 2,000 signals."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a signal there is, known before its chunks are read."""

    first: int
    """The iteration of the oldest sample."""
    last: int
    """The iteration of the newest one."""
    samples: int


class Reader:
    """Reads one state of a store, however it goes on being written.

    Args:
        connection: in a transaction, with a schema that was checked.
        path: the store, for messages.
        deadline: the connection's.
        sealed: whether lengths and events can be verified.
        former_reach: whether the store was begun when half-life, horizon and growth rate were
            relative to lag 0.
        known: what an earlier reader verified; what has the same seal is the same.

    Raises:
        RunError: the store differs from its seal.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        deadline: Deadline,
        *,
        sealed: bool,
        former_reach: bool = False,
        known: Directory | None = None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._deadline = deadline
        self._former_reach = former_reach
        self._bytes = content_bytes(connection)
        heartbeat: float | None = None
        for (time,) in self._rows("SELECT time FROM heartbeat WHERE id = 1", (), (float,)):
            heartbeat = time
        found = None
        if sealed:
            for events, chain, total in self._rows(
                "SELECT events, chain, checksum FROM seal WHERE id = 1", (), (int,) * 3
            ):
                found = events, chain, total
            if found is None:
                raise self.damaged("its seal is missing")
        if known is None or found is None or (known.seal, known.heartbeat) != (found, heartbeat):
            signals = self._signals()
            lengths = self._lengths(signals) if found else {}
            profiles = {name: profile for name, (_, profile) in signals.items()}
            known = Directory(found, heartbeat, signals, lengths, profiles)
            if not found:
                self._check_owners()
            if found and seal(lengths.values(), found[0], found[1], heartbeat) != found[2]:
                raise self.damaged("its list of signals differs from its checksum")
        self.directory = known
        """What was verified."""
        self.signals, self.lengths = known.signals, known.lengths
        self.heartbeat = heartbeat
        """When the writer last committed, in seconds since the epoch."""

    @property
    def path(self) -> Path:
        """The store."""
        return self._path

    @property
    def deadline(self) -> Deadline:
        """The connection's."""
        return self._deadline

    @property
    def iterations(self) -> int:
        """How many iterations are recorded: the newest one's number plus one."""
        if self.directory.seal:
            return max((one.last for one in self.lengths.values()), default=-1) + 1
        rows = self._connection.execute("SELECT MAX(last) FROM chunk").fetchall()
        return 0 if rows[0][0] is None else int(rows[0][0]) + 1

    @property
    def profiles(self) -> dict[str, bool]:
        """By name, whether a signal is a profile."""
        return self.directory.profiles

    def damaged(self, what: str) -> RunError:
        """The error that says so."""
        return RunError(f"{self._path} is damaged: {what}")

    def chunks(self, name: str) -> Iterator[SampleBlock]:
        """The chunks of a signal in order of iteration, each verified before it is handed
        out, with the meaning of today.

        Raises:
            RunError: a chunk is damaged, missing or misplaced. That the newest ones are missing
                shows only after the last one that is there.
        """
        length = self.lengths.get(name)
        number, place = -1, None
        for number, (place, block) in enumerate(self._chunks(name, newest_only=False)):  # noqa: B007
            yield self._today(name, block)
        if place is None:  # a signal is written together with its first chunk
            raise self.damaged(f"all values of signal {name!r} are missing")
        if length:
            self._check_end(length, place, chunks=number + 1)

    def newest(self, name: str) -> SampleBlock:
        """The last chunk of a signal, read and verified alone.

        Raises:
            RunError: it is damaged or missing.
        """
        length = self.lengths.get(name)
        for place, block in self._chunks(name, newest_only=True):
            if length:
                self._check_end(length, place, chunks=length.chunks)
            return self._today(name, block)
        raise self.damaged(f"all values of signal {name!r} are missing")

    def extent(self, name: str) -> Extent:
        """How much of a signal there is, without its numbers.

        Raises:
            RunError: its chunks are missing, or the file cannot hold as many samples.
        """
        signal, _ = self.signals[name]
        for (first,) in self._rows(
            "SELECT first FROM chunk WHERE signal = ? ORDER BY start LIMIT 1", (signal,), (int,)
        ):
            if length := self.lengths.get(name):
                last, samples = length.last, length.samples
            else:
                end = self.places(name)[-1]
                last, samples = end.last, end.end
            if not 0 < samples * SAMPLE_BYTES <= self._bytes:
                raise self.damaged(f"signal {name!r} cannot have {samples:,} samples")
            return Extent(first, last, samples)
        raise self.damaged(f"all values of signal {name!r} are missing")

    def _today(self, name: str, block: SampleBlock) -> SampleBlock:
        """A chunk as it would be recorded today: see ``_former_reach``."""
        reach = reach_of(name) if self._former_reach else None
        if reach is None or not self.profiles.get(reach):
            return block
        first, last = block.iterations[0], block.iterations[-1]
        rows = (
            self.block_at(reach, place)
            for place in self.places(reach)
            if place.first <= last and place.last >= first
        )
        return computed_again(name, block, rows)

    def places(self, name: str) -> list[ChunkPlace]:
        """Where the chunks of a signal stand, in order, without their numbers.

        Raises:
            RunError: a chunk is missing or misplaced.
        """
        signal, _ = self.signals[name]
        places: list[ChunkPlace] = []
        chain = samples = 0
        previous = -1
        for rowid, start, first, last, size, expected in self._rows(
            "SELECT id, start, first, last, LENGTH(iterations), checksum FROM chunk"
            " WHERE signal = ? ORDER BY start",
            (signal,),
            (int, int, int, int, int, int),
        ):
            if start != samples or not previous < first <= last or size < 8 or size % 8:
                raise self.damaged(f"signal {name!r} lacks samples before iteration {first}")
            before, chain = chain, link(chain, start, first, last, expected)
            samples, previous = start + size // 8, last
            places.append(
                ChunkPlace(rowid, len(places), start, before, first, samples, last, chain)
            )
        if not places:
            raise self.damaged(f"all values of signal {name!r} are missing")
        if name in self.lengths:
            self._check_end(self.lengths[name], places[-1], chunks=len(places))
        return places

    def block_at(self, name: str, place: ChunkPlace) -> SampleBlock:
        """The numbers of one chunk.

        Raises:
            RunError: it is damaged.
        """
        _, profile = self.signals[name]
        (row,) = self._rows(f"SELECT {_COLUMNS} FROM chunk WHERE id = ?", (place.rowid,), _TYPES)
        return self._verified(name, profile, row)

    def current_block_at(self, name: str, place: ChunkPlace) -> SampleBlock:
        """The same with the meaning of today.

        Raises:
            RunError: it is damaged.
        """
        return self._today(name, self.block_at(name, place))

    def events(self) -> list[tuple[int, int, float, str, str]]:
        """All events, ``(id, iteration, time, kind, JSON body)``, as they were recorded.

        Raises:
            RunError: an event is damaged, missing or misplaced.
        """
        rows: list[tuple[int, int, float, str, str]] = []
        size = chain = newest = 0
        for row in self._rows(
            "SELECT id, iteration, time, kind, body FROM event ORDER BY id",
            (),
            (int, int, float, str, str),
        ):
            size += len(row[3]) + len(row[4])
            if row[0] <= newest or size > self._bytes:
                raise self.damaged(f"event {row[0]} has an invalid record")
            newest, chain = row[0], link(chain, *row)
            rows.append(row)
        if self.directory.seal and (newest, chain) != self.directory.seal[:2]:
            raise self.damaged("an event is missing or altered")
        return rows

    def _signals(self) -> dict[str, tuple[int, bool]]:
        signals: dict[str, tuple[int, bool]] = {}
        previous = 0
        for signal, name, profile in self._rows(
            "SELECT id, name, profile FROM signal ORDER BY id", (), (int, str, int)
        ):
            if name in signals or profile not in (0, 1) or signal <= previous:
                raise self.damaged(f"signal {name!r} has an invalid record")
            signals[name] = signal, bool(profile)
            previous = signal
        return signals

    def _check_owners(self) -> None:
        """Without seals, chunks are all that tells of a signal that was deleted."""
        orphans = "SELECT signal FROM chunk WHERE signal NOT IN (SELECT id FROM signal) LIMIT 1"
        for (signal,) in self._connection.execute(orphans):
            raise self.damaged(f"it contains values of an unknown signal {ascii(signal)[:20]}")

    def _lengths(self, signals: dict[str, tuple[int, bool]]) -> dict[str, SignalLength]:
        names = {signal: (name, profile) for name, (signal, profile) in signals.items()}
        lengths: dict[str, SignalLength] = {}
        for row in self._rows(
            "SELECT signal, chunks, samples, last, before, chain FROM length ORDER BY signal",
            (),
            (int,) * 6,
        ):
            if row[0] not in names:
                raise self.damaged(f"it has a length of an unknown signal {row[0]}")
            name, profile = names.pop(row[0])
            lengths[name] = SignalLength(row[0], name, profile, *row[1:])
        if names:
            raise self.damaged(f"the length of signal {names.popitem()[1][0]!r} is missing")
        return lengths

    def _chunks(self, name: str, newest_only: bool) -> Iterator[tuple[ChunkPlace, SampleBlock]]:
        signal, profile = self.signals[name]
        order = "DESC LIMIT 1" if newest_only else "ASC"
        size = chain = samples = 0
        previous = -1
        length = self.lengths.get(name)
        if newest_only and length:
            chain = length.before
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM chunk WHERE signal = ? ORDER BY start {order}",
            (signal,),
            _TYPES,
        )
        for number, row in enumerate(rows):
            rowid, start, first, last, *_, expected = row
            block = self._verified(name, profile, row)
            size += block.nbytes
            if newest_only:
                samples = start
            if first <= previous or start != samples or size > self._bytes:
                raise self.damaged(f"signal {name!r} lacks samples before iteration {first}")
            before, chain = chain, link(chain, start, first, last, expected)
            samples, previous = start + len(block.iterations), last
            yield ChunkPlace(rowid, number, start, before, first, samples, last, chain), block

    def _verified(self, name: str, profile: bool, row: tuple[Any, ...]) -> SampleBlock:
        """The block of a chunk, ``_COLUMNS``."""
        _, _, first, last, width, dtype, iterations, numbers, expected = row
        block = None
        if checksum(name, width, dtype, iterations, numbers) == expected:
            block = _block(iterations, numbers, width, dtype, profile)
        if block is None or (block.iterations[0], block.iterations[-1]) != (first, last):
            raise self.damaged(f"signal {name!r} differs from its checksum at iteration {first}")
        return block

    def _check_end(self, length: SignalLength, place: ChunkPlace, *, chunks: int) -> None:
        found = (chunks, place.end, place.last, place.before, place.chain)
        if found != (length.chunks, length.samples, length.last, length.before, length.chain):
            raise self.damaged(
                f"signal {length.name!r} should have {length.samples:,} samples up to iteration "
                f"{length.last}, but some of them are missing or altered"
            )

    def _rows(
        self, sql: str, values: tuple[Any, ...], types: tuple[type, ...]
    ) -> Iterator[tuple[Any, ...]]:
        """SQLite checks no types: a column may hold anything."""
        self._deadline.renew()  # whoever reads on may have been busy with what came before
        for row in self._connection.execute(sql, values):
            self._deadline.renew()
            if tuple(map(type, row)) != types:
                raise self.damaged("it contains an invalid record")
            yield row
            self._deadline.renew()


def _block(
    iterations: bytes, numbers: bytes, width: int, dtype: str, profile: bool
) -> SampleBlock | None:
    """A chunk's arrays, or None where they do not fit together."""
    if len(iterations) % 8 or not iterations or dtype not in ("<f4", "<f8"):
        return None
    at = np.frombuffer(iterations, "<i8")
    values = np.frombuffer(numbers, dtype) if len(numbers) % int(dtype[2]) == 0 else None
    fits = values is not None and width >= 1 and at.size * width == values.size
    if values is None or not fits or (width != 1 and not profile) or np.any(at[1:] <= at[:-1]):
        return None
    return SampleBlock(at, values.reshape(at.size, width) if profile else values)


def content_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of all pages: the file cannot contain more, whatever its records claim."""
    (pages,), (page,) = (
        connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size")
    )
    return int(pages) * int(page)

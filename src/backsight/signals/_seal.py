"""Checksums that tell a store which is whole from one that lacks something.

A chunk's own checksum tells that its numbers are sound; it cannot tell that the chunk is the
newest one there ever was. So the transaction that writes a chunk also writes its signal's
:class:`SignalLength`, with a checksum chained over all chunks in order, and the one seal of the
store: a checksum over every signal's name and length, the chain of the events, and the
heartbeat. What was deleted, cut, swapped, doubled or renamed differs from them.

This protects from damage, not from forgery: whoever can compute a CRC-32 can write a store.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["SignalLength", "checksum", "link", "seal"]


@dataclass(frozen=True, slots=True)
class SignalLength:
    """A signal and how much of it there is."""

    signal: int
    name: str
    profile: bool
    chunks: int
    samples: int
    last: int
    """The iteration of the newest sample."""
    before: int
    """The chain of all chunks but the newest: with it, the newest is verified alone."""
    chain: int

    @property
    def row(self) -> tuple[int, ...]:
        """As the table ``length`` has it."""
        return self.signal, self.chunks, self.samples, self.last, self.before, self.chain


def checksum(name: str, width: int, dtype: str, iterations: bytes, numbers: bytes) -> int:
    """CRC-32 over everything that tells what a chunk's numbers mean, and the numbers."""
    label = f"{name}\0{width}\0{dtype}".encode()
    return zlib.crc32(numbers, zlib.crc32(iterations, zlib.crc32(label)))


def link(chain: int, *values: object) -> int:
    """The CRC-32 ``chain`` carried on over ``values``, as JSON: numbers, texts and lists.

    A chunk adds its start, first, last and checksum; an event adds all of its columns.
    """
    return zlib.crc32(json.dumps(values).encode(), chain)


def seal(lengths: Iterable[SignalLength], events: int, chain: int, heartbeat: float | None) -> int:
    """The store's one checksum over all the others."""
    rows = [(*one.row, one.name, int(one.profile)) for one in lengths]
    return link(0, sorted(rows), events, chain, heartbeat)

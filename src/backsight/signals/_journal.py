"""The journal (``signals.db-wal``) that a killed writer leaves: whether all commits in it are read.

SQLite reads a journal up to its first frame that differs from its checksum, and passes over the
rest without a word: that is where a process was killed. But a kill leaves nothing after that
frame. Where complete commits of the same journal follow it, the frame was damaged later, and they
are lost.

The format is that of https://sqlite.org/fileformat2.html#walformat. A checksum is carried on from
frame to frame: for each pair of words, ``s₁ ← s₁ + x₀ + s₂`` and ``s₂ ← s₂ + x₁ + s₁``, modulo 2³².
That is linear, so that what a frame adds is one product of its words with fixed coefficients.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError
from backsight.signals._regular_file import open_regular

__all__ = ["check_journal"]

Words = NDArray[np.uint32]

MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}
"""What a journal begins with, by the byte order of the words that are summed."""

HEADER, FRAME = 32, 24
"""Bytes before the first frame, and before each page."""

PAGES = [1 << n for n in range(9, 17)]

TOGETHER = 1 << 22
"""Bytes of frames that are summed at once."""

STEP = np.array([[1, 1], [1, 2]], np.uint32)
"""What a pair of words does to the sums, besides adding themselves."""


def check_journal(store: Path) -> None:
    """See that SQLite reads every commit in the journal of a store that nobody writes any more.

    To open the journal is harmless while it is being read: SQLite locks other files.

    Raises:
        RunError: a damaged frame hides later commits, or the journal's header is damaged.
        OSError: it cannot be read.
    """
    journal = store.with_name(store.name + "-wal")
    lost = 0
    with suppress(FileNotFoundError), open_regular(journal) as file:
        header = file.read(HEADER)
        if len(header) < HEADER:
            return  # killed before anything was written
        order = MAGIC.get(int.from_bytes(header[:4], "big"))
        size = int.from_bytes(header[8:12], "big")
        sums = np.zeros(2, np.uint32)
        if order and size in PAGES:
            words = np.frombuffer(header[:24], order).astype(np.uint32)
            sums = words @ _coefficients(3)
        if not order or size not in PAGES or _big(header[24:32]) != sums.tolist():
            if file.read(1):
                raise RunError(f"{journal} is damaged: its header differs from its checksum")
            return
        lost = _lost(file, order, size, header[16:24], sums)
        with open_regular(journal) as file:
            if file.read(HEADER) != header:
                return  # somebody writes it after all, and has begun it anew
    if lost:
        raise RunError(
            f"{journal} is damaged: a frame differs from its checksum, so that what was committed "
            f"after it cannot be read (commits: {lost:,})"
        )


def _lost(file: BinaryIO, order: str, size: int, salt: bytes, sums: Words) -> int:
    """How many commits follow the first frame that is not as it was written."""
    pairs = (8 + size) // 8
    carry, whole, lost = _power(pairs), True, 0
    for frames in _frames(file, FRAME + size):
        heads = frames[:, :FRAME]
        summed = np.hstack([heads[:, :8], frames[:, FRAME:]])
        added = np.ascontiguousarray(summed).view(order).astype(np.uint32) @ _coefficients(pairs)
        ours = (heads[:, 8:16] == np.frombuffer(salt, np.uint8)).all(axis=1)
        commits = ours & heads[:, 4:8].any(axis=1)
        for number in range(len(frames)):
            if whole:
                sums = carry @ sums + added[number]
                whole = bool(ours[number]) and _big(heads[number, 16:24].tobytes()) == sums.tolist()
                if whole:
                    continue
            elif commits[number]:
                lost += 1
    return lost


def _frames(file: BinaryIO, size: int) -> Iterator[NDArray[np.uint8]]:
    """Complete frames, ``(n, size)``, a few megabytes at a time."""
    while content := file.read(max(1, TOGETHER // size) * size):
        count = len(content) // size
        if count:
            yield np.frombuffer(content[: count * size], np.uint8).reshape(count, size)


def _big(content: bytes) -> list[int]:
    """Two numbers as the format spells them."""
    return [int(word) for word in np.frombuffer(content, ">u4")]


@lru_cache
def _coefficients(pairs: int) -> Words:
    """What each word of so many pairs adds to the two sums, ``(2 · pairs, 2)``."""
    found = np.empty((2 * pairs, 2), np.uint32)
    first, second = np.array([1, 1], np.uint32), np.array([0, 1], np.uint32)
    for pair in reversed(range(pairs)):
        found[2 * pair], found[2 * pair + 1] = first, second
        first, second = STEP @ first, STEP @ second
    return found


@lru_cache
def _power(pairs: int) -> Words:
    """What so many pairs do to the sums before them."""
    found = np.eye(2, dtype=np.uint32)
    for _ in range(pairs):
        found = STEP @ found
    return found

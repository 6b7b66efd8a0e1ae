"""Damages a file by its bytes."""

from collections.abc import Callable
from pathlib import Path
from random import Random

__all__ = ["WAYS", "damage_bytes"]

PAGE = 4096


def flip(content: bytearray, random: Random) -> None:
    """A few bits."""
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def overwrite(content: bytearray, random: Random) -> None:
    """One byte with another."""
    content[random.randrange(len(content))] = random.randrange(256)


def blank(content: bytearray, random: Random) -> None:
    """A stretch with one byte."""
    at, size = _stretch(content, random)
    content[at : at + size] = bytes([random.choice((0, 0xFF, 0x20, 0x7B))]) * size


def scramble(content: bytearray, random: Random) -> None:
    """A stretch with noise."""
    at, size = _stretch(content, random)
    content[at : at + size] = random.randbytes(len(content[at : at + size]))


def cut_end(content: bytearray, random: Random) -> None:
    """What follows a place."""
    del content[random.randrange(len(content)) :]


def cut_to_page(content: bytearray, random: Random) -> None:
    """What follows a page, as a copy that stopped does."""
    del content[PAGE * random.randrange(1 + len(content) // PAGE) :]


def cut_beginning(content: bytearray, random: Random) -> None:
    """What precedes a place."""
    del content[: 1 + random.randrange(len(content))]


def remove(content: bytearray, random: Random) -> None:
    """A stretch; what follows moves up."""
    at, size = _stretch(content, random)
    del content[at : at + size]


def insert(content: bytearray, random: Random) -> None:
    """Noise; what follows moves on."""
    at = random.randrange(len(content) + 1)
    content[at:at] = random.randbytes(random.choice((1, 2, 16, PAGE)))


def append(content: bytearray, random: Random) -> None:
    """Something after the end."""
    content += random.choice((b"\0", b"\n", b"{}", bytes(PAGE), bytes(content[:PAGE])))


def repeat(content: bytearray, random: Random) -> None:
    """A stretch once more, right after itself."""
    at, size = _stretch(content, random)
    content[at:at] = content[at : at + size]


def swap(content: bytearray, random: Random) -> None:
    """Two stretches of one length, or two pages."""
    size = random.choice((1, 4, 8, 512, PAGE))
    blocks = len(content) // size
    if blocks > 1:
        a, b = (size * random.randrange(blocks) for _ in range(2))
        content[a : a + size], content[b : b + size] = content[b : b + size], content[a : a + size]


def copy_page(content: bytearray, random: Random) -> None:
    """A page in the place of another."""
    pages = max(1, len(content) // PAGE)
    a, b = (PAGE * random.randrange(pages) for _ in range(2))
    content[a : a + PAGE] = content[b : b + PAGE]


def header(content: bytearray, random: Random) -> None:
    """A byte among the first hundred: SQLite's own header, or a file of JSON's beginning."""
    content[random.randrange(min(100, len(content)))] = random.randrange(256)


WAYS: dict[str, Callable[[bytearray, Random], None]] = {
    made.__name__: made
    for made in (
        flip, overwrite, blank, scramble, cut_end, cut_to_page, cut_beginning, remove, insert,
        append, repeat, swap, copy_page, header,
    )
}  # fmt: skip


def damage_bytes(file: Path, random: Random) -> str:
    """Damage ``file`` in one of these ways, and say which."""
    content = bytearray(file.read_bytes())
    if not content:
        file.write_bytes(random.randbytes(10))
        return "filled"
    way = random.choice(list(WAYS))
    WAYS[way](content, random)
    file.write_bytes(content)
    return way


def _stretch(content: bytearray, random: Random) -> tuple[int, int]:
    """Where it begins, and how long it is."""
    return random.randrange(len(content)), random.choice((1, 4, 8, 100, 512, PAGE))

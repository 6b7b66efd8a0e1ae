"""A picture of dots that is drawn with NumPy, and its file: TensorBoard takes nothing else."""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backsight.integrations._glyphs import ADVANCE, HIGH, glyph

__all__ = ["Bitmap", "Colour", "png"]

Colour = tuple[int, int, int]

Spot = tuple[float, float]
"""From the left and from the top, in pixels; ``(0, 0)`` is the middle of the first one."""

Spots = Sequence[Spot]

LONGEST = 24
"""Pixels of a piece of a line."""


class Bitmap:
    """A white picture to draw on; what lies outside is left out.

    Args:
        width: pixels.
        height: pixels.

    Example:
        >>> from backsight.integrations._bitmap import Bitmap
        >>> picture = Bitmap(8, 4)
        >>> picture.line([(1, 2), (6, 2)], (0, 0, 0), 1.0)
        >>> picture.pixels[:, 3, 0].tolist()
        [255, 255, 0, 255]
    """

    def __init__(self, width: int, height: int) -> None:
        self.pixels: NDArray[np.uint8] = np.full((height, width, 3), 255, np.uint8)
        """Red, green and blue, shape ``(height, width, 3)``."""

    def line(self, points: Spots, colour: Colour, width: float) -> None:
        """A line through the points, smooth at its edges; a single point is a dot."""
        reach = width / 2 + 1
        top, left = (max(0, math.floor(min(p[n] for p in points) - reach)) for n in (1, 0))
        bottom, right = (math.ceil(max(p[n] for p in points) + reach) + 1 for n in (1, 0))
        place = self.pixels[top : max(top, bottom), left : max(left, right)]
        cover = np.zeros(place.shape[:2], np.float32)
        inside = [(x - left, y - top) for x, y in points]
        for start, end in zip(inside, inside[1:] or inside, strict=False):
            for piece in _pieces(start, end):
                _cover(cover, *piece, width / 2)
        there = cover > 0
        share = cover[there][:, None]
        mixed = share * np.array(colour, np.float32) + (1 - share) * place[there]
        place[there] = np.rint(mixed).astype(np.uint8)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """An upright area, with the pixels at both its corners."""
        x1, y1, x2, y2 = (max(0, round(one)) for one in (left, top, right, bottom))
        self.pixels[y1 : y2 + 1, x1 : x2 + 1] = colour

    def mark(self, x: float, y: float, radius: float, colour: Colour, *, round_: bool) -> None:
        """A disc, or a diamond as high."""
        size = math.ceil(radius)
        top, left = max(0, round(y) - size), max(0, round(x) - size)
        place = self.pixels[
            top : max(top, round(y) + size + 1), left : max(left, round(x) + size + 1)
        ]
        rows, columns = np.ogrid[top : top + place.shape[0], left : left + place.shape[1]]
        down, across = np.abs(rows - y), np.abs(columns - x)
        far = np.hypot(across, down) if round_ else across + down
        place[far <= radius] = colour

    def text(self, x: int, y: int, words: str, colour: Colour, scale: int = 2) -> None:
        """A line of text whose upper left corner is there."""
        dots = np.zeros((HIGH, ADVANCE * len(words)), bool)
        for n, letter in enumerate(words):
            one = glyph(letter)
            dots[:, ADVANCE * n : ADVANCE * n + one.shape[1]] = one
        large = dots.repeat(scale, 0).repeat(scale, 1)
        top, left = max(0, -y), max(0, -x)
        place = self.pixels[max(0, y) :, max(0, x) :]
        large = large[top : top + place.shape[0], left : left + place.shape[1]]
        place[: large.shape[0], : large.shape[1]][large] = colour


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as the content of a PNG file (ISO/IEC 15948).

    Args:
        pixels: red, green and blue, shape ``(height, width, 3)``.

    Example:
        >>> from backsight.integrations._bitmap import Bitmap, png
        >>> png(Bitmap(600, 380).pixels)[1:4]
        b'PNG'
    """
    height, width, _ = pixels.shape
    # Each row begins with the number of its filter, here none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # eight bits, colours
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pieces(start: Spot, end: Spot) -> Iterator[tuple[Spot, Spot]]:
    """Short ones: the box around a long slanting segment is nearly empty."""
    (x1, y1), (x2, y2) = start, end
    count = max(1, math.ceil(max(abs(x2 - x1), abs(y2 - y1)) / LONGEST))
    at = [(x1 + (x2 - x1) * n / count, y1 + (y2 - y1) * n / count) for n in range(count + 1)]
    return pairwise(at)


def _cover(cover: NDArray[np.float32], start: Spot, end: Spot, radius: float) -> None:
    """How much of each pixel a thick segment covers, by the distance of its middle."""
    (x1, y1), (x2, y2) = start, end
    reach = radius + 1
    top, bottom = max(0, int(min(y1, y2) - reach)), max(0, int(max(y1, y2) + reach) + 1)
    left, right = max(0, int(min(x1, x2) - reach)), max(0, int(max(x1, x2) + reach) + 1)
    place = cover[top:bottom, left:right]
    rows, columns = np.ogrid[top : top + place.shape[0], left : left + place.shape[1]]
    across, down = x2 - x1, y2 - y1
    length = across**2 + down**2
    share = ((columns - x1) * across + (rows - y1) * down) / length if length else np.zeros(1)
    share = np.clip(share, 0.0, 1.0)
    distance = np.hypot(columns - x1 - share * across, rows - y1 - share * down)
    np.maximum(place, np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32), out=place)

"""The picture of a reach, dot by dot, and how many of them TensorBoard gets."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backsight.integrations import TensorBoard
from backsight.integrations._bitmap import Bitmap, png
from backsight.integrations._glyphs import glyph
from backsight.integrations._reach_picture import reach_picture
from backsight.integrations.export import export_run
from backsight.signals import Recorder

BLUE, ORANGE, RED, WHITE = (47, 111, 222), (224, 123, 57), (209, 36, 47), (255, 255, 255)
LEFT, RIGHT, TOP, BOTTOM = 84, 582, 88, 324
"""The plot, in pixels."""

Pixels = NDArray[np.uint8]


def decoded(data: bytes) -> Pixels:
    """A PNG by hand: its chunks, their sums, and rows without a filter."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (told,) = struct.unpack_from(">I", data, at + 8 + length)
        assert told == zlib.crc32(kind + content)
        chunks.append((kind, content))
        at += 12 + length
    (first, head), (middle, body), (last, rest) = chunks
    assert (first, middle, last, rest) == (b"IHDR", b"IDAT", b"IEND", b"")
    width, height, *form = struct.unpack(">IIBBBBB", head)
    assert form == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def drawn(row: Any, title: str = "reach/gru.l0") -> Pixels:
    return decoded(png(reach_picture(np.array(row, np.float64), title)))


def at(lag: float, decades: float, *, lags: int, span: float) -> tuple[int, int]:
    """Row and column of a point so many decades below the top of the plot."""
    x = LEFT + lag / (lags - 1) * (RIGHT - LEFT)
    return round(TOP + decades / span * (BOTTOM - TOP)), round(x)


def where(pixels: Pixels, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (pixels == colour).all(axis=-1)
    return found


def test_the_curve_is_where_the_reach_is() -> None:
    """Powers of ten fall along the diagonal; between two lags the line is straight."""
    pixels = drawn([1, 0.1, 0.01, 0.001, 0.0001])
    blue = where(pixels, BLUE)
    for lag in (0.25, 0.5, 1, 1.5, 2.5, 3.5, 3.75):
        assert blue[at(lag, lag, lags=5, span=4)], lag
    across = np.flatnonzero(blue.any(axis=0))
    assert abs(across[0] - LEFT) <= 1
    assert abs(across[-1] - RIGHT) <= 1
    columns = blue[:, LEFT + 40 : LEFT + 100].sum(axis=0)
    assert columns.min() >= 2  # no gap
    assert columns.max() <= 4  # and no more than a line
    assert not blue[TOP : TOP + 100, LEFT + 300 :].any()


def test_half_life_and_horizon_are_marked() -> None:
    """P is 0.1: below half from lag 2 on, below one per cent of it after lag 3."""
    pixels = drawn([1, 0.1, 0.01, 0.001, 0.0001])
    orange = where(pixels, ORANGE)
    circle, diamond = at(2, 2, lags=5, span=4), at(3, 3, lags=5, span=4)
    assert orange[circle]
    assert orange[diamond]
    assert orange[circle[0] + 4, circle[1] + 4]  # a corner that a diamond does not have
    assert not orange[diamond[0] + 5, diamond[1] + 5]
    assert not orange[at(1, 1, lags=5, span=4)]


def test_a_mark_is_open_where_the_window_ends_first() -> None:
    pixels = drawn([1, 0.1, 0.1])
    row, column = at(2, 1, lags=3, span=1)
    assert tuple(pixels[row, column - 2]) == WHITE
    assert where(pixels, ORANGE)[row, column - 8]


def test_what_a_line_cannot_show_is_a_gap_or_a_cross() -> None:
    pixels = drawn([1, 0.1, 0, 0.01, np.nan, 0.1, np.inf])
    blue, red = where(pixels, BLUE), where(pixels, RED)
    column = {lag: round(LEFT + lag / 6 * (RIGHT - LEFT)) for lag in range(7)}
    assert not blue[:, column[1] + 6 : column[3] - 6].any()
    assert not blue[:, column[3] + 6 : column[5] - 6].any()
    assert blue[at(3, 2, lags=7, span=2)]  # a lag by itself is a dot
    for lag in range(7):
        there = red[TOP + 2 : TOP + 15, column[lag] - 6 : column[lag] + 7].any()
        assert there == (lag in (4, 6)), lag
    assert red[32:50, 12:200].any()  # in words, too


def test_a_spike_in_a_long_window_stays_in_the_picture() -> None:
    row = np.full(20_000, 0.1)
    row[0], row[12_345] = 1.0, 100.0
    blue = where(drawn(row), BLUE)
    assert blue[TOP + 20, round(LEFT + 12_345 / 19_999 * (RIGHT - LEFT)) - 3 :][:7].any()
    assert blue[TOP + 20].sum() <= 8


@pytest.mark.parametrize(
    "row",
    [
        [], [1.0], [0.0, 0.0, 0.0], [1.0, 0.0], [np.nan] * 400, [np.inf], [1e-300, 5e-324],
        [1.0, 1e150, 1.7e308], [1.0] * 9, [0.0, 0.5, 1.0], [-1.0, 0.5], [1.0, 1.0 + 1e-12],
    ],
)  # fmt: skip
def test_any_row_can_be_drawn(row: list[float]) -> None:
    pixels = drawn(row, "reach/" + "x" * 200)
    assert pixels.shape == (380, 600, 3)
    assert where(pixels, (27, 31, 36))[TOP:BOTTOM, LEFT].mean() > 0.8  # its axis
    dark = np.flatnonzero((pixels.sum(axis=-1) < 300).any(axis=0))
    assert 0 < dark[0] < dark[-1] < 599  # no text leaves the picture


def test_text_is_legible() -> None:
    """Each letter has dots of its own, and stands where it was asked to."""
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,:;-_/+=()[]<>≥%"
    assert len({glyph(letter).tobytes() for letter in letters}) == len(letters)
    assert glyph("é").tobytes() == glyph("☃").tobytes()
    picture = Bitmap(40, 30)
    picture.text(3, 4, "T", (0, 0, 0))
    black = where(picture.pixels, (0, 0, 0))
    assert black[4:6, 3:13].all()
    assert black[6:18, 7:9].all()
    assert black.sum() == 20 + 24
    picture.text(35, 25, "edge", (0, 0, 0))
    picture.text(-50, -50, "outside", (0, 0, 0))


# -- TensorBoard ---------------------------------------------------------------------------------


def pictures(folder: Path) -> dict[str, dict[int, bytes]]:
    """By TensorBoard's own reader: the files of each tag, by iteration."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
    found = {}
    for tag in events.Tags()["images"]:
        images = events.Images(tag)
        assert {(one.width, one.height) for one in images} == {(600, 380)}
        found[tag] = {one.step: one.encoded_image_string for one in images}
    return found


def fading(iteration: int) -> NDArray[np.float64]:
    return (0.5 + 0.001 * (iteration % 400)) ** np.arange(12.0)


def test_the_reach_is_drawn_ever_more_rarely_and_at_the_end(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with Recorder(tmp_path / "run") as recorder:
        sink = TensorBoard(tmp_path / "live")
        sink.open(tmp_path / "run")
        for iteration in range(0, 200, 10):
            for name in ("reach/gru.l0", "grad_time/gru.l0"):
                sink.profile(name, iteration, fading(iteration))
                recorder.profile(name, iteration, fading(iteration))
        sink.close()
    export_run(tmp_path / "run", "tensorboard", tmp_path / "exported")
    found = pictures(tmp_path / "live")
    assert list(found) == ["reach_picture/gru.l0"]
    steps = [0, 10, 20, 40, 70, 120, 190]
    assert list(found["reach_picture/gru.l0"]) == steps
    for step, data in found["reach_picture/gru.l0"].items():
        expected = reach_picture(fading(step), f"reach/gru.l0 at iteration {step}")
        np.testing.assert_array_equal(decoded(data), expected)
    assert pictures(tmp_path / "exported") == found


def test_of_many_layers_only_some_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    sink = TensorBoard(tmp_path)
    sink.open(tmp_path)
    for layer in range(10):
        for iteration in (0, 1):
            sink.profile(f"reach/rnn.l{layer}", iteration, fading(iteration))
    sink.close()
    found = pictures(tmp_path)
    assert sorted(found) == [f"reach_picture/rnn.l{layer}" for layer in range(8)]
    assert {tuple(one) for one in found.values()} == {(0, 1)}


class WithoutPillow:
    """A writer whose pictures need a package that is not there."""

    def __init__(self) -> None:
        self.histograms = self.images = 0

    def add_histogram_raw(self, *arguments: Any, **options: Any) -> None:
        self.histograms += 1

    def add_image(self, *arguments: Any, **options: Any) -> None:
        self.images += 1
        raise ModuleNotFoundError("No module named 'PIL'")

    def add_scalar(self, *arguments: Any, **options: Any) -> None: ...

    def add_text(self, *arguments: Any, **options: Any) -> None: ...

    def flush(self) -> None: ...


def test_a_writer_that_cannot_take_pictures_gets_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = WithoutPillow()
    sink = TensorBoard(writer)
    for iteration in range(3):
        sink.profile("reach", iteration, fading(iteration))
    sink.close()
    assert (writer.histograms, writer.images) == (3, 1)
    assert caplog.messages == [
        "backsight: TensorBoard gets no pictures of the reach (No module named 'PIL'): a "
        "SummaryWriter needs a package for them, type pip install pillow"
    ]

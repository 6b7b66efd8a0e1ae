"""The reach as a picture, for tools that show bitmaps: drawn without a browser, in milliseconds."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from backsight.integrations._bitmap import Bitmap, Colour
from backsight.signals import Lag, ReachMeasures, measure_reach

__all__ = ["reach_picture"]

WIDTH, HEIGHT = 600, 380
LEFT, RIGHT, TOP, BOTTOM = 84, 18, 88, 56
"""Beside the plot."""

INK: Colour = (27, 31, 36)
CURVE: Colour = (47, 111, 222)
MARK: Colour = (224, 123, 57)
ALARM: Colour = (209, 36, 47)
GRID: Colour = (225, 229, 234)
PAPER: Colour = (255, 255, 255)

FLOOR = 1e-6
"""Of the strongest earlier step: what is further down leaves the picture of the reach."""

COLUMNS = 300
"""Of the plot, each of which has two points of a long row."""

LETTERS = 47
"""Of a line of text, at most."""

TICKS = 6
"""Of an axis, at most, about."""


def reach_picture(row: NDArray[np.floating], title: str) -> NDArray[np.uint8]:
    """``R(k)`` against the lag ``k`` on a log axis, with half-life and horizon.

    A circle is the half-life, a diamond the horizon; either is open where the window ends first.
    Where the line stops, the gradient is zero or below the picture; a red cross is a lag that is
    not finite.

    Args:
        row: the reach, shape ``(lags,)``.
        title: of the picture, such as the name of the signal; its end counts if it is long.

    Returns:
        red, green and blue, shape ``(380, 600, 3)``.

    Example:
        >>> import numpy as np
        >>> from backsight.integrations._reach_picture import reach_picture
        >>> pixels = reach_picture(0.5 ** np.arange(20.0), "reach/gru.l0")
        >>> pixels.shape, pixels[0, 0].tolist()
        ((380, 600, 3), [255, 255, 255])
    """
    values = np.asarray(row, np.float64)
    picture, found = Bitmap(WIDTH, HEIGHT), measure_reach(values)
    name = title if len(title) <= LETTERS else f"...{title[3 - LETTERS :]}"
    picture.text(12, 8, name, INK)
    drawn = _drawn(values, found)
    _axes(picture, values, drawn)
    for part in _parts(values, drawn):
        picture.line(part, CURVE, 3.0)
        if len(part) == 1:
            picture.mark(*part[0], 4.0, CURVE, round_=True)
    for lag in np.flatnonzero(~np.isfinite(values))[:: max(1, len(values) // 60)]:
        _cross(picture, _across(values, float(lag)))
    _told(picture, values, drawn, found)
    return picture.pixels


# -- scales --------------------------------------------------------------------------------------


def _drawn(row: NDArray[np.float64], found: ReachMeasures) -> NDArray[np.bool_]:
    """Which lags the line has."""
    strength = found.strength if found.strength > FLOOR else 1.0
    return np.isfinite(row) & (row > 0) & (row >= FLOOR * min(1.0, strength))


def _across(row: NDArray[np.float64], lag: float) -> float:
    return LEFT + lag / max(1, len(row) - 1) * (WIDTH - RIGHT - LEFT)


def _range(row: NDArray[np.float64], drawn: NDArray[np.bool_]) -> tuple[float, float]:
    """The logarithms of the ends of the axis."""
    values = np.log10(row[drawn])
    if not values.size:
        return -1.0, 0.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high - low > 0.05 else (low - 0.5, high + 0.5)


def _up(value: float, low: float, high: float) -> float:
    share = (math.log10(value) - low) / (high - low)
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


# -- parts of the picture ------------------------------------------------------------------------


def _axes(picture: Bitmap, row: NDArray[np.float64], drawn: NDArray[np.bool_]) -> None:
    low, high = _range(row, drawn)
    bottom = HEIGHT - BOTTOM
    for value in _powers(low, high):
        y, words = _up(value, low, high), f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}"
        picture.box(LEFT, y, WIDTH - RIGHT, y, GRID)
        picture.text(LEFT - 8 - 12 * len(words), round(y) - 7, words, INK)
    for lag in range(0, len(row), _whole_step(len(row) - 1)):
        x, words = _across(row, lag), str(lag)
        picture.box(x, TOP, x, bottom, GRID)
        begin = min(round(x) - 6 * len(words) + 1, WIDTH - 12 * len(words))
        picture.text(begin, bottom + 8, words, INK)
    picture.box(LEFT, TOP, LEFT, bottom, INK)
    picture.box(LEFT, bottom, WIDTH - RIGHT, bottom, INK)
    picture.text(LEFT, bottom + 32, "lag: steps back from the loss", INK)


def _powers(low: float, high: float) -> list[float]:
    """Round values on a log axis: powers of ten, and what is between them where these are few."""
    digits = (1, 2, 5) if high - low < 2 else (1,)
    every = max(1, math.ceil((high - low) / TICKS))
    powers = range(math.floor(low), min(math.ceil(high), 308) + 1)  # the last one that is finite
    at = [d * 10.0**power for power in powers if power % every == 0 for d in digits]
    return [one for one in at if low - 1e-9 <= math.log10(one) <= high + 1e-9]


def _whole_step(last: int) -> int:
    """Between two labels of the lags."""
    rough = max(1.0, last / TICKS)
    power = int(10 ** math.floor(math.log10(rough)))
    return max(1, next(round(power * n) for n in (1, 2, 5, 10) if power * n >= rough))


def _parts(
    row: NDArray[np.float64], drawn: NDArray[np.bool_]
) -> Iterator[list[tuple[float, float]]]:
    """The line, in as many parts as there are gaps; of the lags of one column, both extremes."""
    low, high = _range(row, drawn)
    lags = np.flatnonzero(drawn)
    for part in np.split(lags, np.flatnonzero(np.diff(lags) > 1) + 1):
        if part.size:
            kept = _extremes(row, part) if len(row) > COLUMNS else part
            yield [(_across(row, float(k)), _up(float(row[k]), low, high)) for k in kept]


def _extremes(row: NDArray[np.float64], part: NDArray[np.intp]) -> NDArray[np.intp]:
    column = part * COLUMNS // len(row)
    groups = np.split(part, np.flatnonzero(np.diff(column)) + 1)
    ends = [k for one in groups for k in (one[row[one].argmin()], one[row[one].argmax()])]
    return np.unique(ends)


def _cross(picture: Bitmap, x: float) -> None:
    for down in (1, -1):
        picture.line([(x - 5, TOP + 8 - 5 * down), (x + 5, TOP + 8 + 5 * down)], ALARM, 2.0)


def _told(
    picture: Bitmap, row: NDArray[np.float64], drawn: NDArray[np.bool_], found: ReachMeasures
) -> None:
    """What it comes to, above the plot, and the marks."""
    picture.text(12, 56, "R, relative to lag 0", INK)
    if found.outcome != "ok" or not found.goes_back:
        broken = int((~np.isfinite(row)).sum())
        words = (
            f"{broken} of {len(row)} lags not finite" if broken
            else "no gradient arrives" if found.outcome == "not enough data"
            else "no gradient goes back in time"
        )  # fmt: skip
        picture.text(12, 32, words, ALARM)
        return
    x = 12
    for words, lag in (("half-life", found.half_life), ("horizon", found.horizon)):
        if lag is not None:
            told = f"{words} {lag}"
            _mark(picture, x + 7, 40, words, lag)
            picture.text(x + 20, 32, told, INK)
            x += 20 + 12 * (len(told) + 2)
            if drawn[lag.steps]:
                place = _up(float(row[lag.steps]), *_range(row, drawn))
                _mark(picture, _across(row, lag.steps), place, words, lag)


def _mark(picture: Bitmap, x: float, y: float, what: str, lag: Lag) -> None:
    """A circle or a diamond, whose corners show behind a circle; white inside where it is open."""
    circle = what == "half-life"
    outer = 7.0 if circle else 9.0
    for size, colour in ((outer, MARK), *([(outer - 3, PAPER)] if lag.censored else [])):
        picture.mark(x, y, size, colour, round_=circle)

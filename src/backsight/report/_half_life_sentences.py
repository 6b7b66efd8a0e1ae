"""How fast the channels of gated linear recurrences forget, in words."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backsight.signals import SHARES, Run, half_life_words, member

__all__ = ["FAMILIES", "half_life_sentences"]

FAMILIES = ("state_half_life", "state_half_life_bound")
"""Whose members are layers: exact half-lives, and upper bounds."""

SEVERAL = 4
"""Layers, from which on only the two that forget fastest and slowest are told of."""


class _Told(NamedTuple):
    """The newest sample of one layer."""

    layer: str
    row: NDArray[np.floating]
    words: str
    at: int


def half_life_sentences(run: Run) -> list[str]:
    """What the half-lives of each layer's state were in its last sample.

    Example:
        >>> import numpy as np
        >>> from backsight.report import half_life_sentences
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("state_half_life/mixer", 0, np.geomspace(0.7, 132, 21))
        ...     recorder.profile("state_beyond_steps/mixer", 0, [64.0, 512.0, 48.0])
        ...     recorder.profile("state_beyond/mixer", 0, [0.12, 0.0, 0.19])
        >>> for words in half_life_sentences(Run("runs/mine"))[0].split(", "):
        ...     print(words)
        mixer: by half-life
        half of the channels forget within 9.6 steps
        5 % within 0.9
        and 5 % keep beyond 102; 12 % keep beyond 64 steps
        and 19 % beyond the window of 48 (iteration 0).
    """
    found = [_told(run, kind, name) for kind in FAMILIES for name in run.members(kind)]
    each = [one for one in found if one is not None]
    return [
        f"{one.layer or 'the layer'}: {one.words} (iteration {one.at:,})." for one in _ends(each)
    ]


def _told(run: Run, kind: str, name: str) -> _Told | None:
    """None where its shares are still to come."""
    stream, layer = run.stream(name), member(name)
    row, beside = stream.newest().values[-1], []
    for family in ("state_beyond_steps", "state_beyond"):
        other = f"{family}/{layer}".rstrip("/")
        if other not in run.members(family, profile=True):
            return None
        beside.append(run.stream(other).newest().values[-1])
    far, beyond = beside
    if row.shape != SHARES.shape or far.shape != beyond.shape or not far.size:
        return None
    words = half_life_words(row, far, beyond, bound=kind == FAMILIES[1])
    return _Told(layer, row, words, stream.last)


def _ends(each: list[_Told]) -> list[_Told]:
    """Of several layers, those whose median is the shortest, and the longest; all that are not
    finite."""
    broken = [one for one in each if np.isnan(one.row).any()]
    whole = [one for one in each if not np.isnan(one.row).any()]
    if len(whole) < SEVERAL:
        return each

    def middle(one: _Told) -> float:
        return float(one.row[len(SHARES) // 2])

    shortest, longest = min(whole, key=middle), max(whole, key=middle)
    alike = math.isclose(middle(shortest), middle(longest))
    return [shortest, *([] if alike else [longest]), *broken]

"""Which axis is the batch: where the gradient of one position of the output lies.

What a model makes of one sequence depends on no other sequence. So the gradient of a single output
at ``(i, j)`` lies in row ``i`` of an input that is batch first, and in column ``j`` of one that is
time first. A normalisation over the batch mixes all positions, but weakly: the line that stands
out is taken, and every other position is told to have a share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backsight.probes.inputs._points import Layout

__all__ = ["Support", "seed_position", "support_of"]

STANDS_OUT = 3.0
"""By what factor the strongest position in a line exceeds every position outside it, where all
positions have a gradient. With BatchNorm over 8 × 50 positions and uniform attention over 50 steps
it was 8; without any recurrence, where only BatchNorm mixes, at most 1.2."""

Kind = Literal["line", "alone", "mixed", "not finite", "nothing"]


@dataclass(frozen=True, slots=True)
class Support:
    """Where the gradient of one output position lies."""

    kind: Kind
    """``line``: in one row or column; ``alone``: at its own position only; ``mixed``: neither."""
    layout: Layout | None = None
    """Of a line."""
    index: int = 0
    """Which row or column."""
    weak: bool = False
    """Whether other lines have a small share: the batch is mixed by a normalisation."""


def seed_position(there: NDArray[np.bool_]) -> tuple[int, int]:
    """Of the positions ``(n0, n1)`` that have a gradient, one near the middle.

    In the middle, earlier and later inputs are both in sight. Equal coordinates are avoided: they
    would not tell a row from a column where the output is ordered the other way round.
    """
    places = np.argwhere(there)
    size = np.array(there.shape)
    middle = size // 2
    away = np.abs(places - middle) / size
    cost = away.sum(1) + 1e-3 * (places[:, 0] == places[:, 1])
    i, j = places[int(cost.argmin())]
    return int(i), int(j)


def support_of(norms: NDArray[np.float64], lines: Sequence[tuple[Layout, int]]) -> Support:
    """Which of some lines holds the gradient.

    Args:
        norms: ``(n0, n1)``: of the gradient of one output position on each input position.
        lines: rows (``batch``) and columns (``time``) that it may lie in.
    """
    if not np.isfinite(norms).all():
        return Support("not finite")
    if not norms.any():
        return Support("nothing")
    lines = [(layout, at) for layout, at in lines if at < norms.shape[layout == "time"]]
    found = []
    for layout, at in lines:
        inside = norms[at] if layout == "batch" else norms[:, at]
        outside = norms.copy()
        (outside if layout == "batch" else outside.T)[at] = 0
        found.append((np.sort(inside)[::-1], float(outside.max(initial=0)), layout, at))
    exact = [one for one in found if one[1] == 0]
    if len(exact) > 1:  # where they cross
        return Support("alone")
    if exact:
        return Support("line", exact[0][2], exact[0][3])
    # The strongest position may be where two lines cross: the next one tells them apart.
    strong = [one for one in found if len(one[0]) > 1 and one[0][1] >= STANDS_OUT * one[1]]
    if len(strong) == 1:
        return Support("line", strong[0][2], strong[0][3], weak=True)
    crossing = [one for one in found if one[0][0] >= STANDS_OUT * one[1] > 0]
    if len(crossing) == 1:
        return Support("line", crossing[0][2], crossing[0][3], weak=True)
    return Support("mixed")

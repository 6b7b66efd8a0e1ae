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
STANDS_OUT_IN_MEAN = 1.5
"""By what factor a line exceeds what lies outside, where all positions have a gradient: its
strongest position next to the seeded one, or its mean. Seen with BatchNorm over 5 × 12 to 4 × 200
positions: without any recurrence, 0.9 and 1.03 at most; with uniform attention, which is the
hardest, 1.57 to 13.8 in the mean; with a decay of 0.9 per step, 2.5 to 21."""

SupportKind = Literal["line", "alone", "mixed", "not finite", "nothing"]


@dataclass(frozen=True, slots=True)
class Support:
    """Where the gradient of one output position lies."""

    kind: SupportKind
    """``line``: in one row or column; ``alone``: at its own position only; ``mixed``: neither."""
    layout: Layout | None = None
    """Of a line."""
    index: int = 0
    """Which row or column."""
    weak: bool = False
    """Whether other lines have a small share: the batch is mixed by a normalisation."""
    moved: bool = False
    """Whether the line is that of another place: the model has sorted its batch."""


def seed_position(there: NDArray[np.bool_]) -> tuple[int, int]:
    """Of the positions ``(n0, n1)`` that have a gradient, one near the middle.

    In the middle, earlier and later inputs are both in sight. Equal coordinates are avoided: they
    would not tell a row from a column where the output is ordered the other way round.
    """
    places = np.argwhere(there)
    size = np.array(there.shape)
    middle = size // 2
    away = np.abs(places - middle) / size
    cost = away.sum(1) + 1.01 / size.min() * (places[:, 0] == places[:, 1])
    i, j = places[int(cost.argmin())]
    return int(i), int(j)


def support_of(norms: NDArray[np.float64], lines: Sequence[tuple[Layout, int]]) -> Support:
    """Which of some lines holds the gradient.

    Args:
        norms: ``(n0, n1)``: of the gradient of one output position on each input position.
        lines: rows (``batch``) and columns (``time``) that it is expected to lie in.
    """
    if not np.isfinite(norms).all():
        return Support("not finite")
    if not norms.any():
        return Support("nothing")
    lines = [(layout, at) for layout, at in lines if at < norms.shape[layout == "time"]]
    masks = []
    for layout, at in lines:
        mask = np.zeros(norms.shape, dtype=bool)
        (mask if layout == "batch" else mask.T)[at] = True
        masks.append(mask)
    exact = [n for n, mask in enumerate(masks) if not norms[~mask].any()]
    if len(exact) > 1:  # where they cross
        return Support("alone")
    if exact:
        return Support("line", *lines[exact[0]])
    moved = _only_line(norms)
    if moved is not None:
        return Support("line", *moved, moved=True)
    crossed = np.sum(masks, axis=0) if masks else np.zeros(norms.shape)
    rest = norms[crossed == 0]
    if not rest.any():  # several lines, and no normalisation, which would mix all positions
        return Support("mixed")
    insides = [norms[mask & (crossed == 1)] for mask in masks]
    strong = []
    for n, inside in enumerate(insides):
        if not _is_normalised(norms, masks[n], lines[n][0]):
            continue
        outside = [rest, *(other for m, other in enumerate(insides) if m != n)]
        highest = max(float(x.max(initial=0)) for x in outside)
        means = max(float(x.mean()) if x.size else 0.0 for x in outside)
        if inside.size and (
            inside.max() >= STANDS_OUT * highest or inside.mean() >= STANDS_OUT_IN_MEAN * means
        ):
            strong.append(n)
    return Support("line", *lines[strong[0]], weak=True) if len(strong) == 1 else Support("mixed")


def _is_normalised(norms: NDArray[np.float64], mask: NDArray[np.bool_], layout: Layout) -> bool:
    """Whether a line may be that of the output's sequence in a batch that a normalisation mixes.

    Then all other sequences have a share, and several steps have. Not so where a batch holds each
    sequence twice, as for two directions.
    """
    every = norms.any(1 if layout == "batch" else 0)
    return bool(every.all() and np.count_nonzero(norms[mask]) > 1)


def _only_line(norms: NDArray[np.float64]) -> tuple[Layout, int] | None:
    """The one row, or column, that has all of the gradient, several elements of it."""
    if min(norms.shape) < 2:
        return None  # a single line is no choice
    rows, columns = (np.flatnonzero(norms.any(axis)) for axis in (1, 0))
    if len(rows) == 1 < len(columns):
        return "batch", int(rows[0])
    if len(columns) == 1 < len(rows):
        return "time", int(columns[0])
    return None

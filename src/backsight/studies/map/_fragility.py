"""How fragile a setting is: the share of its neighbours that end otherwise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backsight.studies.map._axis import Axis

__all__ = ["TIMES", "Fragility", "fragilities", "fragility"]

TIMES = 2.0
"""How far a neighbour may be: half to twice the setting. Nobody knows a rate better than that."""

CLOSE = 1e-9
"""Rounding of a ratio: a value written as twice another is within twice of it."""


@dataclass(frozen=True, slots=True)
class Fragility:
    """Of one setting of a map.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, run_map
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> x, y = parse_axis("lr=0.01,0.015"), parse_axis("gain=0.5,0.7")
        >>> found = run_map(MapPlan(settings, x, y))
        >>> fragility = found.fragility((0, 0))
        >>> fragility.neighbours, fragility.missing, fragility.cut
        (3, 0, True)
    """

    share: float
    """Of its neighbours, those whose outcome differs, 0 to 1; NaN where it has none."""
    differing: int
    """Neighbours whose outcome differs."""
    neighbours: int
    """Settings of the map within a factor of two on both axes that are trained."""
    missing: int
    """Others there that are not trained yet."""
    cut: bool
    """Whether the map ends before the factor of two does, on any side."""


def fragility(outcomes: NDArray[np.integer], x: Axis, y: Axis, column: int, row: int) -> Fragility:
    """The share of settings within a factor of two of the chosen one whose outcome differs.

    Within a factor of two is a ratio from 1/2 to 2, both included, on both axes at once; of a
    momentum β the ratio of ``1 − β``, by whose inverse it lengthens a step (0.9 has the neighbours
    0.8 to 0.95). A 0 is near no value but itself. The chosen setting is not its own neighbour;
    every other setting of the map counts once, so the number is a property of the map, and a
    finer one resolves it better. Any other outcome differs, a better one too: the question is
    whether a small change makes another reality.

    Args:
        outcomes: ``(len(y), len(x))``, of :class:`MapOutcome`; -1 where a setting is not trained.
        x: axis of the columns.
        y: axis of the rows.
        column: the chosen setting's.
        row: the chosen setting's.

    Returns:
        With a share of NaN where the setting has no neighbour, or is not trained itself.
    """
    beside = np.outer(_near(y, row), _near(x, column))
    beside[row, column] = False
    trained = beside & (outcomes >= 0)
    count, own = int(trained.sum()), outcomes[row, column]
    differing = int((outcomes[trained] != own).sum()) if own >= 0 else 0
    return Fragility(
        share=differing / count if count and own >= 0 else float("nan"),
        differing=differing,
        neighbours=count,
        missing=int(beside.sum()) - count,
        cut=_cut(x, column) or _cut(y, row),
    )


def fragilities(outcomes: NDArray[np.integer], x: Axis, y: Axis) -> NDArray[np.float64]:
    """``(len(y), len(x))``: the share of every setting."""
    found = np.full(outcomes.shape, np.nan)
    for row, column in np.ndindex(outcomes.shape):
        found[row, column] = fragility(outcomes, x, y, column, row).share
    return found


def _measured(axis: Axis) -> NDArray[np.float64]:
    """Values whose ratios tell how far apart two settings are."""
    values = np.array(axis.values, np.float64)
    return 1 - values if axis.name == "momentum" else values


def _near(axis: Axis, index: int) -> NDArray[np.bool_]:
    values = _measured(axis)
    chosen = values[index]
    limit = TIMES * (1 + CLOSE)
    near: NDArray[np.bool_] = (values <= chosen * limit) & (values * limit >= chosen)
    return near


def _cut(axis: Axis, index: int) -> bool:
    """Whether half or twice the chosen value lies beyond the ends of the axis."""
    values = _measured(axis)
    chosen, limit = values[index], TIMES * (1 - CLOSE)
    return bool(chosen < limit * values.min() or values.max() < limit * chosen)

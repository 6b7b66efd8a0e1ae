"""How far back a gradient reaches: half-life, horizon, strength, growth rate and cut.

A *reach* is ``R(k)``, shape ``(lags,)``: the gradient of one position's loss on the state ``k``
steps before it, relative to the gradient at that position. Lag 0 is no way back in time, and a
path around the recurrence (a residual block, attention, a readout of "last + mean") makes its
gradient as large as one likes. Everything here is therefore relative to the strongest earlier
step, ``P = max R(k)`` over ``k ≥ 1``.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lag", "ReachMeasures", "ReachOutcome", "measure_reach", "reach_share", "reach_shares"]

HALF = 0.5
VISIBLE = 0.01
"""Of P: a step below one per cent of the strongest hardly affects what is learned."""
TENTH = 0.1
"""Of P: where a memory is told to end, and so what a reach is compared with it at."""
NOISE = 1e-6
"""Of lag 0: if no earlier step has more, no gradient goes back. A float32 sum keeps no more than
that, so what is below may be rounding. Of P: lags below it are not in the growth rate either."""
UNDERFLOW = 1e-12
"""Of P: a gradient that fades passes through values below this, one step after the other, before it
is rounded to zero. Squares of float32 numbers underflow from 1e-23 on."""
GROWS = 1.5
"""Times: the median of the oldest third of the lags over that of the newest, where R grows. A
single strong step far back raises the slope as well, but not the medians."""

KEPT, KEPT_LAGS = 32, 4096
"""Rows that are remembered with what they come to, and how long such a row is at most: whoever
measures a layer and all who judge it ask for the same row, one after the other."""

ReachOutcome = Literal["ok", "not enough data", "not finite"]


@dataclass(frozen=True, slots=True)
class Lag:
    """A number of steps back from the loss.

    Example:
        >>> from backsight.probes import Lag
        >>> horizon = Lag(steps=64, censored=True)
        >>> f"{'at least ' * horizon.censored}{horizon.steps} steps"
        'at least 64 steps'
    """

    steps: int
    censored: bool
    """True where the window ends first: the true value is at least ``steps``."""

    def __str__(self) -> str:
        return f"≥ {self.steps}" if self.censored else str(self.steps)


@dataclass(frozen=True, slots=True)
class ReachMeasures:
    """What a reach comes to.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_reach
        >>> found = measure_reach(0.5 ** np.arange(20))
        >>> found.half_life.steps, found.horizon.steps, found.strength
        (2, 7, 0.5)
    """

    outcome: ReachOutcome
    """``not enough data`` where no gradient arrived; ``not finite`` where any lag is NaN or inf."""
    earlier: int
    """Earlier steps that were measured: the last lag of the row."""
    strength: float = math.nan
    """``P``. 1 where lag 0 gets no gradient, because ``R`` itself is then relative to ``P``. NaN
    without an earlier step, or unless ``outcome`` is ``ok``, as the growth rate is."""
    half_life: Lag | None = None
    """The lag from which ``R`` stays at or below ``P/2``; 1 where no gradient goes back. Censored
    at the last lag where there is none. None unless ``outcome`` is ``ok``, as the horizon is."""
    horizon: Lag | None = None
    """The last lag ``k ≥ 1`` with ``R(k) ≥ 0.01·P``; 0 where no gradient goes back. Censored where
    it is the last lag measured."""
    growth_rate: float = math.nan
    """Least-squares slope of ``ln R(k)`` per step over the lags ``k ≥ 1`` with ``R(k) ≥ 1e-6·P``.
    Negative decays, positive grows. NaN with fewer than two such lags."""
    grows: bool = False
    """Whether ``R`` grows with the lag: its slope is not negative, nor is it a single step."""
    cut: int | None = None
    """The last lag with a gradient, where every later one is exactly zero; else None. Where the
    gradient had faded away before, its zeros are underflow and no cut."""
    tenth: Lag | None = None
    """The last lag ``k ≥ 1`` with ``R(k) ≥ 0.1·P``, as the horizon is at ``0.01·P``."""

    @property
    def goes_back(self) -> bool:
        """Whether any earlier step gets a gradient that is more than rounding."""
        return self.strength >= NOISE

    @property
    def unreached(self) -> int:
        """Earlier steps beyond the horizon; 0 where that is unknown."""
        return 0 if self.horizon is None else self.earlier - self.horizon.steps


def measure_reach(reach: NDArray[np.floating]) -> ReachMeasures:
    """Half-life, horizon, strength, growth rate and cut of one row.

    Args:
        reach: ``R(k)``, shape ``(lags,)``; ``(0,)`` where nothing was measured.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_reach
        >>> uniform = np.array([1.0, *[0.01] * 128])  # "last + mean": every earlier step alike
        >>> found = measure_reach(uniform)
        >>> str(found.horizon), str(found.half_life), found.growth_rate
        ('≥ 128', '≥ 128', 0.0)
        >>> measure_reach(np.array([1.0, np.nan])).outcome
        'not finite'
    """
    row = np.asarray(reach, np.float64)
    return _measured(row) if len(row) > KEPT_LAGS else _remembered(row.tobytes())


@lru_cache(KEPT)
def _remembered(content: bytes) -> ReachMeasures:
    return _measured(np.frombuffer(content))


def _measured(row: NDArray[np.float64]) -> ReachMeasures:
    last = max(len(row) - 1, 0)
    if not np.isfinite(row).all():
        return ReachMeasures("not finite", last)
    if not row.any():
        return ReachMeasures("not enough data", last)
    if not last:
        alone = Lag(0, censored=True)
        return ReachMeasures("ok", 0, half_life=alone, horizon=alone, tenth=alone)
    cut = _cut(row)
    peak = float(row[1:].max())
    strength = peak if row[0] else 1.0
    if strength < NOISE:
        none = Lag(0, False)
        return ReachMeasures("ok", last, strength, Lag(1, False), none, cut=cut, tenth=none)
    loud, seen = _last(row > HALF * peak), _last(row >= VISIBLE * peak)
    strong = _last(row >= TENTH * peak)
    slope = _slope(row, NOISE * peak)
    return ReachMeasures(
        outcome="ok",
        earlier=last,
        strength=strength,
        half_life=Lag(last, True) if loud == last else Lag(loud + 1, False),
        horizon=Lag(seen, seen == last),
        growth_rate=slope,
        grows=slope >= 0 and _grows(row[1:]),
        cut=cut,
        tenth=Lag(strong, strong == last),
    )


def reach_share(reach: NDArray[np.floating], lag: int) -> float:
    """``R(lag)/P``: what the step ``lag`` steps back gets, relative to the strongest earlier one.

    0 where no gradient goes back in time; NaN where the row has no such lag, or where it is not
    finite.

    Raises:
        ValueError: ``lag`` is below 1: lag 0 is no way back.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_share
        >>> reach = 0.5 ** np.arange(20)
        >>> reach_share(reach, 1), reach_share(reach, 4), reach_share(reach, 40)
        (1.0, 0.125, nan)
    """
    if lag < 1:
        raise ValueError(f"a lag must be at least 1, not {lag}")
    found = measure_reach(reach)
    if found.outcome != "ok" or lag > found.earlier:
        return math.nan
    return float(reach[lag]) / float(np.max(reach[1:])) if found.goes_back else 0.0


def reach_shares(reach: NDArray[np.floating], *, together: bool = False) -> NDArray[np.float64]:
    """``R(k)/P`` at every lag of every row, at most 1, for pictures of several rows.

    Lag 0 is 1 wherever it gets at least ``P``. The other lags are 0 where no gradient goes back in
    time. A value that is not finite becomes NaN, and ``P`` is the largest of the others.

    Args:
        reach: ``R(k)``, shape ``(rows, lags)``, at least one row.
        together: take the largest ``P`` of all rows, so that rows can be compared with each other.

    Returns:
        The same shape.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_shares
        >>> reach_shares(np.array([[1.0, 0.02, 0.01], [1.0, 4.0, 1.0], [1.0, 1e-9, 0.0]])).tolist()
        [[1.0, 1.0, 0.5], [0.25, 1.0, 0.25], [1.0, 0.0, 0.0]]
    """
    rows = np.where(np.isfinite(reach), reach, np.nan).astype(np.float64)
    known = np.nan_to_num(rows)
    first, earlier = known[:, :1], known[:, 1:]
    peak = earlier.max(axis=1, keepdims=True, initial=0.0)
    newest = first
    if together:
        peak, newest = (np.full_like(one, one.max()) for one in (peak, first))
    back = (peak >= NOISE) | ((newest == 0) & (peak > 0))
    shares = rows / np.where(back, peak, np.inf)
    shares[:, :1] = np.where(back, shares[:, :1], np.where(first > 0, 1.0, rows[:, :1]))
    return np.minimum(shares, 1.0)


def _last(where: NDArray[np.bool_]) -> int:
    """The last lag from 1 on that is True; there is one, because the strongest is."""
    return int(np.flatnonzero(where)[-1])


def _slope(row: NDArray[np.float64], floor: float) -> float:
    lags = np.flatnonzero(row >= floor)
    lags = lags[lags >= 1]
    if len(lags) < 2:
        return math.nan
    logs = np.log(row[lags])
    if logs.min() == logs.max():
        return 0.0  # a fit leaves rounding of either sign
    off = lags - lags.mean()
    return float(off @ (logs - logs.mean()) / (off @ off))


def _grows(earlier: NDArray[np.float64]) -> bool:
    third = len(earlier) // 3
    if not third:
        return False
    early, late = _median(earlier[:third]), _median(earlier[-third:])
    return late > 0 and late >= GROWS * early  # both may have underflowed


def _median(values: NDArray[np.float64]) -> float:
    """Without what NumPy's own looks into first, which takes most of its time in so short a row."""
    half = len(values) // 2
    ordered = np.sort(values)
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _cut(row: NDArray[np.float64]) -> int | None:
    last = int(np.flatnonzero(row)[-1])
    if last == len(row) - 1:
        return None
    faded = last >= 1 and row[last] < UNDERFLOW * row[1:].max()
    return None if faded else last

"""Half-life, horizon and growth rate of a store in which they are relative to lag 0."""

import math
from collections.abc import Callable, Iterable, Mapping

from backsight.signals._reach import Lag, ReachMeasures, measure_reach
from backsight.signals._samples import SampleBlock
from backsight.signals.catalogue import family

__all__ = ["computed_again", "reach_of"]


def _steps(lag: Lag | None) -> float:
    return math.nan if lag is None else lag.steps


DERIVED: Mapping[str, Callable[[ReachMeasures], float]] = {
    "half_life": lambda found: _steps(found.half_life),
    "horizon": lambda found: _steps(found.horizon),
    "growth_rate": lambda found: found.growth_rate,
}


def reach_of(name: str) -> str | None:
    """The profile that a signal was derived from; None for any other signal."""
    kind = family(name)
    return "reach" + name[len(kind) :] if kind in DERIVED else None


def computed_again(name: str, stored: SampleBlock, reach: Iterable[SampleBlock]) -> SampleBlock:
    """Some of a derived signal as it would be recorded today.

    Args:
        name: of the signal.
        stored: what was recorded.
        reach: blocks of the profile, one after the other; they may have fewer iterations, or more.

    Returns:
        The same iterations. A value without a row in ``reach`` stays: no gradient arrived there,
        and it is NaN.
    """
    derive = DERIVED[family(name)]
    values = stored.values.copy()
    place = {int(at): index for index, at in enumerate(stored.iterations)}
    for block in reach:
        for at, row in zip(block.iterations, block.values, strict=True):
            index = place.get(int(at))
            if index is not None:
                values[index] = derive(measure_reach(row))
    return SampleBlock(stored.iterations, values)

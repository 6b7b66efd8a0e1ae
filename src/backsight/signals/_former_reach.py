"""Half-life, horizon and growth rate of a store in which they are relative to lag 0."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

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


def computed_again(
    name: str, stored: Sequence[SampleBlock], reach: Sequence[SampleBlock]
) -> list[SampleBlock]:
    """A derived signal as it would be recorded today.

    Args:
        name: of the signal.
        stored: its blocks.
        reach: blocks of the profile, which may be shorter or longer.

    Returns:
        As many blocks, with the same iterations. A value without a row in ``reach`` stays: no
        gradient arrived there, and it is NaN.
    """
    derive = DERIVED[family(name)]
    wanted = {int(at) for block in stored for at in block.iterations}
    found = {
        int(at): derive(measure_reach(row))
        for block in reach
        for at, row in zip(block.iterations, block.values, strict=True)
        if int(at) in wanted
    }
    return [
        SampleBlock(
            block.iterations,
            np.array(
                [
                    found.get(int(at), float(value))
                    for at, value in zip(block.iterations, block.values, strict=True)
                ],
                block.values.dtype,
            ),
        )
        for block in stored
    ]

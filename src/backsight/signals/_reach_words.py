"""A reach in a sentence."""

import numpy as np
from numpy.typing import NDArray

from backsight.signals._reach import ReachMeasures, measure_reach

__all__ = ["reach_extent", "reach_words"]

SMALL = 0.05
"""Of lag 0: a strength below it is told."""


def reach_words(reach: NDArray[np.floating]) -> str:
    """What a reach means, in a sentence without its full stop.

    Args:
        reach: ``R(k)``, shape ``(lags,)``.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_words
        >>> words = reach_words(0.5 ** np.arange(20))
        >>> "below half from lag 2 on, below 1 % from lag 8 on" in words
        True
    """
    found = measure_reach(reach)
    if found.outcome == "not finite":
        return "the gradient through time is not finite"
    if found.outcome == "not enough data":
        return "no gradient of this loss reaches this layer"
    if not found.earlier:
        return "the window is a single step, so there is no earlier state to follow the gradient to"
    if not found.strength:
        return "the gradient is exactly zero at every earlier step"
    if not found.goes_back:
        gone = "" if found.cut is None else f"; it is exactly zero from lag {found.cut + 1} on"
        return f"no gradient goes back in time: {_at_most(found)}{gone}"
    if found.earlier == 1:
        return _of_one(found, reach[0])
    told = [f"the gradient is {reach_extent(found)}, relative to the strongest earlier step"]
    if found.unreached and found.cut is None:
        gets = "gets" if found.unreached == 1 else "get"
        told.append(f"{found.unreached} of the {_steps(found)} {gets} almost none of it")
    if found.grows:
        factor = f"{np.exp(found.growth_rate):.3g}"  # 1 where it comes in jumps
        per_step = "" if factor == "1" else f", by a factor of {factor} per step"
        told.append(f"it grows on the way back{per_step}")
    if found.strength < SMALL:
        told.append(_at_most(found))
    if found.cut is not None:  # last: the reason may follow
        told.append(f"it is exactly zero from lag {found.cut + 1} on")
    return "; ".join(told)


def reach_extent(found: ReachMeasures) -> str:
    """From which lag on a gradient is below half and below 1 % of the strongest earlier step.

    Args:
        found: measures with the outcome ``ok`` and at least one earlier step.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_reach, reach_extent
        >>> reach_extent(measure_reach(0.9 ** np.arange(100)))
        'below half from lag 8 on, below 1 % from lag 45 on'
        >>> reach_extent(measure_reach(0.99 ** np.arange(100)))
        'below half from lag 70 on, and still at least 1 % at the oldest of the 99 earlier steps'
    """
    half, far = found.half_life, found.horizon
    if half is None or far is None:
        raise ValueError(f"these measures say nothing of a lag: they are {found.outcome}")
    if half.censored:
        return f"still above half at the oldest of the {_steps(found)}"
    below = f"below half from lag {half.steps} on"
    if far.censored:
        return f"{below}, and still at least 1 % at the oldest of the {_steps(found)}"
    least = f"below 1 % from lag {far.steps + 1} on"
    return least if half.steps > far.steps else f"{below}, {least}"


def _at_most(found: ReachMeasures) -> str:
    return f"no earlier step gets more than {_percent(found.strength)} of what the last one gets"


def _of_one(found: ReachMeasures, last: float) -> str:
    if not last:
        return "the one earlier step gets all of the gradient"
    times = found.strength
    gets = f"{times:.3g} times" if times > 1 else f"{_percent(times)} of"
    return f"the one earlier step gets {gets} what the last one gets"


def _percent(share: float) -> str:
    return f"{100 * share:.1g} %" if share < 0.001 else f"{100 * share:.2g} %"


def _steps(found: ReachMeasures) -> str:
    return f"{found.earlier} earlier step{'s' * (found.earlier != 1)}"

"""Why a reach is exactly zero from some lag on, in a clause."""

from collections.abc import Mapping

from backsight.signals._reach import ReachMeasures

__all__ = ["zero_words"]

NEARLY = 0.9
"""Of the units, or of every gate's values: so many that the rest passes next to nothing."""


def zero_words(
    found: ReachMeasures,
    *,
    end: float | None,
    underflow: bool = False,
    begun: float = 0.0,
    saturation: Mapping[str, float] | None = None,
    inactive: float = 0.0,
    silent: int = 0,
) -> str:
    """The cause, to follow a sentence about the zeros; empty where there are none.

    Args:
        found: what the reach comes to.
        end: the last lag that the graph leads to; negative where it cannot be asked, None where
            nobody asked.
        underflow: whether the gradient before the zeros is next to the smallest number.
        begun: share of the sequences whose state begins anew.
        saturation: shares of saturated values: ``""`` for the state, and by gate.
        inactive: share of the states that are exactly 0.
        silent: steps at which every unit is 0.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_reach, zero_words
        >>> zero_words(measure_reach(np.array([1.0, 0.5, 0.0, 0.0])), end=1)
        ', because the state is detached there'
    """
    if found.cut is None or end is None:
        return ""
    if end < 0:
        return (
            "; a graph that ends there and units that pass no gradient look alike at an embedded "
            "input"
        )
    if end == found.cut:
        return ", because the state is detached there"
    if begun >= 1:
        return ", because the state begins anew there"
    if underflow:
        return ", because it underflows: it is smaller than any number of its dtype"
    units = _units(dict(saturation or {}), inactive, silent)
    return f", although the graph goes on{units}"


def _units(shares: dict[str, float], inactive: float, silent: int) -> str:
    """What of the units passes no gradient."""
    states = shares.pop("", None)
    gates = list(shares.values())
    if states is not None and states > NEARLY:
        return f": {100 * states:.0f} % of the units are saturated"
    if gates and min(gates) > NEARLY:
        least = f"{100 * min(gates):.0f} %"
        share = least if least == "100 %" else f"at least {least}"
        return f": {share} of the values of each gate are saturated"
    if silent:
        return f": no unit is active at {silent} of the steps"
    if inactive:
        share = f"{100 * inactive:.0f} %" if inactive >= 0.005 else "less than 1 %"
        return f": {share} of the states are exactly 0, where ReLU passes no gradient"
    return ""

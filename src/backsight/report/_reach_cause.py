"""Why the gradient of a layer is exactly zero from some lag on, from what was recorded."""

import numpy as np

from backsight.signals import ReachMeasures, Run, family

__all__ = ["zero_cause"]

NEARLY = 0.9
"""Of the units, or of every gate's values: so many that the rest passes next to nothing."""


def zero_cause(run: Run, layer: str, iteration: int, found: ReachMeasures) -> str:
    """The cause, to follow a sentence about the zeros; empty where there are none.

    Args:
        run: that recorded it.
        layer: the member of ``reach``.
        iteration: of the sample, the newest one.
        found: what its reach comes to.
    """
    if found.cut is None:
        return ""
    end = _value(run, f"graph_end/{layer}", iteration)
    if end is None:  # an earlier version
        return ""
    if end < 0:
        return ", for a reason that is not recorded for an embedded input"
    if end == found.cut:
        return ", because the state is detached there"
    return f", although the graph goes on{_units(run, layer, iteration)}"


def _units(run: Run, layer: str, iteration: int) -> str:
    """What of the units passes no gradient."""
    shares = {
        name: _value(run, name, iteration)
        for name in run.names
        if family(name) == "saturation" and _of(name, layer)
    }
    states = shares.pop(f"saturation/{layer}", None)
    gates = [share for share in shares.values() if share is not None]
    if states is not None and states > NEARLY:
        return f": {100 * states:.0f} % of the units are saturated"
    if gates and min(gates) > NEARLY:
        return f": {100 * min(gates):.0f} % or more of the values of each gate are saturated"
    silent = _silent(run, layer, iteration)
    return f": no unit is active at {silent} of the steps" if silent else ""


def _of(name: str, layer: str) -> bool:
    """Whether it is the layer's state or one of its gates."""
    member = name.partition("/")[2]
    gate = member.removeprefix(f"{layer}.")
    return member == layer or (gate != member and "." not in gate)


def _silent(run: Run, layer: str, iteration: int) -> int:
    """Steps at which every state is zero."""
    name = f"hidden_norm/{layer}"
    if name not in run.names:
        return 0
    newest = run.stream(name).newest()
    (at,) = np.nonzero(newest.iterations == iteration)
    return int((newest.values[at[0]] == 0).sum()) if at.size else 0


def _value(run: Run, name: str, iteration: int) -> float | None:
    """Of that iteration, one of the newest; None where it was not recorded in it."""
    if name not in run.names:
        return None
    newest = run.stream(name).newest()
    (at,) = np.nonzero(newest.iterations == iteration)
    return float(newest.values[at[0]]) if at.size else None

"""Why a reach is as it is, from what was recorded: exact zeros, sequences that are not read."""

import math

import numpy as np

from backsight.signals import ReachMeasures, Run, family, zero_words

__all__ = ["sequences_begun", "unread_sequences", "zero_cause"]


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

    def share(family_: str) -> float:
        return _value(run, f"{family_}/{layer}", iteration) or 0.0

    shares = {
        name.partition("/")[2].removeprefix(layer).lstrip("."): _value(run, name, iteration)
        for name in run.names
        if family(name) == "saturation" and _of(name, layer)
    }
    return zero_words(
        found,
        end=_value(run, f"graph_end/{layer}", iteration),
        underflow=bool(share("underflow")),
        begun=share("begun_anew"),
        saturation={gate: value for gate, value in shares.items() if value is not None},
        inactive=share("inactive"),
        silent=_silent(run, layer, iteration),
    )


def sequences_begun(run: Run, layer: str, iteration: int, found: ReachMeasures) -> str:
    """How many sequences begin anew on the way, as a clause of its own; or empty.

    Args:
        run: that recorded it.
        layer: the member of ``reach``.
        iteration: of the sample, the newest one.
        found: what its reach comes to: zeros are another clause's.
    """
    share = _value(run, f"begun_anew/{layer}", iteration)
    if not share or found.cut is not None:
        return ""
    count = f"{100 * share:.0f} %" if share >= 0.005 else "less than 1 %"
    return f"; in {count} of the sequences the state begins anew within the window"


def unread_sequences(run: Run, layer: str, iteration: int) -> str:
    """Whether the loss reads one sequence of the batch alone, as a clause of its own; or empty.

    Args:
        run: that recorded it.
        layer: the member of ``reach``.
        iteration: of the sample, the newest one.
    """
    batch = _value(run, f"last_column/{layer}", iteration)
    if not batch or not math.isfinite(batch):
        return ""
    which = "last" if batch == math.floor(batch) else "first and the last"
    return (
        f"; the loss reads only the {which} of the {math.floor(batch)} sequences: batch and time "
        "are swapped"
    )


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

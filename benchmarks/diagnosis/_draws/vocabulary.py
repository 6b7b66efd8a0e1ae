"""What a draw's table is written in: tasks, plans and what goes wrong in them.

Each draw imports all of it by ``*``, so that a draw is its cases and nothing else.
"""

from backsight.tasks import (
    Adding,
    Copying,
    DelayedXor,
    Echo,
    FirstSymbol,
    Memorisation,
    Mixture,
    TemporalOrder,
)
from benchmarks._shared.faults import (
    Constant,
    Growing,
    InUnit,
    Padded,
    Small,
    Widened,
    at,
    gradual,
    growing_weights,
    huge_step,
    missing,
    raised,
    rates,
    silent_after,
    warm,
    wrong_targets,
)
from benchmarks._shared.plan import Plan
from benchmarks._shared.tasks import Chaos, Flowing, Majority, Noise, Sums, Text, Waves

__all__ = [
    "Adding", "Chaos", "Constant", "Copying", "DelayedXor", "Echo", "FirstSymbol", "Flowing",
    "Growing", "InUnit", "Majority", "Memorisation", "Mixture", "Noise", "Padded", "Plan", "Small",
    "Sums", "TemporalOrder", "Text", "Waves", "Widened", "at", "gradual", "growing_weights",
    "huge_step", "missing", "raised", "rates", "silent_after", "warm", "wrong_targets",
]  # fmt: skip

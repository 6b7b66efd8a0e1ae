"""How PyTorch's fused layers are read: calls caught, and replayed through their states."""

from backsight.probes.fused._calls import Call, Catcher
from backsight.probes.fused._hidden_norms import hidden_norms
from backsight.probes.fused._layer_tally import Layered
from backsight.probes.fused._memory import memory_of_calls
from backsight.probes.fused._probe_input import by_probe_input
from backsight.probes.fused._reader import FusedReader
from backsight.probes.fused._replay import (
    Arithmetic,
    by_recurrence_seeds,
    replay,
    walk,
    with_reaches,
)

__all__ = [
    "Arithmetic",
    "Call",
    "Catcher",
    "FusedReader",
    "Layered",
    "by_probe_input",
    "by_recurrence_seeds",
    "hidden_norms",
    "memory_of_calls",
    "replay",
    "walk",
    "with_reaches",
]

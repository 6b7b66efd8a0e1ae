"""What the profile of one fused layer in one direction is averaged from, over calls."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from backsight.probes._profile import GradientProfile, Tally, profile_of
from backsight.probes._recurrence import States

__all__ = ["LayerTally"]

SATURATED = 0.99
NEAR = 0.01
"""How near to 0 or 1 a gate counts as saturated."""

GATES = {"GRU": ("reset", "update", "new"), "LSTM": ("input", "forget", "cell", "output")}
TANH = ("new", "cell")


@dataclass
class LayerTally:
    """Means by step and by lag, and counts of saturated units."""

    time: Tally = field(default_factory=Tally)
    lags: Tally = field(default_factory=Tally)
    hidden: Tally = field(default_factory=Tally)
    cell: Tally = field(default_factory=Tally)
    saturated: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By gate: saturated units, and units."""
    lstm: bool = False
    exact: bool = True

    def profile(self) -> GradientProfile:
        """The means."""
        return profile_of(
            time=self.time,
            lags=self.lags,
            hidden=self.hidden,
            cell=self.cell if self.lstm else None,
            saturation={gate: a / b for gate, (a, b) in self.saturated.items() if b},
            exact=self.exact,
        )

    def count_saturated(self, s: States, inside: Tensor) -> None:
        """Count the units of ``s`` at steps that are ``inside`` ``(T, B)`` a sequence."""
        if s.layer.mode == "RNN_RELU":
            return
        edges = {} if s.layer.w_hr is not None else {"": s.h.abs() > SATURATED}
        for gate, value in zip(GATES.get(s.layer.mode, ()), s.gates, strict=False):
            tanh = gate in TANH
            edges[gate] = value.abs() > SATURATED if tanh else (value - 0.5).abs() > 0.5 - NEAR
        counts = [(edge & inside[..., None]).sum() for edge in edges.values()]
        *saturated, states = torch.stack([*counts, inside.sum()]).tolist()
        for (gate, edge), count in zip(edges.items(), saturated, strict=True):
            before = self.saturated.get(gate, (0.0, 0.0))
            self.saturated[gate] = before[0] + count, before[1] + states * edge.shape[-1]

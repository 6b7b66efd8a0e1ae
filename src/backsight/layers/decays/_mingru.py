"""minGRU as ``minGRU-pytorch`` writes it: the gate sees the input alone.

    z_t = sigmoid(gate_t),  h_t = (1 - z_t) h_{t-1} + z_t g_t

Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024 (Were RNNs All We Needed?), appendix B.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.functional import softplus

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    GateRows,
    child_of,
    parts_of,
    weight_of,
    wide,
)

__all__ = ["MinGRU"]

PROJECTION = "to_hidden_and_gate"


class MinGRU(DecayAdapter):
    """One linear layer gives the candidate and the gate."""

    kind = "minGRU"

    def recognises(self, module: nn.Module) -> bool:
        """By that layer, and by what follows it."""
        weight = weight_of(child_of(module, PROJECTION))
        whole = child_of(module, "to_out") is not None
        return whole and weight is not None and len(weight) % 2 == 0

    def shown_by(self, module: nn.Module) -> nn.Module:
        """That layer."""
        return module._modules[PROJECTION]  # type: ignore[return-value]

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """``1 - z`` of the second half, as a logarithm that does not underflow."""
        return Decays(-softplus(wide(result).chunk(2, -1)[1]))

    def gate_rows(self, module: nn.Module) -> GateRows:
        """The candidate's half comes first."""
        layer = child_of(module, PROJECTION)
        weight = weight_of(layer)
        half = 0 if weight is None else len(weight) // 2
        return parts_of(layer, {"candidate": half, "gate": half})

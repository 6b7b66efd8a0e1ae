"""minLSTM as ``minGRU-pytorch`` writes it: both gates see the input alone.

    f'_t = f_t / (f_t + i_t),  h_t = f'_t h_{t-1} + (1 - f'_t) g_t

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

__all__ = ["MinLSTM"]

PROJECTION = "to_hidden_and_f_i_gate"


class MinLSTM(DecayAdapter):
    """One linear layer gives the candidate and the two gates."""

    kind = "minLSTM"

    def recognises(self, module: nn.Module) -> bool:
        """By that layer, and by what follows it."""
        weight = weight_of(child_of(module, PROJECTION))
        whole = child_of(module, "to_out") is not None
        return whole and weight is not None and len(weight) % 3 == 0

    def shown_by(self, module: nn.Module) -> nn.Module:
        """That layer."""
        return module._modules[PROJECTION]  # type: ignore[return-value]

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """``f / (f + i)`` is the sigmoid of ``ln f - ln i``."""
        _, f, i = wide(result).chunk(3, -1)
        return Decays(-softplus(softplus(-f) - softplus(-i)))

    def gate_rows(self, module: nn.Module) -> GateRows:
        """A third each, in this order."""
        layer = child_of(module, PROJECTION)
        weight = weight_of(layer)
        third = 0 if weight is None else len(weight) // 3
        return parts_of(layer, {"candidate": third, "forget": third, "input": third})

"""Mamba, a selective state space: each of its inner channels has ``N`` states of their own decay.

    Δ_t = softplus(W_Δ d_t + b_Δ),  a_t = exp(-Δ_t exp(A_log))

Source: Gu, Dao 2023 (Mamba), §3.2 and algorithm 2.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.functional import linear, softplus

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    GateRows,
    child_of,
    parts_of,
    tensor_of,
    weight_of,
    whole_of,
    wide,
)

__all__ = ["Mamba"]


class Mamba(DecayAdapter):
    """As ``transformers`` (Mamba, FalconMamba, Jamba), ``mambapy`` and ``mamba_ssm`` write it.

    ``x_proj`` gives what ``Δ``, ``B`` and ``C`` are made of; a fused kernel, which takes its weight
    alone, shows nothing.
    """

    kind = "Mamba"

    def recognises(self, module: nn.Module) -> bool:
        """By ``A_log`` and two projections whose shapes go together."""
        rates = tensor_of(module, "A_log", 2)
        whole, steps = (weight_of(child_of(module, name)) for name in ("x_proj", "dt_proj"))
        if rates is None or whole is None or steps is None:
            return False
        channels, states = rates.shape
        inner, rank = steps.shape
        return inner == channels == whole.shape[1] and len(whole) == rank + 2 * states

    def shown_by(self, module: nn.Module) -> nn.Module:
        """What gives ``d``: the normalisation behind the projection, where there is one."""
        return child_of(module, "dt_layernorm") or module._modules["x_proj"]  # type: ignore[return-value]

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """``-Δ_t`` of each inner channel, times ``exp(A_log)`` of each of its states."""
        part = child_of(module, "dt_proj")
        weight, rates = weight_of(part), tensor_of(module, "A_log", 2)
        if weight is None or rates is None:
            raise ValueError("it has no A_log and dt_proj any longer")
        rank, x = weight.shape[1], wide(result)
        if x.shape[-1] not in (rank, rank + 2 * rates.shape[1]):
            raise ValueError(f"{x.shape[-1]} features are not what its time steps are made of")
        bias = weight_of(part, "bias", 1)
        step = linear(x[..., :rank], weight.to(x.dtype), None if bias is None else bias.to(x.dtype))
        return Decays(-softplus(step), wide(rates).to(x.dtype).exp())

    def gate_rows(self, module: nn.Module) -> GateRows:
        """Of ``in_proj`` x and z, of ``x_proj`` Δ, B and C; ``dt_proj`` belongs to Δ."""
        rates, steps = tensor_of(module, "A_log", 2), child_of(module, "dt_proj")
        weight = weight_of(steps)
        if rates is None or weight is None:
            return {}
        (inner, states), rank = rates.shape, weight.shape[1]
        rows = parts_of(child_of(module, "in_proj"), {"x": inner, "z": inner})
        rows |= parts_of(child_of(module, "x_proj"), {"dt": rank, "B": states, "C": states})
        rows["dt"] += parts_of(steps, {"dt": inner})["dt"]
        return {**rows, "A": whole_of(module, "A_log")}

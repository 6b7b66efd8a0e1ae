"""Mamba-2, a selective state space whose heads each decay as one.

    Δ_t = softplus(d_t + b_Δ),  a_t = exp(-Δ_t exp(A_log))

Source: Dao, Gu 2024 (Transformers are SSMs), §7.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

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

__all__ = ["Mamba2"]


class Mamba2(DecayAdapter):
    """As ``transformers`` (Mamba-2, Bamba, FalconH1, Granite, Nemotron-H, Zamba2), ``mambapy`` and
    ``mamba_ssm`` write it: ``in_proj`` gives ``d`` behind everything else."""

    kind = "Mamba-2"

    def recognises(self, module: nn.Module) -> bool:
        """By ``A_log`` and ``dt_bias`` of each head, and by what ``in_proj`` has to give."""
        rates, bias = (tensor_of(module, name, 1) for name in ("A_log", "dt_bias"))
        into, out = (weight_of(child_of(module, name)) for name in ("in_proj", "out_proj"))
        mixed = weight_of(child_of(module, "conv1d"), dims=3)
        if rates is None or bias is None or into is None or out is None or mixed is None:
            return False
        return rates.shape == bias.shape and len(into) == out.shape[1] + len(mixed) + len(bias)

    def shown_by(self, module: nn.Module) -> nn.Module:
        """``in_proj``."""
        return module._modules["in_proj"]  # type: ignore[return-value]

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """Of each head."""
        rates, bias = (tensor_of(module, name, 1) for name in ("A_log", "dt_bias"))
        if rates is None or bias is None:
            raise ValueError("it has no A_log and dt_bias any longer")
        last = wide(result)[..., -len(bias) :]
        scale = tensor_of(module, "mup_vector", 3)  # FalconH1's, one factor for each feature
        if scale is not None:
            last = last * scale[..., -len(bias) :].to(last.dtype)
        step = _limited(softplus(last + bias.to(last.dtype)), module)
        return Decays(-step * rates.to(last.dtype).exp())

    def gate_rows(self, module: nn.Module) -> GateRows:
        """Of ``in_proj`` z, x, B, C and Δ; ``dt_bias`` belongs to Δ, and A is by itself."""
        bias, out = tensor_of(module, "dt_bias", 1), weight_of(child_of(module, "out_proj"))
        mixed = weight_of(child_of(module, "conv1d"), dims=3)
        if bias is None or out is None or mixed is None or len(mixed) < out.shape[1]:
            return {}
        inner, states = out.shape[1], (len(mixed) - out.shape[1]) // 2
        sizes = {"z": inner, "x": inner, "B": states, "C": states, "dt": len(bias)}
        rows = parts_of(child_of(module, "in_proj"), sizes)
        rows["dt"] += whole_of(module, "dt_bias")
        return {**rows, "A": whole_of(module, "A_log")}


def _limited(step: Tensor, module: nn.Module) -> Tensor:
    """Where the step has limits of its own."""
    held = vars(module)
    settings = (held, getattr(held.get("config"), "__dict__", {}))
    found = [one.get(name) for one in settings for name in ("time_step_limit", "dt_limit")]
    for limits in found:
        if isinstance(limits, (tuple, list)) and len(limits) == 2:
            return torch.clamp(step, *map(float, limits))
    return step

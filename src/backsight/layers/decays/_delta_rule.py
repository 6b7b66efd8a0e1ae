"""The gated delta rule: a head decays as one, and writes over what stands at the same key.

    S_t = a_t S_{t-1} (I - β_t k_t k_tᵀ) + β_t v_t k_tᵀ,  a_t = exp(-exp(A_log) softplus(d_t + b))

The transition is a matrix whose norm is at most ``a_t``, as keys have the norm 1 and ``β`` is
between 0 and 2.

Source: Yang, Kautz, Hatamizadeh 2025 (Gated Delta Networks), §3.1.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.functional import softplus

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    child_of,
    tensor_of,
    weight_of,
    wide,
)

__all__ = ["GatedDeltaRule"]

PROJECTIONS = ("a_proj", "in_proj_a", "in_proj_ba")
"""Of ``d`` alone; of ``β`` and ``d`` side by side, for each group of heads."""


class GatedDeltaRule(DecayAdapter):
    """As ``transformers`` (Qwen3-Next, Qwen3.5, OLMo hybrid) and ``fla`` write it."""

    kind = "gated delta rule"
    bound = True

    def recognises(self, module: nn.Module) -> bool:
        """By ``A_log`` and ``dt_bias`` of each head, and by what gives ``d``."""
        rates, bias = (tensor_of(module, name, 1) for name in ("A_log", "dt_bias"))
        if rates is None or bias is None or rates.shape != bias.shape:
            return False
        found = self._projection(module)
        weight = None if found is None else weight_of(child_of(module, found))
        if found is None or weight is None:
            return False
        grouped = found == "in_proj_ba"
        return len(weight) == len(bias) * (1 + grouped) and (not grouped or bool(_groups(module)))

    def shown_by(self, module: nn.Module) -> nn.Module:
        """The projection."""
        return module._modules[self._projection(module) or ""]  # type: ignore[return-value]

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """Of each head: no less than what a head forgets."""
        rates, bias = (tensor_of(module, name, 1) for name in ("A_log", "dt_bias"))
        if rates is None or bias is None:
            raise ValueError("it has no A_log and dt_bias any longer")
        x = wide(result)
        if self._projection(module) == "in_proj_ba":
            by_group = x.reshape(*x.shape[:-1], _groups(module), -1)
            x = by_group.chunk(2, -1)[1].flatten(-2)
        return Decays(-softplus(x + bias.to(x.dtype)) * rates.to(x.dtype).exp())

    def _projection(self, module: nn.Module) -> str | None:
        return next((name for name in PROJECTIONS if child_of(module, name) is not None), None)


def _groups(module: nn.Module) -> int:
    """Heads of keys, each of which goes with several of values; 0 where that is not known."""
    bias, groups = tensor_of(module, "dt_bias", 1), vars(module).get("num_k_heads")
    if type(groups) is not int or groups < 1 or bias is None or len(bias) % groups:
        return 0
    return groups

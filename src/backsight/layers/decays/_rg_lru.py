"""RG-LRU, the real-gated linear recurrent unit of Griffin, Hawk and RecurrentGemma.

    r_t = sigmoid(gate_t),  a_t = exp(-8 softplus(Λ) r_t)
    h_t = a_t h_{t-1} + sqrt(1 - a_t²) (i_t x_t)

A state that is reset where a document begins is not forgotten by a gate: resets do not count.

Source: De, Smith, Fernando, Botev et al. 2024 (Griffin), §2.4, with their c = 8.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    child_of,
    first_tensor,
    tensor_of,
    wide,
)

__all__ = ["RGLRU"]

SHARPNESS = 8.0
"""The paper's ``c``."""


class RGLRU(DecayAdapter):
    """As ``transformers`` writes it, whose gates are products of its own parameters, and as
    Google's ``recurrentgemma`` does, whose gate is a module."""

    kind = "RG-LRU"

    def recognises(self, module: nn.Module) -> bool:
        """By the parameter of the decay, and by the gate beside it."""
        if tensor_of(module, "a_param", 1) is not None:
            return all(child_of(module, name) is not None for name in ("a_gate", "input_gate"))
        units = tensor_of(module, "recurrent_param", 1)
        weight = tensor_of(module, "recurrent_gate_weight", 3)
        bias = tensor_of(module, "recurrent_gate_bias", 2)
        if units is None or weight is None or bias is None:
            return False
        heads, width, _ = weight.shape
        return weight.shape[2] == width and bias.shape == (heads, width) == (
            heads, len(units) // heads
        )  # fmt: skip

    def shown_by(self, module: nn.Module) -> nn.Module:
        """The gate, where it is a module."""
        return child_of(module, "a_gate") or module

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """From the gate's pre-activation, which is computed again where no module shows it."""
        units = tensor_of(module, "a_param", 1)
        if units is not None:
            return Decays(self._logs(units, wide(result)))
        units = tensor_of(module, "recurrent_param", 1)
        weight = tensor_of(module, "recurrent_gate_weight", 3)
        bias = tensor_of(module, "recurrent_gate_bias", 2)
        if units is None or weight is None or bias is None:
            raise ValueError("its gate has no parameters any longer")
        x = first_tensor(args, kwargs, len(units))
        by_head = x.reshape(*x.shape[:-1], *weight.shape[:2])
        gate = torch.einsum("...hi,hij->...hj", by_head, weight.to(x.dtype)) + bias.to(x.dtype)
        return Decays(self._logs(units, gate.flatten(-2)))

    def _logs(self, units: Tensor, gate: Tensor) -> Tensor:
        return -SHARPNESS * torch.sigmoid(gate) * softplus(units.to(gate.dtype))

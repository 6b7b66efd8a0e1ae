"""RWKV-7: each channel decays as the input says, and a generalised delta rule writes over it.

    a_t = exp(-exp(-1/2) sigmoid(w + tanh(x_t W_1) W_2))
    S_t = S_{t-1} (diag(a_t) - κ_tᵀ (η_t ⊙ κ_t)) + v_tᵀ k_t

The transition is a matrix: where it removes what stands at a key, a channel forgets faster than
its decay says.

Source: Peng, Zhang, Goldstein et al. 2025 (RWKV-7 Goose), §4.1.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    child_of,
    first_tensor,
    tensor_of,
    weight_of,
    wide,
)

__all__ = ["RWKV7"]

FASTEST = math.exp(-0.5)
"""No channel decays by more than this factor's exponential in one step."""


class RWKV7(DecayAdapter):
    """As ``rwkv7-hf`` and ``fla`` write it, with a module for the first product, and as the authors
    do, in products of the module's own parameters."""

    kind = "RWKV-7"
    bound = True

    def recognises(self, module: nn.Module) -> bool:
        """By the keys of the delta rule, and by the low-rank products of the decay."""
        keys = [tensor_of(module, name, 1, 2, 3) for name in ("k_k", "k_a", "r_k")]
        if any(one is None for one in keys):
            return False
        if _low_rank(module) is not None:
            return True
        first, second = (tensor_of(module, name, 2) for name in ("w1", "w2"))
        rates, mix = (tensor_of(module, name, 3) for name in ("w0", "x_w"))
        if first is None or second is None or rates is None or mix is None:
            return False
        return first.shape[1] == len(second) and rates.shape[-1] == second.shape[1]

    def shown_by(self, module: nn.Module) -> nn.Module:
        """The first product, where it is a module."""
        return _low_rank(module) or module

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """Of each channel: no less than what it forgets."""
        if _low_rank(module) is not None:
            last = child_of(child_of(child_of(module, "w_lora"), "lora"), "2")  # type: ignore[arg-type]
            weight, bias = weight_of(last), weight_of(last, "bias", 1)
            if weight is None:
                raise ValueError("its decay has no second product any longer")
            x = torch.tanh(wide(result))
            rate = linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))
            return Decays(_logs(rate))
        first, second = (tensor_of(module, name, 2) for name in ("w1", "w2"))
        rates, mix = (tensor_of(module, name, 3) for name in ("w0", "x_w"))
        if first is None or second is None or rates is None or mix is None:
            raise ValueError("its decay has no parameters any longer")
        x = first_tensor(args, kwargs, len(first))
        fed = x + (pad(x, (0, 0, 1, -1)) - x) * mix.to(x.dtype)
        low = torch.tanh(fed @ first.to(x.dtype))
        return Decays(_logs(rates.to(x.dtype) + low @ second.to(x.dtype)))


def _low_rank(module: nn.Module) -> nn.Module | None:
    """The first of two linear layers, with what makes them nonlinear between."""
    outer = child_of(module, "w_lora")
    inner = None if outer is None else child_of(outer, "lora")
    if inner is None or weight_of(child_of(inner, "2")) is None:
        return None
    return child_of(inner, "0")


def _logs(rate: Tensor) -> Tensor:
    return -FASTEST * torch.sigmoid(rate)

"""RWKV-6: the decay of each channel follows the input.

    a_t = exp(-exp(w + tanh(x_t W_1) W_2))

``x_t`` is the input, mixed with the one before by weights that follow the input as well.

Source: Peng, Goldstein, Anthony et al. 2024 (Eagle and Finch), §4.2.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from backsight.layers.decays._decay import (
    DecayAdapter,
    Decays,
    child_of,
    first_tensor,
    tensor_of,
    wide,
)

__all__ = ["RWKV6"]

PARAMETERS = {
    "time_decay": 3, "time_decay_w1": 2, "time_decay_w2": 2,
    "time_maa_x": 3, "time_maa_w": 3, "time_maa_w1": 2, "time_maa_w2": 3,
}  # fmt: skip
"""Of the authors' module, with their axes."""


class RWKV6(DecayAdapter):
    """As the authors write it, in products of the module's own parameters, and as ``fla`` does,
    where a module gives the logarithm of the rate."""

    kind = "RWKV-6"

    def recognises(self, module: nn.Module) -> bool:
        """By the parameters, or by ``w_proj`` beside ``bonus``."""
        if tensor_of(module, "bonus", 2) is not None:
            return all(child_of(module, f"{name}_proj") is not None for name in "rwkvg")
        found = _parameters(module)
        if len(found) < len(PARAMETERS):
            return False
        (rank, channels), width = found["time_decay_w2"].shape, len(found["time_decay_w1"])
        return (
            found["time_decay"].shape == (1, 1, channels)
            and found["time_decay_w1"].shape[1] == rank
            and found["time_maa_w2"].shape[2] == width
        )

    def shown_by(self, module: nn.Module) -> nn.Module:
        """Itself, or ``w_proj``."""
        return (
            child_of(module, "w_proj") if tensor_of(module, "bonus", 2) is not None else None
        ) or module

    def decays(
        self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], result: Any
    ) -> Decays:
        """From the rate that was computed, or that is computed again."""
        if tensor_of(module, "bonus", 2) is not None:
            return Decays(-wide(result).exp())
        found = _parameters(module)
        if len(found) < len(PARAMETERS):
            raise ValueError("its decay has no parameters any longer")
        x = first_tensor(args, kwargs, len(found["time_decay_w1"]))
        p = {name: value.to(x.dtype) for name, value in found.items()}
        change = pad(x, (0, 0, 1, -1)) - x
        mixed = torch.tanh((x + change * p["time_maa_x"]) @ p["time_maa_w1"])
        ways = len(p["time_maa_w2"])
        weight = mixed.chunk(ways, -1)[0] @ p["time_maa_w2"][0]
        fed = x + change * (p["time_maa_w"] + weight)
        rate = p["time_decay"] + torch.tanh(fed @ p["time_decay_w1"]) @ p["time_decay_w2"]
        return Decays(-rate.exp())


def _parameters(module: nn.Module) -> dict[str, Tensor]:
    held = {name: tensor_of(module, name, dims) for name, dims in PARAMETERS.items()}
    return {name: value for name, value in held.items() if value is not None}

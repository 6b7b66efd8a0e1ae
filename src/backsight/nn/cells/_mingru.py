"""``mingru``: a GRU whose gate and candidate see the input alone.

    z_t = sigmoid(W_z x_t + b_z)
    g_t = W_g x_t + b_g
    h_t = z_t ⊙ g_t + (1 - z_t) ⊙ h_{t-1}

A unit's state goes on to itself alone: there is no recurrent matrix, and no nonlinearity on the
way, so that the gradient fades with the product of the ``1 - z`` and never grows, and all steps
can be run at once.

Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024 (Were RNNs All We Needed?), §3.1; their form
in plain numbers, whose candidate may be negative, not that in logarithms.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from backsight.layers import CellStep, LayerWeights, register_layer
from backsight.nn._scan_stack import ScanLayer, ScanLayers, ScanStack

__all__ = ["MinGRULayer", "build"]


class MinGRULayer(ScanLayer):
    """One layer.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H``. Weights and biases are drawn from U(−1/√H, 1/√H), as PyTorch's are.
    """

    parts = 2

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(2 * hidden, inputs))
        self.bias_ih = nn.Parameter(torch.empty(2 * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``z`` and the candidate, ``(…, H)`` each."""
        z, candidate = self.product(x)
        return torch.sigmoid(z), candidate

    def kept_and_added(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """``1 - z`` is kept, ``z g`` is added."""
        z, candidate = parts
        z = torch.sigmoid(z)
        return 1 - z, z * candidate


class _MinGRULayers(ScanLayers):
    kind = "minGRU layer"
    module_type = MinGRULayer
    gates = ("update", "new")
    candidate = "new"
    memory_gates: ClassVar[Mapping[str, int]] = {"update": -1}  # z weighs the new state

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; the recurrence is diagonal."""
        assert isinstance(module, MinGRULayer)
        return (LayerWeights("", module.weight_ih, None, "", (module.bias_ih,)),)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """Of the one gate; the candidate has no bounds."""
        assert isinstance(module, MinGRULayer)
        (h,) = state
        z, candidate = module.gates(x.to(module.weight_ih.dtype))  # autocast may narrow it
        return CellStep({"update": z}, z * candidate + (1 - z) * h)


register_layer(_MinGRULayers())


def build(inputs: int, hidden: int, layers: int, dropout: float) -> ScanStack:
    """All steps at once."""
    return ScanStack(MinGRULayer, inputs, hidden, layers, dropout)

"""``minlstm``: an LSTM without a cell state whose gates and candidate see the input alone.

    f_t = sigmoid(W_f x_t + b_f),  i_t = sigmoid(W_i x_t + b_i)
    g_t = W_g x_t + b_g
    h_t = f_t / (f_t + i_t) ⊙ h_{t-1} + i_t / (f_t + i_t) ⊙ g_t

The two gates are divided by their sum, so that what is kept and what is added weigh 1 together.

Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024 (Were RNNs All We Needed?), §3.2; their form
in plain numbers, whose candidate may be negative, not that in logarithms.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.layers import CellStep, LayerWeights, register_layer
from backsight.nn._scan_stack import ScanLayer, ScanLayers, ScanStack

__all__ = ["MinLSTMLayer", "build"]


class MinLSTMLayer(ScanLayer):
    """One layer.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H``. Weights and biases are drawn from U(−1/√H, 1/√H), as PyTorch's are.
    """

    parts = 3

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden, inputs))
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both gates, divided by their sum, and the candidate, ``(…, H)`` each."""
        return self._divided(*self.product(x))

    def kept_and_added(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """The forget gate's share is kept."""
        i, f, candidate = self._divided(*parts)
        return f, i * candidate

    @staticmethod
    def _divided(i: Tensor, f: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # f / (f + i) is the sigmoid of log f - log i, which stays defined where both underflow.
        lead = functional.logsigmoid(f) - functional.logsigmoid(i)
        return torch.sigmoid(-lead), torch.sigmoid(lead), candidate


class _MinLSTMLayers(ScanLayers):
    kind = "minLSTM layer"
    module_type = MinLSTMLayer
    gates = ("input", "forget", "cell")
    candidate = "cell"
    memory_gates: ClassVar[Mapping[str, int]] = {"input": -1, "forget": 1}

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; the recurrence is diagonal."""
        assert isinstance(module, MinLSTMLayer)
        return (LayerWeights("", module.weight_ih, None, "", (module.bias_ih,)),)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """Of the two gates as they weigh; the candidate has no bounds."""
        assert isinstance(module, MinLSTMLayer)
        (h,) = state
        i, f, candidate = module.gates(x.to(module.weight_ih.dtype))  # autocast may narrow it
        return CellStep({"input": i, "forget": f}, f * h + i * candidate)


register_layer(_MinLSTMLayers())


def build(inputs: int, hidden: int, layers: int, dropout: float) -> ScanStack:
    """All steps at once."""
    return ScanStack(MinLSTMLayer, inputs, hidden, layers, dropout)

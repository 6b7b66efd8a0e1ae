"""``mingru``: a GRU whose gate and candidate see the input alone.

    z_t = sigmoid(W_z x_t + b_z)
    g_t = W_g x_t + b_g
    h_t = z_t ⊙ g_t + (1 - z_t) ⊙ h_{t-1}

A unit's state goes on to itself alone: there is no recurrent matrix, and no nonlinearity on the
way, so that the gradient fades with the product of the ``1 - z`` and never grows.

Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024 (Were RNNs All We Needed?), §3.1; their form
in plain numbers, not that in logarithms.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.layers import CellStep, LayerAdapter, LayerWeights, register_layer
from backsight.nn._cell_stack import CellStack

__all__ = ["MinGRU", "MinGRUCell", "build"]


class MinGRUCell(nn.Module):
    """One layer, one step.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H``. Weights and biases are drawn from U(−1/√H, 1/√H), as PyTorch's are.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(2 * hidden, inputs))
        self.bias_ih = nn.Parameter(torch.empty(2 * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next state ``(B, H)``.

        Args:
            x: ``(B, I)``.
            h: ``(B, H)``.
        """
        z, candidate = functional.linear(x, self.weight_ih, self.bias_ih).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        return z * candidate + (1 - z) * h


class MinGRU(CellStack):
    """Stacked layers of :class:`MinGRUCell`, called as ``nn.GRU(…, batch_first=True)`` is.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__(MinGRUCell, inputs, hidden, layers, dropout)


class _MinGRUCells(LayerAdapter):
    kind = "minGRU cell"
    reading = "stepped"
    module_type = MinGRUCell
    gates = ("update", "new")
    candidate = "new"
    memory_gates: ClassVar[Mapping[str, int]] = {"update": -1}  # z weighs the new state

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; the recurrence is diagonal."""
        assert isinstance(module, MinGRUCell)
        return (LayerWeights("", module.weight_ih, None, "", (module.bias_ih,)),)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """Of the one gate; the candidate has no bounds."""
        assert isinstance(module, MinGRUCell)
        (h,) = state
        z, candidate = functional.linear(x, module.weight_ih, module.bias_ih).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        return CellStep({"update": z}, z * candidate + (1 - z) * h)


register_layer(_MinGRUCells())


def build(inputs: int, hidden: int, layers: int, dropout: float) -> MinGRU:
    """A loop over cells."""
    return MinGRU(inputs, hidden, layers, dropout=dropout)

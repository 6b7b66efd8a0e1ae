"""Stacked layers of a cell that has no fused kernel, as a loop over time.

The probes see through a loop that calls a cell once a step. The layers bear PyTorch's suffixes, so
that signals have the names of a fused layer's (``rnn.l0``).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CellStack"]


class CellStack(nn.Module):
    """Layers that are each called once a step, as one module like ``nn.RNN(…, batch_first=True)``.

    Args:
        cell: makes the cell of a layer from its inputs and units; called as ``cell(x, h) -> h``
            with ``x`` ``(B, I)`` and ``h`` ``(B, H)``.
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.
    """

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        inputs: int,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden
        self.dropout = dropout
        for number in range(layers):
            self.add_module(f"l{number}", cell(hidden if number else inputs, hidden))

    def forward(self, features: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run all steps.

        Args:
            features: ``(B, T, I)``.
            state: ``(L, B, H)``; zeros by default.

        Returns:
            The top layer's states ``(B, T, H)``, and every layer's last ``(L, B, H)``.
        """
        below = features.unbind(1)
        last = []
        for number, cell in enumerate(self.children()):
            if number:
                below = functional.dropout(torch.stack(below), self.dropout, self.training).unbind()
            start = features.new_zeros(len(features), self.hidden_size)
            h: Tensor = start if state is None else state[number]
            states = []
            for x in below:
                h = cell(x, h)
                states.append(h)
            last.append(h)
            below = tuple(states)
        return torch.stack(below, 1), torch.stack(last)

"""A layer-normalised RNN, as a loop over a cell.

A fused kernel has no place for a norm at every step. Of what is left, a loop over an
``nn.RNNCell`` is what the probes see through and what the guard finds the recurrent matrix of; the
layers bear PyTorch's suffixes, so that signals have the names of a fused layer's (``rnn.l0``).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import SettingError

__all__ = ["NormCell", "NormRNN"]


class NormCell(nn.RNNCell):
    """``h_t = tanh(LN(W_ih x_t + W_hh h_{t-1}))``, LN with a gain (1 at first) and a bias (0).

    The norm is over the units of a sequence: what enters the tanh keeps its spread, however large
    the two matrices are together. Only their ratio counts.

    Source: Ba, Kiros, Hinton 2016, §3.1.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H``, 2 or more.

    Raises:
        SettingError: a single unit, which has no spread to be divided by.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        if hidden < 2:
            raise SettingError(
                f"a layer-normalised RNN needs at least 2 hidden units, not {hidden}: one alone "
                "has no spread"
            )
        super().__init__(inputs, hidden, bias=False)  # the norm has one
        self.norm = nn.LayerNorm(hidden)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002 - RNNCell's
        """One step.

        Args:
            input: ``(B, I)``.
            hx: ``(B, H)``; zeros by default.

        Returns:
            The next state, ``(B, H)``.
        """
        if hx is None:
            hx = input.new_zeros(len(input), self.hidden_size)
        own = functional.linear(input, self.weight_ih)
        return torch.tanh(self.norm(own + functional.linear(hx, self.weight_hh)))


class NormRNN(nn.Module):
    """Stacked layers of :class:`NormCell`, called as ``nn.RNN(…, batch_first=True)`` is.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden_size = hidden
        self.dropout = dropout
        for number in range(layers):
            self.add_module(f"l{number}", NormCell(hidden if number else inputs, hidden))

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

"""``rnn-norm``: a layer-normalised RNN, as a loop over a cell.

A fused kernel has no place for a norm at every step. The cell is an ``nn.RNNCell``, so that it is
recognised as one, its recurrent matrix with it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import SettingError
from backsight.nn._cell_stack import CellStack

__all__ = ["NormCell", "NormRNN", "build"]


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

    Example:
        >>> import torch
        >>> from backsight.nn import NormCell
        >>> cell, x = NormCell(3, 4), torch.randn(2, 3)
        >>> before = cell(x)
        >>> with torch.no_grad():
        ...     cell.weight_ih *= 100
        >>> torch.allclose(cell(x), before, atol=0.01)
        True
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        if hidden < 2:
            raise SettingError(
                f"a layer-normalised RNN needs at least 2 hidden units, not {hidden}: the "
                "variance over a single unit is zero"
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


class NormRNN(CellStack):
    """Stacked layers of :class:`NormCell`, called as ``nn.RNN(…, batch_first=True)`` is.

    Args:
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.

    Example:
        >>> import torch
        >>> from backsight.nn import NormRNN
        >>> states, last = NormRNN(3, 4, layers=2)(torch.randn(5, 7, 3))
        >>> tuple(states.shape), tuple(last.shape)
        ((5, 7, 4), (2, 5, 4))
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__(NormCell, inputs, hidden, layers, dropout)


def build(inputs: int, hidden: int, layers: int, dropout: float) -> NormRNN:
    """A loop over cells."""
    return NormRNN(inputs, hidden, layers, dropout=dropout)

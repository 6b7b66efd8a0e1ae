"""Stacked layers of a linear recurrence that is run over all steps at once.

Each layer is called once with a whole sequence. The layers bear PyTorch's suffixes, so that signals
have the names of a fused layer's (``rnn.l0``).
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.layers import LayerAdapter
from backsight.nn._linear_scan import linear_scan

__all__ = ["ScanLayer", "ScanLayers", "ScanStack"]


class ScanLayer(nn.Module):
    """One layer ``h_t = a_t ⊙ h_{t-1} + b_t`` whose ``a`` and ``b`` see the input alone.

    A product of the input with ``weight_ih`` ``(P H, I)``, to which ``bias_ih`` ``(P H,)`` is added
    where there is one, gives ``P`` parts of ``H`` features; what they and the other parameters come
    to, element by element, is the layer's own. That is all that many networks at once need
    (``ManyModels``).
    """

    parts: ClassVar[int] = 1
    """``P``."""
    weight_ih: nn.Parameter

    @abstractmethod
    def kept_and_added(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept of each unit, and what is added.

        Args:
            parts: of the product, ``(…, H)`` each.

        Returns:
            ``a`` and ``b``: ``(…, H)`` each, ``a`` without leading dimensions where it is always
            the same; of complex units, ``(…, H/2)`` complex.
        """

    def product(self, x: Tensor) -> Sequence[Tensor]:
        """Its parts, ``(…, H)`` each, of an input ``(…, I)``."""
        bias = self._parameters.get("bias_ih")
        return functional.linear(x, self.weight_ih, bias).chunk(self.parts, dim=-1)

    def recurrence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept of each unit at each step, and what is added.

        Args:
            x: ``(B, T, I)``.

        Returns:
            ``a`` and ``b``: ``(B, T, H)`` each, ``a`` without ``B`` where it is always the same; of
            complex units, ``(B, T, H/2)`` complex.
        """
        a, b = self.kept_and_added(*self.product(x))
        return (a if a.dim() > 1 else a.expand(x.shape[-2], -1)), b

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Every state, ``(B, T, H)``; of complex units, real and imaginary parts side by side.

        Args:
            x: ``(B, T, I)``.
            h: ``(B, H)``: the state before; zeros by default.
        """
        a, b = self.recurrence(x)
        if not b.is_complex():
            return linear_scan(a, b, h)
        before = None
        if h is not None:
            pairs = h.to(b.real.dtype).reshape(len(h), -1, 2)
            before = torch.view_as_complex(pairs)
        return torch.view_as_real(linear_scan(a, b, before)).flatten(-2).to(x.dtype)


class ScanLayers(LayerAdapter):
    """How layers of that kind are recognised, and what their recurrence keeps."""

    reading = "scanned"
    begins_at_zero = True

    def decays(self, module: nn.Module, x: Tensor) -> Tensor:
        """What each unit keeps of its state."""
        assert isinstance(module, ScanLayer)
        return module.recurrence(x)[0]


class ScanStack(nn.Module):
    """Layers of one kind as one module like ``nn.GRU(…, batch_first=True)``.

    Args:
        layer: makes a layer from its inputs and units.
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.
        between: what the states of a layer go through on their way to the next one.
    """

    def __init__(
        self,
        layer: Callable[[int, int], ScanLayer],
        inputs: int,
        hidden: int,
        layers: int,
        dropout: float,
        between: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden
        self.dropout = dropout
        self.between = between
        for number in range(layers):
            self.add_module(f"l{number}", layer(hidden if number else inputs, hidden))

    def forward(self, features: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run all steps.

        Args:
            features: ``(B, T, I)``.
            state: ``(L, B, H)``; zeros by default.

        Returns:
            The top layer's states ``(B, T, H)``, and every layer's last ``(L, B, H)``.
        """
        states, last = features, []
        for number, layer in enumerate(self.children()):
            if number:
                states = states if self.between is None else self.between(states)
                states = functional.dropout(states, self.dropout, self.training)
            states = layer(states) if state is None else layer(states, state[number])
            last.append(states[:, -1])
        return states, torch.stack(last)

"""The lab's recurrent cells, one a file; ``nn/_choices.py`` has them by name."""

from importlib import import_module

from torch import nn

from backsight.errors import SettingError
from backsight.nn._choices import CELLS, Cell
from backsight.nn.cells._rnn_norm import NormCell, NormRNN

__all__ = ["NormCell", "NormRNN", "build_cell"]


def build_cell(
    cell: Cell, inputs: int, hidden: int, layers: int = 1, dropout: float = 0.0
) -> nn.Module:
    """Stacked recurrent layers by the name of their cell, initialised as their class does it.

    Args:
        cell: one of ``CELLS``.
        inputs: features ``I`` of a step.
        hidden: units ``H`` of each layer.
        layers: ``L``.
        dropout: between layers.

    Returns:
        a module that is called as ``rnn(x, state) -> (states, state)`` with ``x`` ``(B, T, I)`` and
        ``states`` ``(B, T, H)`` of the top layer; ``state`` is ``(L, B, H)``, or two of them.

    Raises:
        SettingError: there is no such cell.

    Example:
        >>> import torch
        >>> from backsight.nn import build_cell
        >>> states, last = build_cell("gru", 3, 4, layers=2)(torch.randn(5, 7, 3), None)
        >>> tuple(states.shape), tuple(last.shape)
        ((5, 7, 4), (2, 5, 4))
    """
    if cell not in CELLS:
        raise SettingError(f"unknown cell {cell!r}: choose one of {', '.join(CELLS)}")
    module, _, function = CELLS[cell].builder.partition(":")
    built: nn.Module = getattr(import_module(f"{__name__}.{module}"), function)(
        inputs, hidden, layers, dropout
    )
    return built

"""The gates of PyTorch's layers and cells, and how PyTorch names their parameters."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn

from backsight.layers._adapter import LayerAdapter, LayerWeights

__all__ = ["GRUKind", "LSTMKind", "UngatedKind", "weights_of"]


class UngatedKind(LayerAdapter):
    """``h' = tanh(a)`` or ``relu(a)``."""

    def bounded(self, module: nn.Module) -> bool:
        """With tanh."""
        return getattr(module, "nonlinearity", "tanh") == "tanh"


class GRUKind(LayerAdapter):
    """``h' = (1-z) n + z h``: z weighs the old state."""

    gates = ("reset", "update", "new")
    candidate = "new"
    memory_gates: ClassVar[Mapping[str, int]] = {"update": 1}

    def bounded(self, module: nn.Module) -> bool:
        """A mean of values that are."""
        return True


class LSTMKind(LayerAdapter):
    """``c' = f c + i g, h' = o tanh(c')``, projected where there is a projection."""

    gates = ("input", "forget", "cell", "output")
    candidate = "cell"
    memory_gates: ClassVar[Mapping[str, int]] = {"input": -1, "forget": 1}
    has_cell_state = True

    def bounded(self, module: nn.Module) -> bool:
        """Without a projection."""
        return not getattr(module, "proj_size", 0)


def weights_of(weight: Any, suffix: str) -> LayerWeights:
    """By PyTorch's names."""
    end = f"_{suffix}" if suffix else ""
    biases = (weight(f"bias_{which}{end}") for which in ("ih", "hh"))
    return LayerWeights(
        suffix=suffix,
        input=weight(f"weight_ih{end}"),
        recurrent=weight(f"weight_hh{end}"),
        recurrent_name=f"weight_hh{end}",
        biases=tuple(bias for bias in biases if bias is not None),
    )

"""``nn.RNN``, ``nn.GRU`` and ``nn.LSTM``: all steps in one kernel."""

from typing import ClassVar, cast

from torch import Tensor, nn

from backsight.layers._adapter import LayerAdapter, LayerWeights
from backsight.layers._gates import GRUKind, LSTMKind, UngatedKind, weights_of

__all__ = ["GRULayers", "LSTMLayers", "RNNLayers"]


class FusedLayers(LayerAdapter):
    """A module of PyTorch's that runs a stack of layers, each in one or two directions."""

    reading = "fused"
    module_type = nn.RNNBase
    modes: ClassVar[tuple[str, ...]]

    def recognises(self, module: nn.Module) -> bool:
        """By its mode: whoever derives from ``nn.RNNBase`` itself names one."""
        return issubclass(type(module), nn.RNNBase) and vars(module).get("mode") in self.modes

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """The lowest layer first, forward before reverse."""
        module = cast(nn.RNNBase, module)
        # Where a parametrization computes a weight, to get the attribute would compute it again
        # and might change its buffers: what the kernel was given last lies among the flat ones.
        flat = dict(zip(module._flat_weights_names, module._flat_weights, strict=True))

        def weight(name: str) -> Tensor | None:
            own = module._parameters.get(name)
            return flat.get(name) if own is None else own

        ends = ("", "_reverse") if module.bidirectional else ("",)
        return tuple(
            weights_of(weight, f"l{number}{end}")
            for number in range(module.num_layers)
            for end in ends
        )


class RNNLayers(FusedLayers, UngatedKind):
    """``nn.RNN``."""

    kind = "nn.RNN"
    modes = ("RNN_TANH", "RNN_RELU")


class GRULayers(FusedLayers, GRUKind):
    """``nn.GRU``."""

    kind = "nn.GRU"
    modes = ("GRU",)


class LSTMLayers(FusedLayers, LSTMKind):
    """``nn.LSTM``."""

    kind = "nn.LSTM"
    modes = ("LSTM",)

"""``nn.RNNCell``, ``nn.GRUCell`` and ``nn.LSTMCell``: a call for each step."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import linear

from backsight.layers._adapter import CellStep, LayerAdapter, LayerWeights
from backsight.layers._gates import GRUKind, LSTMKind, UngatedKind, weights_of

__all__ = ["GRUCells", "LSTMCells", "RNNCells"]


class TorchCell(LayerAdapter):
    """A cell of PyTorch's: one layer, one step."""

    reading, begins_at_zero = "stepped", True
    _step: Callable[..., CellStep]  # from pre-activations (N, G·H), by input and by state

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; without a weight that a parametrization computes, as that may change buffers."""
        held = {**vars(module), **module._parameters}
        return (weights_of(held.get, ""),)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """From its weights, where they have the shapes of PyTorch's."""
        (weights,) = self.layers(module)
        w_ih, w_hh = weights.input, weights.recurrent
        if w_ih is None or w_hh is None or not self.gates:
            return None
        (rows, units), count = w_hh.shape, 2 if self.has_cell_state else 1
        before = [s.to(w_ih.dtype) for s in state] or [w_ih.new_zeros(len(x), units)] * count
        fits = rows == len(self.gates) * units and w_ih.shape == (rows, x.shape[-1])
        if not fits or [s.shape[-1] for s in before] != [units] * count:
            return None
        own, recurrent = linear(x.to(w_ih.dtype), w_ih.detach()), linear(before[0], w_hh.detach())
        if weights.biases:
            own, recurrent = own + weights.biases[0], recurrent + weights.biases[-1]
        return self._step(own, recurrent, before)


class RNNCells(TorchCell, UngatedKind):
    """``nn.RNNCell``, and whatever else derives from PyTorch's base of all cells."""

    kind = "nn.RNNCell"
    module_type = nn.RNNCellBase


class GRUCells(TorchCell, GRUKind):
    """``nn.GRUCell``."""

    kind = "nn.GRUCell"
    module_type = nn.GRUCell

    def _step(self, own: Tensor, recurrent: Tensor, before: list[Tensor]) -> CellStep:
        """``n = tanh(own + r recurrent)``."""
        (own_r, own_z, own_n), (rec_r, rec_z, rec_n) = own.chunk(3, -1), recurrent.chunk(3, -1)
        r, z = (own_r + rec_r).sigmoid(), (own_z + rec_z).sigmoid()
        n = (own_n + r * rec_n).tanh()
        return CellStep({"reset": r, "update": z, "new": n}, n + z * (before[0] - n))


class LSTMCells(TorchCell, LSTMKind):
    """``nn.LSTMCell``."""

    kind = "nn.LSTMCell"
    module_type = nn.LSTMCell

    def _step(self, own: Tensor, recurrent: Tensor, before: list[Tensor]) -> CellStep:
        """All gates of one sum."""
        a = dict(zip(self.gates, (own + recurrent).chunk(4, -1), strict=True))
        a = {gate: x.tanh() if gate == self.candidate else x.sigmoid() for gate, x in a.items()}
        return CellStep(a, a["output"] * (a["forget"] * before[1] + a["input"] * a["cell"]).tanh())

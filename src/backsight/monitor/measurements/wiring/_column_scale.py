"""How far the features of an input differ in what they vary by."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import InputRange, data_entries

__all__ = ["ColumnScale"]


class ColumnScale(Measurement):
    """Of the features of an input that vary at all, the least standard deviation over the largest.

    Of each recurrent layer that is given data; where there is none, of the linear layers and
    convolutions that are.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(2, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     x = torch.tensor([[[0.0, 100.0]], [[1.0, 300.0]]])  # two steps
        ...     rnn(x)[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["column_scale"].round(4).tolist()
        [0.005]
    """

    name = "scale of columns"
    signals = ("column_scale",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._found: dict[str, float] = {}

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._found = {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what the layer was given."""
        if call.adapter is None or call.path in self._found or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        self._note(call.path, x.data if isinstance(x, PackedSequence) else x)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what other layers were given."""
        if now.layers or self._found:
            return
        names = {id(parameter): name for name, parameter in now.parameters.items()}
        for entry in data_entries(passed.operations):
            path = names.get(id(entry.weight), "").rpartition(".")[0]
            channels = entry.data.dim() > 2
            self._note(path, entry.data.movedim(1, -1) if channels else entry.data)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        for path, share in self._found.items():
            now.record(f"column_scale/{path}" if path else "column_scale", share)

    def _note(self, path: str, x: Tensor) -> None:
        if x.requires_grad or not x.is_floating_point():
            return
        share = InputRange.narrowest(x)
        if share is not None:
            self._found[path] = min(share, self._found.get(path, 1.0))

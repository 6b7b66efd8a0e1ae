"""How large the numbers are that go into a layer, and how far its features differ in that."""

from collections import defaultdict

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import SAMPLED_THEN_RARELY, Measurement
from backsight.probes import InputRange, data_entries

__all__ = ["InputScale"]


class InputScale(Measurement):
    """The mean of ``|x|`` over all that goes into a recurrent layer.

    ``column_scale``: of the features of an input that is data, and that vary at all, the least
    standard deviation over the largest; of a cell, at its first step. Where no layer is recurrent,
    that of linear layers and convolutions that are given data.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.tensor([[[0.0, -1.0, 5.0]]]))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["input_scale"].tolist()
        [2.0]
    """

    name = "input scale"
    signals = ("column_scale", "input_scale")
    schedule = SAMPLED_THEN_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._sums: dict[tuple[bool, str], list[tuple[Tensor, int]]] = defaultdict(list)
        """By training mode and path, of each call, the sum of ``|x|``, and how many there are."""
        self._apart: dict[str, float | None] = {}
        """By path; None of a layer that is given no data, or data that do not vary."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._sums.clear()
        self._apart.clear()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what the layer was given."""
        if call.adapter is None:
            return
        x = now.input_of(call)
        data = x.data if isinstance(x, PackedSequence) else x
        if data.is_floating_point() and data.numel():
            kind = data.dtype
            wide = kind if kind == torch.float32 else torch.promote_types(kind, torch.float32)
            total = torch.linalg.vector_norm(data.detach(), 1, dtype=wide)
            self._sums[call.module.training, call.path].append((total, data.numel()))
            if call.path not in self._apart:
                given = call.module.training and not data.requires_grad
                self._apart[call.path] = InputRange.narrowest(data) if given else None

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what other layers were given."""
        if now.layers:
            return
        names = {id(parameter): name for name, parameter in now.parameters.items()}
        for entry in data_entries(passed.operations, states=False):
            path = names.get(id(entry.weight), "").rpartition(".")[0]
            data = entry.data
            self._apart[path] = InputRange.narrowest(
                data if data.dim() < 3 else data.movedim(1, -1)
            )

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        for path, share in self._apart.items():
            if share is not None:
                now.record(f"column_scale/{path or 'model'}", share)
        for (training, path), each in self._sums.items():
            if training is now.training:
                sums = torch.stack([total.float() for total, _ in each])
                means = sums / sums.new_tensor([count for _, count in each])
                now.record(f"input_scale/{path or 'model'}", means.mean())

"""Whether what goes into a layer is finite, and varies at all."""

import math

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import InputRange, data_entries, on_host
from backsight.probes.wiring import overflow_in_half

__all__ = ["InputSpread"]

LOOKS = 3
"""At the graph, where the loss is not finite: if it stays so, what came first is known."""


class InputSpread(Measurement):
    """The largest range of any feature over steps and sequences, of each recurrent layer.

    In sampled iterations; and where an input or a state is not finite, to tell what came first: a
    GRU turns an infinite input into states that look well. Where the loss is not, of any linear
    layer or convolution as well that was given such data; ``half_overflow`` tells then if the first
    number that is not finite has left the range of float16.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     x = torch.tensor([[[0.0, 1.0, 5.0]], [[3.0, 1.5, 5.0]]])  # two steps
        ...     loss = rnn(x)[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["input_spread"].tolist()
        [3.0]
    """

    name = "input spread"
    signals = ("half_overflow", "input_spread")
    samples_cells = True
    may_wait = True

    def __init__(self) -> None:
        self._broken = 0
        """Losses in a row that are not finite."""
        self._overflow: str | None = None
        """In which operation of this iteration's graph float16 has overflown."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._overflow = None

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what the layer was given."""
        adapter = call.adapter
        if adapter is None or not (now.sampled or adapter.reading == "fused"):
            return  # a cell is called too often to be looked at in every step of every iteration
        x = now.readers[call.path].input_of(call.inputs, call.named)
        data = (x.data if isinstance(x, PackedSequence) else x).detach()
        # One pass, and no memory: an overflow of the sum only costs the closer look.
        if now.sampled or now.states_broken or _broken(data):
            self._kept(now)[call.module.training].add(call.path, data)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what the loss was made of, where it is not finite."""
        for root in passed.roots:  # in every iteration: no call that can be spared
            if on_host(root) and not math.isfinite(root.detach().sum().item()):
                break
        else:
            self._broken = 0
            return
        self._broken += 1
        if self._broken > LOOKS:
            return
        if self._broken == 1:
            self._overflow = overflow_in_half(passed.operations, scaled=passed.scale is not None)
        names = {id(parameter): name for name, parameter in now.parameters.items()}
        for entry in data_entries(passed.operations):
            if _broken(entry.data) and not bool(entry.data.isfinite().all()):
                path = names.get(id(entry.weight), "").rpartition(".")[0]
                self._kept(now)[now.training].add(path, entry.data)

    def _kept(self, now: Iteration) -> dict[bool, InputRange]:
        if self not in now.kept:
            now.kept[self] = {True: InputRange(), False: InputRange()}  # by training mode
        kept: dict[bool, InputRange] = now.kept[self]
        return kept

    def on_iteration_end(self, now: Iteration) -> None:
        """Record the range over all calls of a layer."""
        if self._overflow is not None:
            now.record(f"half_overflow/{self._overflow}", 1.0)
        if self not in now.kept:
            return
        for path, spread in now.kept[self][now.training].take().items():
            now.record(f"input_spread/{path or 'model'}", spread)


def _broken(data: Tensor) -> bool:
    return on_host(data) and not math.isfinite(data.sum().item())

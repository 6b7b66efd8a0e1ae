"""Whether all that a layer is given are zeros, or one symbol, while others are given data."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import embedded_from, parameters_of, tensors_in
from backsight.probes.wiring import data_by_weight

__all__ = ["SilentInput"]

FEWEST = 3
"""Rows."""

ENTRIES = 64
"""Places where data meet a weight that are looked at."""

GATES = (1, 2, 3, 4)
"""Times as many rows as columns, of a matrix that may weigh a state, which begins as zeros."""


class SilentInput(Measurement):
    """``silent_input``: the rows that a layer is given, where all numbers of all of them are 0, or
    embedded from one symbol.

    Fused layers are looked at that begin in no state: a decoder may be given zeros in place of
    data, and lives on its state. Of linear layers and convolutions, what they are given may carry
    no gradient in any of their calls.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     x = (255 * torch.zeros(5, 8, 3)).byte()
        ...     rnn(x.float())[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["silent_input"].tolist()
        [8.0]
    """

    name = "silent input"
    signals = ("silent_input",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        """By path: those of the call with the fewest, or 0 where a call is given anything else."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing has been seen."""
        self._rows = {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what a layer is given that begins in no state."""
        if call.adapter is None or call.adapter.reading != "fused" or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        begun = call.inputs[1] if len(call.inputs) > 1 else call.named.get("hx")
        rows = 0
        if not any(_is_known(one) for one in tensors_in(begun)):
            if isinstance(x, PackedSequence):
                silent = not x.data.requires_grad and _is_zero(x.data)
                rows = int(x.batch_sizes[0]) if silent else 0
            elif x.dim() == 3:
                steps_first = not getattr(call.module, "batch_first", False)
                rows = _silent_rows(x.transpose(0, 1) if steps_first else x)
        self._note(call.path, rows)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what linear layers and convolutions are given."""
        own = {id(p) for layer in now.layers.values() for p in parameters_of(layer)}
        wanted = {
            id(p): (name.rpartition(".")[0], p)
            for name, p in now.parameters.items()
            if p.dim() > 1 and id(p) not in own
        }
        for number, entries in data_by_weight(passed.operations, wanted).items():
            path, weight = wanted[number]
            multiple, rest = divmod(len(weight), weight[0].numel())
            if weight.dim() == 2 and not rest and multiple in GATES:
                continue
            for data in entries[:ENTRIES]:
                self._note(path, len(data) if _is_zero(data) else 0)

    def _note(self, path: str, rows: int) -> None:
        rows = rows if rows >= FEWEST else 0
        self._rows[path] = min(rows, self._rows.get(path, rows))

    def on_iteration_end(self, now: Iteration) -> None:
        """Record the rows of each layer."""
        for path, rows in self._rows.items():
            now.record(f"silent_input/{path or 'model'}", float(rows))


def _is_known(state: Tensor) -> bool:
    """Whether a state may tell anything of a row."""
    return state.requires_grad or not _is_zero(state)


def _silent_rows(x: Tensor) -> int:
    """Of ``(B, T, …)``; 0 where anything differs that tells of a row or a step."""
    if x.grad_fn is None:
        return 0 if x.requires_grad or not _is_zero(x) else len(x)
    symbols = embedded_from(x, x.shape[1], x.shape[0])
    if symbols is None or symbols.is_floating_point() or symbols.shape[1] < FEWEST:
        return 0
    return len(symbols) if bool((symbols == symbols[0, 0]).all()) else 0


@torch.no_grad()
def _is_zero(data: Tensor) -> bool:
    return not bool(data.any())

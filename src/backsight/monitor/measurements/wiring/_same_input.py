"""Whether a model is given the same batch again and again."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement

__all__ = ["SameInput"]

LOOKED_AT = 4096
"""Numbers of an input, evenly spaced, that tell it from another."""

Content = tuple[tuple[int, ...], float, float]


class SameInput(Measurement):
    """Whether the data of an iteration are those of the look before.

    Data are what a recurrent layer is given, where it carries no gradient, and the indices that an
    embedding in the graph of the loss is called with.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn, x = torch.nn.RNN(3, 4), torch.randn(20, 2, 3)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):
        ...         rnn(x)[0].square().mean().backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["same_input"].tolist()
        [1.0, 1.0]
    """

    name = "same input"
    signals = ("same_input",)
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._before: list[Content] | None = None
        self._now: list[Content] = []
        self._passed = False

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing has been seen."""
        self._now, self._passed = [], False

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what a recurrent layer was given."""
        if call.adapter is None or not torch.is_grad_enabled():
            return
        x = now.readers[call.path].input_of(call.inputs, call.named)
        data = x.data if isinstance(x, PackedSequence) else x
        if not data.requires_grad:
            self._now.append(_content(data))

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what embeddings were given."""
        self._passed = True
        for name, node in passed.operations.named():
            if name == "Embedding":
                self._now.append(_content(node._saved_indices))  # type: ignore[attr-defined]

    def on_iteration_end(self, now: Iteration) -> None:
        """Record whether it is the same."""
        if not self._now or not self._passed:
            return
        if self._before is not None:
            now.record("same_input", float(self._now == self._before))
        self._before = self._now


@torch.no_grad()
def _content(data: Tensor) -> Content:
    """What is something else once many numbers are others, or stand in other places."""
    flat = data.detach().reshape(-1)
    flat = flat[:: max(1, len(flat) // LOOKED_AT)].double()
    places = torch.arange(1, len(flat) + 1, dtype=torch.float64, device=flat.device)
    return tuple(data.shape), float(flat.sum()), float((flat * places.sqrt()).sum())

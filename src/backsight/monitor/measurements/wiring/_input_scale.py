"""How large the numbers are that go into a layer."""

from collections import defaultdict

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import Iteration, LayerCall
from backsight.monitor.measurements._measurement import SAMPLED_THEN_RARELY, Measurement

__all__ = ["InputScale"]


class InputScale(Measurement):
    """The mean of ``|x|`` over all that goes into a recurrent layer.

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
    signals = ("input_scale",)
    schedule = SAMPLED_THEN_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._sizes: dict[tuple[bool, str], list[Tensor]] = defaultdict(list)
        """By training mode and path."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._sizes.clear()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what the layer was given."""
        if call.adapter is None:
            return
        x = now.readers[call.path].input_of(call.inputs, call.named)
        data = x.data if isinstance(x, PackedSequence) else x
        if data.is_floating_point() and data.numel():
            with torch.no_grad():
                total = torch.linalg.vector_norm(data.detach(), 1, dtype=_wide(data))
                self._sizes[call.module.training, call.path].append(total.float() / data.numel())

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        for (training, path), sizes in self._sizes.items():
            if training is now.training:
                now.record(f"input_scale/{path or 'model'}", torch.stack(sizes).mean())


def _wide(data: Tensor) -> torch.dtype:
    return torch.promote_types(data.dtype, torch.float32)

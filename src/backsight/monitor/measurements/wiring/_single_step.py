"""Whether a recurrent layer is given more than one step."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import tensors_in

__all__ = ["SingleStep"]


class SingleStep(Measurement):
    """Layers whose sequences all have one step and begin without a state: nothing is remembered.

    The number of sequences; 0 where any call has more steps, or is given a state that is not 0.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4, batch_first=True)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 1, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["single_step"].tolist()
        [20.0]
    """

    name = "single step"
    signals = ("single_step",)
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._calls: dict[str, list[int]] = {}
        """By layer, the sequences of each call that has one step alone; 0 of another."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._calls = {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what the layer was given."""
        if call.adapter is None or not torch.is_grad_enabled():
            return
        calls = self._calls.setdefault(call.path, [])
        if calls and not calls[-1]:
            return  # it is known
        x = now.input_of(call)
        extent = now.readers[call.path].extent(call.module, call.inputs, call.named, call.result)
        steps, elements = extent or (0, 0)
        if isinstance(x, PackedSequence) or steps != 1 or not elements:
            calls.append(0)
            return
        given = [t for t in tensors_in((call.inputs, dict(call.named))) if t is not x]
        calls.append(0 if any(_says_something(t) for t in given) else elements)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it by layer."""
        for path, calls in self._calls.items():
            alone = 0 not in calls
            now.record(f"single_step/{path or 'model'}", float(sum(calls)) if alone else 0.0)


def _says_something(state: Tensor) -> bool:
    return bool(state.detach().any())

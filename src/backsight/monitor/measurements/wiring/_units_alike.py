"""Whether the units of a layer have the same weights."""

from torch import nn

from backsight.layers import adapter_of
from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import units_alike

__all__ = ["UnitsAlike"]


class UnitsAlike(Measurement):
    """How many units of a layer compute the same, because their weights are the same.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> for weights in rnn.parameters():
        ...     _ = torch.nn.init.ones_(weights)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["units_alike"].tolist()
        [4.0]
    """

    name = "units alike"
    signals = ("units_alike",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._looked = False

    def on_iteration_begin(self, now: Iteration) -> None:
        """The weights have not been looked at."""
        self._looked = False

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at them, before they are moved."""
        if not self._looked:
            self._looked = True
            self.each_layer(dict(now.layers), lambda path, module: self._look(path, module, now))

    @staticmethod
    def _look(path: str, module: nn.Module, now: Iteration) -> None:
        adapter = adapter_of(module)
        for weights in () if adapter is None else adapter.layers(module):
            alike = units_alike(weights, max(1, len(adapter.gates) if adapter else 1))
            if alike is not None:
                name = ".".join(filter(None, (path, weights.suffix))) or "model"
                now.record(f"units_alike/{name}", float(alike))

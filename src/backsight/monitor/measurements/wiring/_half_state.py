"""States that are added to, step after step, in half precision."""

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import additions_in_half

__all__ = ["HalfState"]


class HalfState(Measurement):
    """``half_steps``: the most sums in a row, each of them rounded to half precision before the
    next one adds to it.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     state = torch.zeros(2, 4)
        ...     for step in rnn(torch.randn(20, 2, 3))[0]:
        ...         state = (state + step).bfloat16().float()
        ...     state.square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["half_steps"].tolist()
        [20.0]
    """

    name = "state in half precision"
    signals = ("half_steps",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._most: int | None = None

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._most = None

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look for sums."""
        found = additions_in_half(passed.operations.named())
        self._most = max(self._most or 0, found)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        if self._most is not None:
            now.record("half_steps", float(self._most))

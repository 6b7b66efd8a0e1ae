"""Graphs of earlier iterations that something still holds."""

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import LOOKED_AT_THEN_RARELY, Measurement
from backsight.probes import GraphTags

__all__ = ["GraphsKept"]


class GraphsKept(Measurement):
    """How many of the graphs of earlier samples still exist, when the next backward pass begins.

    A graph that the newest loss is made of, through a state that was not detached, does not count.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> total = 0.0
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(4):
        ...         loss = rnn(torch.randn(20, 2, 3))[0].square().mean()
        ...         loss.backward()
        ...         optimizer.step()
        ...         total = total + loss  # and not loss.item()
        >>> backsight.Run("runs/mine")["graphs_kept"].tolist()
        [0.0, 0.0, 1.0, 2.0]
    """

    name = "graphs kept"
    signals = ("graphs_kept",)
    schedule = LOOKED_AT_THEN_RARELY

    def __init__(self) -> None:
        self._tags = GraphTags()
        self._seen = False
        self._alive = 0

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._seen = False

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Count those of earlier samples, and mark the first pass of this one."""
        if self._seen or not passed.roots:
            return
        self._seen = True
        # The one before the newest sample may be held by a name that is about to be bound anew.
        alive = max(self._tags.alive() - 1, 0)
        if alive and self._tags.marked(passed.operations):
            alive = 0
        self._alive = alive
        self._tags.mark(passed.operations)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        if self._seen:
            now.record("graphs_kept", float(self._alive))

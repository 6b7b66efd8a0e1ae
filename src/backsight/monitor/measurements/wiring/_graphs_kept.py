"""Graphs of earlier iterations that something still holds."""

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import LOOKED_AT_THEN_RARELY, Measurement
from backsight.probes import GraphTags

__all__ = ["GraphsKept"]

CALLS = 8
"""In an iteration: a cell is called hundreds of times, and its first call is in any graph of it."""


class GraphsKept(Measurement):
    """How many of the graphs of earlier samples still exist, when the next backward pass begins.

    A graph that the newest loss is made of, through a state that was not detached, does not count.
    What layers have made for no backward pass, as for a validation loss, is part of a sample as
    well.

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
    samples_cells = True

    def __init__(self) -> None:
        self._tags = GraphTags()
        self._calls = 0
        self._seen = False
        self._alive = 0

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._seen, self._calls = False, 0
        self._tags.begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Mark what it has made."""
        if self._calls < CALLS:
            made = [one for one in call.returned if one.requires_grad]
            if made:
                self._calls += 1
                self._tags.mark_made(made)

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

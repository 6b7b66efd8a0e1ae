"""The loss of a forecast that repeats the newest input."""

import math

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import Persistence, inputs_read, loss_terms

__all__ = ["PersistenceLoss"]

EXACT = 1e-3
"""A loss that its term comes to within this share is nothing else."""


class PersistenceLoss(Measurement):
    """What the loss would be for a model that predicts each value to be the one before.

    Recorded where the loss is one of PyTorch's losses of numbers, or squared or absolute errors by
    hand, and its targets are the next inputs of a recurrent layer, step by step. The inputs are
    those that ``answer in input`` has kept at the graph.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(1, 1)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> series = torch.tensor([0.0, 2.0]).repeat(6)[:, None, None]
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     torch.nn.functional.mse_loss(rnn(series[:-1])[0], series[1:]).backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["persistence_loss"].tolist()  # each increment is 2 or -2
        [4.0]
    """

    name = "persistence loss"
    signals = ("increment_correlation", "persistence_loss")
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._seen = Persistence()
        self._loss: float | None = None
        self._passes = 0

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._loss, self._passes = None, 0

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Hold the targets against the inputs."""
        self._passes += 1
        self._loss = self._of(passed) if self._passes == 1 else None

    def on_iteration_end(self, now: Iteration) -> None:
        """Record both."""
        if self._loss is not None:
            now.record("persistence_loss", self._loss)
            now.record("increment_correlation", self._seen.correlation)

    def _of(self, passed: BackwardPass) -> float | None:
        read = inputs_read(passed.operations)
        terms = loss_terms(passed.roots) if read and len(passed.roots) == 1 else []
        if len(terms) != 1 or passed.roots[0].numel() != 1 or terms[0].factor is None:
            return None
        (term,), (root,), (gradient,) = terms, passed.roots, passed.gradients
        loss, factor = float(root.detach()), terms[0].factor
        if abs(factor * term.value - loss) > EXACT * abs(loss):
            return None
        if not any(self._seen.add(term.given, one) for one in read):
            return None
        by = 1.0 if gradient is None else float(gradient)
        if passed.scale is not None:
            by /= float(passed.scale)
        found = self._seen.loss * term.elements * factor * by
        return found if math.isfinite(found) else None

"""The loss of a forecast that repeats the newest input."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import torch

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    LayerInput,
    LossOperations,
    LossTarget,
    LossTerm,
    Persistence,
    data_entries,
    inputs_read,
)

__all__ = ["PersistenceLoss"]

EXACT = 1e-3
"""A loss that its term comes to within this share is nothing else."""

ENTRIES = 8
"""Linear layers and convolutions whose data are looked at."""


class PersistenceLoss(Measurement):
    """What the loss would be for a model that predicts each value to be the one before.

    Recorded where the loss is one of PyTorch's losses of numbers, or squared or absolute errors by
    hand, or a sum of one a step, and its targets are the next inputs of a recurrent layer, step by
    step or after the last one (see :class:`backsight.probes.Persistence`). The inputs are those
    that ``answer in input`` has kept at the graph; or those that a linear layer or a convolution is
    given, before a recurrent layer or a loop of the user's own.

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
    signals = ("drift_loss", "increment_correlation", "persistence_loss")
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
            now.record("drift_loss", self._loss * self._seen.drift)
            now.record("increment_correlation", self._seen.correlation)

    def _of(self, passed: BackwardPass) -> float | None:
        terms = passed.terms if len(passed.roots) == 1 else []
        given = _whole(terms)
        if given is None or passed.roots[0].numel() != 1:
            return None
        read = [*inputs_read(passed.operations), *_rows_read(passed.operations, given)]
        (root,), (gradient,) = passed.roots, passed.gradients
        loss, factor = float(root.detach()), terms[0].factor or 0.0
        if abs(factor * sum(term.value for term in terms) - loss) > EXACT * abs(loss):
            return None
        if len(terms) > 1:
            read = [_steps_first(one) for one in read]
        if not any(self._seen.add(given, one) for one in read):
            return None
        by = 1.0 if gradient is None else float(gradient)
        if passed.scale is not None:
            by /= float(passed.scale)
        found = self._seen.loss * sum(term.elements for term in terms) * factor * by
        return found if math.isfinite(found) else None


def _whole(terms: Sequence[LossTerm]) -> LossTarget | None:
    """The target of one loss, or ``(T, …)`` of one a step; None where these are not alike."""
    if not terms or any(term.factor is None or term.weights is not None for term in terms):
        return None
    if len({(term.given.loss, term.given.target.shape, term.factor) for term in terms}) > 1:
        return None
    if len(terms) == 1:
        return terms[0].given
    each = sorted((term.given for term in terms), key=lambda one: one.node._sequence_nr())
    return replace(
        each[0],
        target=torch.stack([one.target for one in each]),
        prediction=torch.stack([one.prediction for one in each]),
    )


def _rows_read(made: LossOperations, given: LossTarget) -> list[LayerInput]:
    """What linear layers were given, as a row for each target: a layer of the user's own may be a
    loop over what one has made of all steps at once, a convolution or a scan."""
    shape = given.target.shape
    if len(shape) not in (1, 2, 3):
        return []
    found = [one.data for one in islice(data_entries(made), ENTRIES)]
    if len(shape) == 1 or shape[1] == 1:  # a target after the last step
        return [*_windows_read(found, shape[0])]
    fit = [
        x.reshape(*shape[:2], -1) for x in found if x.dim() == 2 and len(x) == math.prod(shape[:2])
    ]
    read = [LayerInput("", x, steps=axis) for x in fit for axis in (0, 1)]
    for x in found:  # of a convolution over time, which may be padded in front
        if x.dim() == 3 and len(x) == shape[0] and x.shape[2] >= shape[1]:
            read.append(LayerInput("", x.movedim(1, 2)[:, -shape[1] :], steps=1))
    return read


def _windows_read(found: Sequence[torch.Tensor], batch: int) -> Iterator[LayerInput]:
    """Rows of so many windows that lie one after the other, or step by step; or what a convolution
    over time was given."""
    for number, x in enumerate(found):
        if x.dim() == 3 and len(x) == batch:
            yield LayerInput(f"windows {number}", x.movedim(1, 2), steps=1)
        if x.dim() == 2 and len(x) > batch > 1 and len(x) % batch == 0:
            yield LayerInput(f"rows {number}", x.reshape(batch, -1, x.shape[1]), steps=1)
            yield LayerInput(f"steps {number}", x.reshape(-1, batch, x.shape[1]), steps=0)


def _steps_first(read: LayerInput) -> LayerInput:
    return replace(read, given=read.given.movedim(read.steps or 0, 0), steps=0)

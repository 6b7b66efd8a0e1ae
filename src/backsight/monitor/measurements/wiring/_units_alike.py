"""Whether the units of a layer have the same weights."""

import math

import torch
from torch import Tensor, nn

from backsight.layers import adapter_of
from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import parameters_of, units_alike

__all__ = ["UnitsAlike"]

TOGETHER = 2
"""The fewest matrices by hand: one leads to units that are alike, and one away from them."""

WITHIN = 0.01
"""Of the largest weight: what was begun with one number differs by less after a few steps."""

ROUNDING = 1e-3
"""Of the largest element of a gradient: sums of the same numbers differ by less."""


class UnitsAlike(Measurement):
    """How many units of a layer compute the same, because their weights are the same.

    Of a matrix of no such layer, as of a cell by hand: how many of its columns, or rows, are alike,
    where two matrices or more are so and get gradients that leave them alike.

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
        self._known: set[int] = set()
        """Identities of the parameters that were looked at."""
        self._suspects: dict[str, Tensor] = {}
        """Matrices by hand that may be alike."""
        self._found: dict[str, int] | None = None

    def on_iteration_begin(self, now: Iteration) -> None:
        """The weights have not been looked at."""
        self._looked, self._found = False, None

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at them, before they are moved."""
        if not self._looked:
            self._looked = True
            self._suspect(now)
            self.each_layer(dict(now.layers), lambda path, module: self._look(path, module, now))

    def _suspect(self, now: Iteration) -> None:
        """Each matrix is looked at once."""
        new = {n: p for n, p in now.parameters.items() if id(p) not in self._known}
        if not new:
            return
        self._known.update(map(id, new.values()))
        theirs = {id(p) for layer in now.layers.values() for p in parameters_of(layer)}
        for name, p in new.items():
            if id(p) not in theirs and _lines_alike(p, None):
                self._suspects[name] = p

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Gradients add up, so that the last pass counts."""
        if len(self._suspects) >= TOGETHER:
            there = {n: p.grad for n, p in self._suspects.items() if p.grad is not None}
            self._found = {n: _lines_alike(self._suspects[n], grad) for n, grad in there.items()}

    def on_iteration_end(self, now: Iteration) -> None:
        """Record how many they are."""
        if self._found is None:
            return
        several = sum(map(bool, self._found.values())) >= TOGETHER
        for name, alike in self._found.items():
            now.record(f"units_alike/{name}", float(alike if several else 0))
        if not several:
            self._suspects = {}

    @staticmethod
    def _look(path: str, module: nn.Module, now: Iteration) -> None:
        adapter = adapter_of(module)
        for weights in () if adapter is None else adapter.layers(module):
            alike = units_alike(weights, max(1, len(adapter.gates) if adapter else 1))
            if alike is not None:
                name = ".".join(filter(None, (path, weights.suffix))) or "model"
                now.record(f"units_alike/{name}", float(alike))


@torch.no_grad()
def _lines_alike(weight: Tensor, gradient: Tensor | None) -> int:
    """How many columns a matrix has, or rows, if all are alike, and so is their gradient: then no
    step tells them apart. Before there is a gradient, the first four numbers decide."""
    if weight.dim() != 2 or min(weight.shape) < 2 or weight.is_sparse:
        return 0
    if gradient is None:
        (a, b), (c, d) = weight[:2, :2].tolist()
        rows, columns = a == c and b == d, a == b and c == d
        return len(weight) if (rows or columns) and any((a, b, c, d)) else 0
    if gradient.is_sparse or gradient.shape != weight.shape:
        return 0
    largest, size = float(gradient.abs().amax()), float(weight.abs().amax())
    if not (math.isfinite(largest) and math.isfinite(size)) or min(largest, size) <= 0:
        return 0
    for axis in (1, 0):
        both = (weight, WITHIN * size), (gradient, ROUNDING * largest)
        if all(float((x.amax(axis) - x.amin(axis)).amax()) <= most for x, most in both):
            return int(weight.shape[axis])
    return 0

"""Weights that are all zero and stay so, because each hides the gradient of another."""

from collections import Counter

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement

__all__ = ["ZeroWeights"]

TOGETHER = 2
"""The fewest: a single matrix of zeros gets a gradient, unless what it is given is zero, too."""


class ZeroWeights(Measurement):
    """Weight matrices of zeros whose gradient is exactly zero, where others have one.

    ``zero_weights``: how many there are, if at least two; otherwise 0. By module, its numbers.

    Example:
        >>> import torch
        >>> import backsight
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 1))
        >>> for layer in model:
        ...     _ = torch.nn.init.zeros_(layer.weight)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     (model(torch.randn(20, 3)) - 1).square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["zero_weights"].tolist()
        [2.0]
        >>> backsight.Run("runs/mine")["zero_weights/0"].tolist()
        [12.0]
    """

    name = "zero weights"
    signals = ("zero_weights",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._found: dict[str, int] | None = None

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing is known of it."""
        self._found = None

    @torch.no_grad()
    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the weights that have a gradient; gradients add up, so that the last pass counts.

        Those that ``autograd.grad`` returns are not looked at.
        """
        self._found = None
        if passed.returned is not None:
            return
        there: dict[str, tuple[nn.Parameter, Tensor]] = {
            n: (p, p.grad) for n, p in now.parameters.items() if p.grad is not None and p.numel()
        }
        found = {n: p.numel() for n, (p, g) in there.items() if _is_zero(p) and _none(g)}
        if len(found) < TOGETHER or all(_none(g) for n, (_, g) in there.items() if n not in found):
            found = {}
        self._found = found

    def on_iteration_end(self, now: Iteration) -> None:
        """Record them."""
        if self._found is None:
            return
        now.record("zero_weights", float(len(self._found)))
        modules: Counter[str] = Counter()
        for name, count in self._found.items():
            modules[name.rpartition(".")[0] or "model"] += count
        for path, count in modules.items():
            now.record(f"zero_weights/{path}", float(count))


def _is_zero(weight: nn.Parameter) -> bool:
    """The first number tells of nearly all of them."""
    if weight.dim() < 2 or weight.is_sparse or bool(weight.detach().reshape(-1)[0] != 0):
        return False
    return not bool(weight.any())


def _none(gradient: Tensor) -> bool:
    return not gradient.is_sparse and not bool(gradient.any())

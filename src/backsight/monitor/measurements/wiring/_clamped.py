"""Gradients that are at a limit element by element, and weights that are put there instead."""

from collections.abc import Iterable

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import some_elements

__all__ = ["Clamped"]

ENOUGH = 64
"""Elements of a matrix that are not zero: fewer may be alike by chance."""


class Clamped(Measurement):
    """Shares of elements with the largest absolute value, to the bit: a clamp has made them so.

    ``gradient_clamped``: in the largest matrix, of the gradient as the step reads it; 0 unless the
    next largest has the same largest value. A hook may have clamped it before anything else saw it.
    ``weights_clamped``: of the largest matrix itself, where something has moved it between backward
    and the step; otherwise 0.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(8, 16)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 8))[0].square().mean().backward()
        ...     norms = [p.grad.clamp_(-1e-6, 1e-6).norm() for p in rnn.parameters()]
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> bool(run["gradient_clamped"][0] > 0.9), run["weights_clamped"].tolist()
        (True, [0.0])
    """

    name = "clamped elements"
    signals = ("gradient_clamped", "weights_clamped")
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._size: Tensor | None = None
        """Of the largest matrix, the sum of some absolute values when backward has ended."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has ended."""
        self._size = None

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Of several, the last counts."""
        matrices = _largest(now.parameters.values())
        self._size = _sum(matrices[0]) if matrices else None

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """As the step is about to read them."""
        matrices = _largest(step.parameters.values())
        if step.closure or not matrices:
            return
        stem = f"/{step.number + 1}" if step.number else ""
        with torch.no_grad():
            shares = [_share(p.grad) for p in matrices if p.grad is not None]
            same = len({value for value, _ in shares}) == 1
            now.record(f"gradient_clamped{stem}", shares[0][1] if same else 0.0)
            here = _largest(now.parameters.values())
            moved = 0.0
            if self._size is not None and here and here[0] is matrices[0]:
                moved = _share(matrices[0])[1] if _sum(matrices[0]) != self._size else 0.0
            now.record(f"weights_clamped{stem}", moved)


def _largest(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The two largest matrices that have a gradient."""
    there = [
        p
        for p in parameters
        if p.dim() > 1
        and p.numel() >= ENOUGH
        and p.grad is not None
        and p.grad.layout == torch.strided
    ]
    return sorted(there, key=torch.numel, reverse=True)[:2]


def _sum(values: Tensor) -> Tensor:
    return some_elements(values, torch.float64).abs().sum()


def _share(values: Tensor) -> tuple[float, float]:
    """The largest absolute value of some, and how many of those that are not zero have it: a limit
    that is at work shows in any of them, and all of an embedding would be many."""
    sizes = some_elements(values, torch.float64).abs()
    most = sizes.amax()
    counts = torch.stack([most.double(), (sizes == most).sum(), (sizes != 0).sum()]).tolist()
    return counts[0], counts[1] / counts[2] if counts[2] >= ENOUGH else 0.0

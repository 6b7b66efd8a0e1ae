"""The norm of the gradient as backward has computed it, before any clipping."""

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import tensor_norms, total_norm_value

__all__ = ["GradientNorm"]


class GradientNorm(Measurement):
    """``‖∂L/∂θ‖`` over all parameters; of each by itself in sampled iterations, and where the
    norm is not finite for the first time: which of them was it?

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     norm = torch.nn.utils.clip_grad_norm_(rnn.parameters(), 0.001)
        ...     optimizer.step()
        >>> recorded = backsight.Run("runs/mine").last("grad_norm")[1]
        >>> abs(recorded - norm.item()) < 1e-6
        True
    """

    name = "gradient norm"
    signals = ("grad_norm",)

    def __init__(self) -> None:
        self._names: list[str] = []
        self._norms: Tensor | None = None
        self._summed_elsewhere = False

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing is known of it."""
        self._names, self._norms = [], None
        self._summed_elsewhere = False

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Gradients add up: the last pass of an iteration leaves all of them.

        Those that ``autograd.grad`` returns, the script adds up: each half of a model that it asks
        is a part of the gradient; of several on one parameter, the optimizer reads the sum.
        """
        if passed.returned is None:
            self._read(_gradients(now), passed.scale)
            return
        names, norms, returned = self._names, self._norms, passed.returned
        self._read(
            [(n, g) for n, p in now.parameters.items() if (g := returned.get(id(p))) is not None],
            passed.scale,
        )
        self._summed_elsewhere |= not set(names).isdisjoint(self._names)
        if norms is not None and self._norms is not None and names is not self._names:
            self._names = names + self._names
            self._norms = torch.cat([norms, self._norms.to(norms)])

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """The sum, where only the optimizer has it."""
        if self._summed_elsewhere:
            self._read(_gradients(now), None)

    def _read(self, gradients: list[tuple[str, Tensor]], scale: Tensor | None) -> None:
        if gradients:
            names, there = zip(*gradients, strict=True)
            norms = tensor_norms(there)
            self._norms = norms if scale is None else norms / scale.to(norms.device)
            self._names = list(names)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record them."""
        if self._norms is None:
            return
        total = total_norm_value(self._norms)
        now.record("grad_norm", total)
        if now.sampled or now.first_broken(total):
            now.record_each([f"grad_norm/{name}" for name in self._names], self._norms)


def _gradients(now: Iteration) -> list[tuple[str, Tensor]]:
    """By parameter's name."""
    return [(n, g) for n, p in now.parameters.items() if (g := p.grad) is not None]

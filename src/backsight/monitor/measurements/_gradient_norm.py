"""The norm of the gradient as backward has computed it, before any clipping."""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import on_host, tensor_norm_values, tensor_norms, total_norm_value

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
    may_wait = True

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Gradients add up: the last pass of an iteration leaves all of them.

        Those that ``autograd.grad`` returns, the script adds up: each half of a model that it asks
        is a part of the gradient; of several on one parameter, the optimizer reads the sum.
        """
        before: _Norms | None = now.kept.get(self)
        returned, scale = passed.returned, passed.scale
        if returned is None:
            if scale is None and passed.left and passed.moved is not None:
                values = tensor_norm_values(passed.left)
                if values is not None:  # on the host, nearly always
                    now.gradient = math.hypot(*values)
                    summed = before is not None and before.summed_elsewhere
                    now.kept[self] = _Norms(passed.moved, values, passed.left[0].dtype, summed)
                    return
            summed = before is not None and before.summed_elsewhere
            self._keep(_read(_gradients(now), scale, summed_elsewhere=summed), now)
            return
        added = _read(
            [(n, g) for n, p in now.parameters.items() if (g := returned.get(id(p))) is not None],
            scale,
        )
        if before is None or added is None:
            self._keep(added, now)
            return
        twice = not set(before.names).isdisjoint(added.names)
        one, other = before.tensor(), added.tensor()
        norms = torch.cat([one, other.to(one)])
        summed = before.summed_elsewhere or twice
        self._keep(_Norms((*before.names, *added.names), norms, None, summed), now)

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """The sum, where only the optimizer has it."""
        known = now.kept.get(self)
        if known is not None and known.summed_elsewhere:
            self._keep(_read(_gradients(now), None, summed_elsewhere=True), now)

    def _keep(self, norms: "_Norms | None", now: Iteration) -> None:
        if norms is not None:
            now.kept[self] = norms
            tensor = norms.tensor()
            total = total_norm_value(tensor) if on_host(tensor) else None
            now.gradient = total if isinstance(total, float) else None

    def on_iteration_end(self, now: Iteration) -> None:
        """Record them."""
        known: _Norms | None = now.kept.get(self)
        if known is None:
            return
        total = total_norm_value(known.tensor()) if now.gradient is None else now.gradient
        now.record("grad_norm", total)
        if now.sampled or now.first_broken(total):
            now.record_each([f"grad_norm/{name}" for name in known.names], known.tensor())


class _Norms(NamedTuple):
    """Of the gradient on each parameter."""

    names: Collection[str]
    norms: Tensor | list[float]
    dtype: torch.dtype | None
    """That of numbers."""
    summed_elsewhere: bool = False
    """Whether the script adds up several gradients on one parameter."""

    def tensor(self) -> Tensor:
        """``(n,)``: they are needed one by one."""
        norms = self.norms
        return (
            norms
            if isinstance(norms, Tensor)
            else torch.tensor(norms, dtype=self.dtype, device="cpu")
        )


def _read(
    gradients: list[tuple[str, Tensor]], scale: Tensor | None, *, summed_elsewhere: bool = False
) -> _Norms | None:
    if not gradients:
        return None
    names, there = zip(*gradients, strict=True)
    norms = tensor_norms(there)
    scaled = norms if scale is None else norms / scale.to(norms.device)
    return _Norms(names, scaled, None, summed_elsewhere)


def _gradients(now: Iteration) -> list[tuple[str, Tensor]]:
    """By parameter's name."""
    return [(n, g) for n, p in now.parameters.items() if (g := p.grad) is not None]

"""The norm of the gradient as the optimizers read it: what clipping has left."""

import math

import torch
from torch import Tensor

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import tensor_norm_values, tensor_norms, total_norm_value

__all__ = ["AppliedGradient"]


class AppliedGradient(Measurement):
    """The same norm as :class:`GradientNorm`, at the moment of the step.

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
        >>> backsight.Run("runs/mine")["grad_norm_applied"].round(4).tolist()
        [0.001]
    """

    name = "applied gradient"
    signals = ("grad_norm_applied",)
    may_wait = True

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Several optimizers share the gradients of one iteration; LBFGS has none yet."""
        if step.closure:
            return
        gradients = [g for p in step.parameters.values() if (g := p.grad) is not None]
        if not gradients:
            return
        kept: list[Tensor | list[float]] = now.kept.setdefault(self, [])
        # A fused optimizer divides the loss scale out by itself.
        scale = vars(step.optimizer).get("grad_scale")
        values = tensor_norm_values(gradients) if scale is None else None
        if values is not None:
            kept.append(values)
        else:
            norms = tensor_norms(gradients)
            kept.append(norms if scale is None else norms / scale)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        kept: list[Tensor | list[float]] = now.kept.get(self, [])
        if len(kept) == 1 and isinstance(kept[0], list):
            now.record("grad_norm_applied", math.hypot(*kept[0]))
        elif kept:
            now.record("grad_norm_applied", total_norm_value(torch.cat(list(map(_tensor, kept)))))


def _tensor(norms: Tensor | list[float]) -> Tensor:
    return (
        torch.tensor(norms, dtype=torch.float64, device="cpu") if isinstance(norms, list) else norms
    )

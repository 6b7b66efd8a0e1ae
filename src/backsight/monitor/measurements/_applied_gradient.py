"""The norm of the gradient as the optimizers read it: what clipping has left."""

import torch
from torch import Tensor

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import tensor_norms, total_norm_value

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
        if gradients:
            norms = tensor_norms(gradients)
            # A fused optimizer divides the loss scale out by itself.
            scale = vars(step.optimizer).get("grad_scale")
            now.kept.setdefault(self, []).append(norms if scale is None else norms / scale)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        norms: list[Tensor] = now.kept.get(self, [])
        if norms:
            each = torch.cat(norms) if len(norms) > 1 else norms[0]
            now.record("grad_norm_applied", total_norm_value(each))

"""The norm of the gradient as backward has computed it, before any clipping."""

from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration
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

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing is known of it."""
        self._norms = None

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Gradients add up: the last pass of an iteration leaves all of them."""
        every = [(name, parameter.grad) for name, parameter in now.parameters.items()]
        gradients = [gradient for _, gradient in every if gradient is not None]
        if gradients:
            norms = tensor_norms(gradients)
            self._norms = norms if passed.scale is None else norms / passed.scale.to(norms.device)
            self._names = [name for name, gradient in every if gradient is not None]

    def on_iteration_end(self, now: Iteration) -> None:
        """Record them."""
        if self._norms is None:
            return
        total = total_norm_value(self._norms)
        now.record("grad_norm", total)
        if now.sampled or now.first_broken(total):
            now.record_each([f"grad_norm/{name}" for name in self._names], self._norms)

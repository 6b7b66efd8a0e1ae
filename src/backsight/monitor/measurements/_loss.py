"""The loss of an iteration: what backward was called on, unscaled."""

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["Loss"]


class Loss(Measurement):
    """``L``. The losses of several backward passes add up, as their gradients do.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["loss"].tolist() == [loss.item()]
        True
    """

    name = "loss"
    signals = ("loss",)
    may_wait = True

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """``L`` is what the roots and the gradients they were given make."""
        for root, gradient in zip(passed.roots, passed.gradients, strict=True):
            root = root.detach()
            loss = root if gradient is None else root * gradient.detach()
            if passed.scale is not None:
                loss = loss / passed.scale.to(loss.device)
            loss = loss.clone() if loss.dim() == 0 else loss.sum()
            now.loss = loss if now.loss is None else now.loss + loss

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        if now.loss is not None:
            now.record("loss", now.loss)

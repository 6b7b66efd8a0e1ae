"""Whether a model is trained against another one, as in a GAN."""

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import SAMPLED, Measurement

__all__ = ["Adversary"]


class Adversary(Measurement):
    """Recorded of both once a loss of one of them has gone through the other, which threw its
    gradients away.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...     optimizer.step()
        >>> "adversary" in backsight.Run("runs/mine").names  # there is no other model
        False
    """

    name = "adversary"
    signals = ("adversary",)
    schedule = SAMPLED

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it, where it is so."""
        if now.opposed:
            now.record("adversary", 1.0)

"""Learning rate and momentum, as applied."""

from torch import Tensor

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["OptimizerSettings"]


class OptimizerSettings(Measurement):
    """Those of an optimizer's first group; ``lr/2`` of the second optimizer.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1, momentum=0.9)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["lr"].tolist(), run["momentum"].tolist()
        ([0.1], [0.9])
    """

    name = "learning rate"
    signals = ("lr", "momentum")

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """As the step is about to use them."""
        group = step.optimizer.param_groups[0]
        which = f"/{step.number + 1}" if step.number else ""
        momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0.0)
        for name, value in ((f"lr{which}", group.get("lr")), (f"momentum{which}", momentum)):
            if value is None:  # an optimizer of the user's own, which calls it otherwise
                continue
            # A schedule writes the next rate into the same tensor.
            now.record(name, value.clone() if isinstance(value, Tensor) else value)

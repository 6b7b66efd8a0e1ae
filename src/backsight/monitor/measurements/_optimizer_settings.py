"""Learning rate and momentum, as applied."""

import math

from torch import Tensor
from torch.optim import Optimizer

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["OptimizerSettings"]

DIVIDE = frozenset({"Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop"})
"""Optimizers of PyTorch's that divide each element of a gradient by its usual size."""


class OptimizerSettings(Measurement):
    """Those of an optimizer's first group; ``lr/2`` of the second optimizer.

    ``grad_norm_floor``: how long a gradient is whose elements are all the optimizer's ``ε``. The
    length of one that is far above does not matter to a step. 0 of an optimizer that divides
    gradients by nothing.

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
    signals = ("grad_norm_floor", "lr", "momentum")

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
        if now.sampled:
            now.record(f"grad_norm_floor{which}", _floor(step.optimizer))


def _floor(optimizer: Optimizer) -> float:
    """Of all its groups, by the largest ``ε``."""
    if type(optimizer).__name__ not in DIVIDE:
        return 0.0
    groups = optimizer.param_groups
    elements = sum(p.numel() for group in groups for p in group["params"])
    return float(max(group["eps"] for group in groups)) * math.sqrt(elements)

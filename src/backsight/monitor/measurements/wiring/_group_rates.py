"""The learning rate of each group of each optimizer."""

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement

__all__ = ["GroupRates"]

GROUPS = 16
"""Of an optimizer, those that are told."""


class GroupRates(Measurement):
    """``group_lr/0``, ``group_lr/1``, …; ``group_lr/2.0`` of the second optimizer.

    Groups of which no parameter has a gradient are left out. ``group_lr_share``: of the first
    group, relative to the rate that its schedule was given.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> weights, biases = rnn.all_weights[0][:2], rnn.all_weights[0][2:]
        >>> groups = [{"params": weights}, {"params": biases, "lr": 0.2}]
        >>> optimizer = torch.optim.SGD(groups, lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 3))[0].mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["group_lr/0"].tolist(), run["group_lr/1"].tolist()
        ([0.1], [0.2])
    """

    name = "learning rate of groups"
    signals = ("group_lr", "group_lr_share")
    schedule = SAMPLED_AND_LOOKED_AT

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """As the step is about to use them."""
        stem = f"{step.number + 1}." if step.number else ""
        for number, group in enumerate(step.optimizer.param_groups[:GROUPS]):
            rate = group.get("lr")
            if rate is None or not any(p.grad is not None for p in group["params"]):
                continue
            now.record(f"group_lr/{stem}{number}", float(rate))
            aim = group.get("initial_lr")
            if not number and aim:
                name = f"group_lr_share/{stem[:-1]}" if stem else "group_lr_share"
                now.record(name, float(rate) / float(aim))

"""What weight decay does to a step, compared with the gradient."""

from typing import Any

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import some_elements, tensor_norms, total_norm_value

__all__ = ["DecayShare"]

ADDED = frozenset({
    *("ASGD", "Adadelta", "Adagrad", "Adam", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD"),
})  # fmt: skip
"""Optimizers of PyTorch's that add the decay to the gradient, unless they are told otherwise."""

_Group = dict[str, Any]


class DecayShare(Measurement):
    """``decay_ratio``: ``‖λθ‖/‖g‖`` over all that is decayed; where the optimizer decays weights by
    themselves (AdamW), ``‖ηλθ‖`` relative to the rest of the step.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1, weight_decay=10.0)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     (0.01 * rnn(torch.randn(20, 2, 3))[0].mean()).backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> bool(run["decay_ratio"][0] > 1), bool(run["decayed_norm"][0] > 0)
        (True, True)
    """

    name = "weight decay"
    signals = ("decay_ratio", "decayed_norm")
    schedule = SAMPLED

    def __init__(self) -> None:
        self._before: list[tuple[nn.Parameter, Tensor, float]] = []
        """Of an optimizer that decays weights by themselves, what they were and ``ηλ``."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """A step that never ended leaves nothing behind."""
        self._before = []

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """As the step is about to use them."""
        self._before = []
        if step.closure:
            return
        added: list[tuple[nn.Parameter, float]] = []
        for group in step.optimizer.param_groups:
            decay = float(group.get("weight_decay") or 0.0)
            decayed = [p for p in group["params"] if _moves(p)] if decay > 0 else []
            if _by_itself(step.optimizer, group):
                rate = float(group["lr"]) * decay
                self._before += [(p, some_elements(p, torch.float64), rate) for p in decayed]
            elif type(step.optimizer).__name__ in ADDED:
                added += [(p, decay) for p in decayed]
        if vars(step.optimizer).get("grad_scale") is not None and (self._before or added):
            self._before = []  # gradients are not what the step reads
            return
        if self._before or not added:
            if not self._before and type(step.optimizer).__name__ in ADDED:
                now.record(_named("decay_ratio", step), 0.0)
            return
        with torch.no_grad():
            parameters = [p.detach() for p, _ in added]
            sizes = tensor_norms(parameters)
            pull = total_norm_value(sizes * sizes.new_tensor([decay for _, decay in added]))
            data = total_norm_value(
                tensor_norms([g for p, _ in added if (g := p.grad) is not None])
            )
        self._record(step, now, float(pull), float(data), float(total_norm_value(sizes)))

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """How far the step has moved what it has decayed by itself."""
        before, self._before = self._before, []
        if not before:
            return
        pulls = [rate * old for _, old, rate in before]
        rests = [
            some_elements(p, torch.float64) - old + pull
            for (p, old, _), pull in zip(before, pulls, strict=True)
        ]
        norm = total_norm_value(tensor_norms([p.detach() for p, *_ in before]))
        pull, rest = (float(total_norm_value(tensor_norms(each))) for each in (pulls, rests))
        self._record(step, now, pull, rest, float(norm))

    def _record(
        self, step: OptimizerStep, now: Iteration, pull: float, data: float, norm: float
    ) -> None:
        if data:
            now.record(_named("decay_ratio", step), pull / data)
            now.record(_named("decayed_norm", step), norm)


def _named(signal: str, step: OptimizerStep) -> str:
    return f"{signal}/{step.number + 1}" if step.number else signal


def _moves(parameter: nn.Parameter) -> bool:
    gradient = parameter.grad
    return gradient is not None and not gradient.is_sparse and not parameter.is_complex()


def _by_itself(optimizer: object, group: _Group) -> bool:
    told = group.get("decoupled_weight_decay")
    return bool(told) or (told is None and type(optimizer).__name__ == "AdamW")

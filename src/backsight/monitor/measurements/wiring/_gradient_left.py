"""Whether gradients are zeroed between two steps."""

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import tensor_norms, total_norm_value

__all__ = ["GradientLeft"]


class GradientLeft(Measurement):
    """The share of a step's gradient that is still there when backward adds the next one's.

    Of two looks in a row, the second tells; where nothing is left, one is enough.

    Of several passes between two steps, the least: gradients that add up on purpose are zeroed
    before the first of them. So are those that another model's loss leaves behind.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):  # optimizer.zero_grad() is forgotten
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["gradient_left"].tolist()
        [0.0, 1.0, 1.0]
    """

    name = "gradient left"
    signals = ("gradient_left",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._stepped: dict[int, tuple[list[nn.Parameter], float]] = {}
        """By optimizer: what its step has moved, and the norm of the gradient that it has read."""
        self._left: dict[int, float] = {}
        """By optimizer, the least share so far."""
        self._zeroed: set[int] = set()
        """Identities of parameters without a gradient at the beginning of a pass."""
        self._passes = 0
        self._newest = -1
        """The iteration that was looked at last."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen; what is known is of the iteration before, or of no use."""
        if now.number != self._newest + 1:
            self._stepped.clear()
        self._newest = now.number
        self._left.clear()
        self._zeroed.clear()
        self._passes = 0

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what is left of the gradient."""
        for number, (parameters, norm) in self._stepped.items():
            share = _norm(parameters) / norm
            self._left[number] = min(share, self._left.get(number, share))
        if not now.by_hand:
            self._passes += 1
            self._zeroed |= {id(p) for p in now.parameters.values() if not _has_gradient(p)}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """No further pass comes before this one."""
        if self._stepped.pop(step.number, None) is not None and step.number in self._left:
            self._record(self._left.pop(step.number), now)

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Remember what the step has read."""
        if step.closure or not self._passes:
            return
        parameters = [p for p in step.parameters.values() if p.grad is not None]
        if not parameters:
            return
        if not self._zeroed.isdisjoint(map(id, parameters)):
            self._record(0.0, now)
        norm = _norm(parameters)
        if norm:
            self._stepped[step.number] = parameters, norm

    def _record(self, share: float, now: Iteration) -> None:
        """The largest over the optimizers that step in an iteration."""
        before = now.numbers.get("gradient_left", 0.0)
        now.record("gradient_left", max(share, float(before)))


def _has_gradient(parameter: nn.Parameter) -> bool:
    return parameter.grad is not None and bool(parameter.grad.any())


def _norm(parameters: list[nn.Parameter]) -> float:
    there: list[Tensor] = [g for p in parameters if (g := p.grad) is not None]
    if not there:
        return 0.0
    with torch.no_grad():
        return float(total_norm_value(tensor_norms(there)))

"""Steps that are rounded away, because the weights are kept in half precision."""

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import some_elements

__all__ = ["HalfUpdates"]

HALF = (torch.float16, torch.bfloat16)

MOST = 128
"""Parameters to look at."""


class HalfUpdates(Measurement):
    """``half_lost``: of the weights in half precision that have a gradient, the share that a step
    has left exactly as they were: it was less than half the distance to the next number.

    By parameter as well. ``half_eps``: parameters in float16 of an optimizer whose ``eps`` is 0 in
    float16, so that Adam divides by 0 where a gradient is small.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4).bfloat16()
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=1e-9)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 3).bfloat16())[0].square().mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["half_lost"].tolist(), run["half_lost/weight_hh_l0"].tolist()
        ([1.0], [1.0])
    """

    name = "updates in half precision"
    signals = ("half_eps", "half_lost")
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._before: dict[str, tuple[nn.Parameter, Tensor, Tensor]] = {}
        """Some elements of each parameter, and whether they have a gradient."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """A step that never ended leaves nothing behind."""
        self._before = {}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """What the weights are."""
        self._before = {}
        here = {n: p for n, p in step.parameters.items() if p.dtype in HALF and p.numel()}
        if not here:
            return
        moving: set[int] = set()
        for group in step.optimizer.param_groups:
            if _rate(group.get("lr")):
                moving.update(map(id, group["params"]))
        if step.number == 0:
            now.record("half_eps", float(_divided_by_zero(step)))
        for name, p in list(here.items())[:MOST]:
            gradient = p.grad
            if id(p) in moving and gradient is not None and not gradient.is_sparse:
                self._before[name] = p, some_elements(p), some_elements(gradient) != 0

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """How many of them are the same."""
        before, self._before = self._before, {}
        if not before or step.number:
            return
        names, lost, tried = [], [], []
        for name, (p, old, wanted) in before.items():
            names.append(f"half_lost/{name}")
            lost.append((wanted & (some_elements(p) == old)).sum())
            tried.append(wanted.sum())
        first = lost[0].device
        losts, trieds = (torch.stack([n.to(first) for n in each]).float() for each in (lost, tried))
        now.record("half_lost", losts.sum() / trieds.sum().clamp(min=1))
        now.record_each(names, losts / trieds.clamp(min=1))


def _rate(rate: object) -> bool:
    """Whether there is one; a tensor is not looked at."""
    return isinstance(rate, Tensor) or bool(rate)


def _divided_by_zero(step: OptimizerStep) -> int:
    """Parameters whose ``eps`` is 0 once it is rounded to their precision."""
    found = 0
    for group in step.optimizer.param_groups:
        eps = group.get("eps")
        if isinstance(eps, float) and eps > 0 and not float(torch.tensor(eps).half()):
            found += sum(p.dtype == torch.float16 for p in group["params"])
    return found

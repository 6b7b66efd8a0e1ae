"""When gradients are clipped: between backward and the step, or when it is of no use."""

import math

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import tensor_norms, total_norm_value

__all__ = ["ClipMoment"]

SCALED = 64.0
"""So many times smaller than the limit is no gradient that was just clipped to it."""

SHORTER = 0.999
"""Of a norm: less than rounding leaves."""


class ClipMoment(Measurement):
    """Clipping that no step reads, and clipping of gradients that are divided afterwards.

    ``clip_misplaced``: ``clip_grad_norm_`` is called before the backward pass or after the step,
    and not in between; or gradients are shorter after the step than the step has read them. It is
    the norm that the step read, relative to the limit: up to 1, the limit would not have mattered.
    ``clip_scaled``: gradients were clipped, and the step reads them many times smaller than that.
    ``clip_factor``: what the calls in between have shortened the gradient to.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=1e-6)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(2):
        ...         (1e3 * rnn(torch.randn(20, 2, 3))[0].mean()).backward()
        ...         optimizer.step()
        ...         norm = torch.nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)  # too late
        ...         optimizer.zero_grad()
        >>> run = backsight.Run("runs/mine")
        >>> (run["clip_misplaced"] > 1).tolist(), run["clip_scaled"].tolist()
        ([True, True], [0.0, 0.0])
    """

    name = "moment of clipping"
    signals = ("clip_factor", "clip_misplaced", "clip_scaled")
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._useless = False
        """Whether any call was. One after the step may belong to the next iteration, which the last
        one does not have: it says nothing."""
        self.on_iteration_begin(None)

    def on_iteration_begin(self, now: Iteration | None) -> None:
        """Nothing has been seen."""
        self._before = 0
        """Calls before the first backward pass."""
        self._passed = False
        self._stepped = 0
        """Calls before the end of the last step."""
        self._read: list[tuple[list[Tensor], float]] = []
        """Gradients as a step has read them, and their norm; let go with the iteration."""
        self._closure = False

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """What was clipped up to now is what backward adds to."""
        if not self._passed:
            self._before, self._passed = len(now.clips), True

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """What is clipped from now on is of no use, unless another step follows."""
        self._stepped = len(now.clips)
        self._closure = self._closure or step.closure
        gradients = [g for p in step.parameters.values() if (g := p.grad) is not None]
        if gradients and not gradients[0].is_sparse:
            self._read.append((gradients, _norm(gradients)))

    def on_iteration_end(self, now: Iteration) -> None:
        """Which calls were in between, and what became of the gradients."""
        read, self._read = self._read, []
        if not read or self._closure or not self._passed:
            return
        applied = float(now.numbers.get("grad_norm_applied", 0.0))
        useful = now.clips[self._before : self._stepped]
        useless = [*now.clips[: self._before], *now.clips[self._stepped :]]
        misplaced = 0.0
        if useless and not useful:
            misplaced = max(applied / limit if limit > 0 else 0.0 for limit, _ in useless)
            self._useless = True
        elif not now.clips:
            misplaced = max(_shortened(norm, _norm(gradients)) for gradients, norm in read)
        if not now.clips and not misplaced and self._useless:
            return
        now.record("clip_misplaced", misplaced)
        now.record("clip_scaled", _scaled(useful[-1:], applied))
        if useful:
            now.record("clip_factor", math.prod(_factor(*one) for one in useful))


def _norm(gradients: list[Tensor]) -> float:
    with torch.no_grad():
        return float(total_norm_value(tensor_norms(gradients)))


def _shortened(before: float, after: float) -> float:
    """How many times; 0 where it is as it was, or nothing is left."""
    return before / after if 0 < after < SHORTER * before else 0.0


def _factor(limit: float, norm: Tensor) -> float:
    before = float(norm)
    return limit / before if before > limit else 1.0


def _scaled(clips: list[tuple[float, Tensor]], applied: float) -> float:
    """By what gradients were divided between the last clip, where it acted, and the step."""
    for limit, norm in clips:
        if float(norm) > limit and 0 < applied < limit / SCALED:
            return limit / applied
    return 0.0

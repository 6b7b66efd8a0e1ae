"""When gradients are clipped: between backward and the step, or when it is of no use."""

import math

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Clip, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import largest_value, tensor_norms, total_norm_value

__all__ = ["ClipMoment"]

SCALED = 64.0
"""So many times smaller than the limit is no gradient that was just clipped to it."""

FEWEST_ALIKE = 8
"""Elements with the largest absolute value, to the bit: a clamp has made them so."""

SAME_NORM = 1e-4
"""Relative difference of two norms that were made alike."""

SHORTER = 0.999
"""Of a norm: less than rounding leaves."""


class ClipMoment(Measurement):
    """Clipping that no step reads, and clipping of gradients that are divided afterwards.

    ``clip_misplaced``: ``clip_grad_norm_`` or ``clip_grad_value_`` is called before the backward
    pass or after the step, and not in between; or gradients are shorter after the step than the
    step has read them. It is the norm (or the largest value) that the step read, relative to the
    limit: up to 1, the limit would not have mattered. Negative where it is called in between and
    given no parameters, by a generator that was used up before.
    ``clip_scaled``: gradients were clipped, and the step reads them many times smaller than that.
    Clipping by hand counts where a GradScaler's own step divides the scale out, and what arrives
    is much shorter than computed, with many elements alike to the bit, or with the same norm in
    two samples although the gradient's was not.
    ``clip_factor``: what calls of ``clip_grad_norm_`` in between have shortened the gradient to.

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
        self._by_hand = False
        """Whether gradients were shortened by hand after the step of the sample before; that of the
        last one may be missing in the same way."""
        self._by_value = False
        """Whether any call has limited values."""
        self._arrived: tuple[float, float] | None = None
        """Of the sample before, the norm that came to a GradScaler's step, and how much shorter
        that was than computed."""
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
        self._largest: float | None = None
        """Absolute value that a step has read, where that is asked."""
        self._alike = 0
        """Elements that have it, where that is asked."""
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
            by_hand = now.divided_late and not now.clips
            if by_hand or self._by_value or any(clip.by_value for clip in now.clips):
                largest = largest_value(gradients)
                self._largest = max(self._largest or 0.0, float(largest))
                self._alike = _with_value(gradients, largest) if by_hand else 0

    def on_iteration_end(self, now: Iteration) -> None:
        """Which calls were in between, and what became of the gradients."""
        read, self._read = self._read, []
        if now.by_hand and self._passed:
            self._factor(now, now.clips[self._before :])
        if not read or self._closure or not self._passed:
            return
        applied = float(now.numbers.get("grad_norm_applied", 0.0))
        between = now.clips[self._before : self._stepped]
        useful = [clip for clip in between if not clip.nothing]
        useless = [*now.clips[: self._before], *now.clips[self._stepped :]]
        empty = [clip for clip in between if clip.nothing]
        misplaced = 0.0
        self._by_value = self._by_value or any(clip.by_value for clip in now.clips)
        if useless and not useful:
            misplaced = max(self._relative(clip, applied) for clip in useless)
            self._useless = True
        elif empty and not useful:
            misplaced = -max(self._relative(clip, applied) for clip in empty)
            self._useless = True
        elif not now.clips:
            misplaced = max(_shortened(norm, _norm(gradients)) for gradients, norm in read)
        last, self._by_hand = self._by_hand, not now.clips and misplaced > 0
        if not now.clips and not misplaced and (self._useless or last):
            return
        now.record("clip_misplaced", misplaced)
        # What a guard of ours has shortened after the script's clip was not divided by the script.
        acted = [v for n, v in now.numbers.items() if n.startswith("act_before/")]
        arrived = max([applied, *(v for v in map(float, acted) if not math.isnan(v))])
        by_hand = self._scaled_by_hand(now, arrived)
        now.record("clip_scaled", self._scaled(useful[-1:], arrived) or by_hand)
        self._factor(now, useful)

    def _factor(self, now: Iteration, clips: list[Clip]) -> None:
        """What they have shortened gradients to; by hand, no step tells what is too late."""
        norms = [clip for clip in clips if not clip.by_value and not clip.nothing]
        if norms:
            now.record("clip_factor", math.prod(map(_factor, norms)))

    def _relative(self, clip: Clip, applied: float) -> float:
        """What a step read, by the limit."""
        if clip.limit <= 0:
            return 0.0
        if clip.by_value:
            applied = float(clip.size) if self._largest is None else self._largest
        return applied / clip.limit

    def _scaled(self, clips: list[Clip], arrived: float) -> float:
        """By what gradients were divided between the last clip, where it acted, and the step."""
        for clip in clips:
            now = self._largest or 0.0 if clip.by_value else arrived
            if float(clip.size) > clip.limit and 0 < now < clip.limit / SCALED:
                return clip.limit / now
        return 0.0

    def _scaled_by_hand(self, now: Iteration, arrived: float) -> float:
        """The scale, where gradients were clipped by hand before it was divided out; else 0."""
        computed = float(now.numbers.get("grad_norm", 0.0))
        before, self._arrived = self._arrived, None
        if now.clips or not now.divided_late or now.scale is None or arrived <= 0:
            return 0.0
        scale, shorter = float(now.scale), computed / arrived
        if not math.isfinite(shorter) or shorter < SCALED or scale < SCALED:
            return 0.0
        self._arrived = arrived * scale, shorter
        same_norm = (
            before is not None
            and math.isclose(before[0], arrived * scale, rel_tol=SAME_NORM)
            and not math.isclose(before[1], shorter, rel_tol=100 * SAME_NORM)
        )
        return scale if self._alike >= FEWEST_ALIKE or same_norm else 0.0


def _with_value(gradients: list[Tensor], value: Tensor) -> int:
    with torch.no_grad():
        return sum(int((g.abs() == value.to(g)).sum()) for g in gradients)


def _norm(gradients: list[Tensor]) -> float:
    with torch.no_grad():
        return float(total_norm_value(tensor_norms(gradients)))


def _shortened(before: float, after: float) -> float:
    """How many times; 0 where it is as it was, or nothing is left."""
    return before / after if 0 < after < SHORTER * before else 0.0


def _factor(clip: Clip) -> float:
    before = float(clip.size)
    return clip.limit / before if before > clip.limit else 1.0

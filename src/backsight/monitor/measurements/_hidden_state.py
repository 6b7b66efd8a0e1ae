"""The norm of the hidden state: in every iteration, and over time in sampled ones."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from backsight.monitor._iteration import Followed, Iteration, LayerCall, those_followed
from backsight.monitor.measurements._measurement import Measurement
from backsight.probes import on_host

__all__ = ["HiddenState"]


STANDS_OUT = math.log(3)
"""Of the gradient's norm, above its usual logarithm."""

USUAL = 0.02
"""Weight of the newest gradient in what is usual."""

CLOSELY = 30
"""Iterations in which every norm is taken once a gradient has stood out: as many as lie between
states and gradients that an early warning (BKS206) connects."""


class HiddenState(Measurement):
    """``‖h_t‖`` of every layer whose states its output shows: a stack's top one, of the whole
    batch. Other layers are known in sampled iterations, by what the reach is read from.

    An iteration that is ``thinned`` is left out, unless the last states are not finite, or the
    gradient has stood out in one of the iterations before it.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run.members("hidden_norm_max"), run.profile("hidden_norm").widths.tolist()
        (('hidden_norm_max/l0',), [20])
    """

    name = "hidden state"
    signals = ("hidden_norm", "hidden_norm_max", "hidden_norm_mean")
    samples_cells = True
    may_wait = True

    def __init__(self) -> None:
        self._shown: set[str] = set()
        """Layers whose whole output has ever been measured."""
        self._usual = math.nan
        """The logarithm of the gradient's norm, on average."""
        self._closely_until = 0
        """Every norm is taken in iterations before that one."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Whether the gradient before it has stood out."""
        if now.gradient_before is not None:
            self._watch(now.number, now.gradient_before)

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Measure what the layer returned."""
        if call.adapter is None:
            return
        reader = now.readers[call.path]
        thinned = now.thinned and now.number >= self._closely_until
        if thinned and reader.ends_finite(call.result):
            return
        norms = reader.states(
            call.adapter,
            call.path,
            call.module,
            call.inputs,
            call.named,
            call.result,
            profile=now.sampled,
        )
        kept: _Norms = now.kept.setdefault(self, {})
        for name, one in norms.items():
            total: float | Tensor = one.total
            maximum: float | Tensor = one.maximum
            if on_host(one.maximum):
                total, maximum = one.total.item(), one.maximum.item()
                now.states_broken = now.states_broken or not math.isfinite(maximum)
            ran = _Ran(total, maximum, one.states, one.profile, call.followed)
            kept.setdefault(call.module.training, {}).setdefault(name, []).append(ran)

    def on_iteration_end(self, now: Iteration) -> None:
        """One number an iteration, also where a layer ran more than once in it."""
        kept: _Norms | None = now.kept.get(self)
        norms = {} if kept is None else kept.get(now.training, {})
        for name, profile in now.profiles.items():
            name = name or "model"
            measured = profile.outcome != "not enough data" and profile.hidden_norm.size
            if measured and not (name in self._shown or name in norms):
                now.record_profile(f"hidden_norm/{name}", profile.hidden_norm)
        self._shown |= norms.keys()

        def record(name: str, ran: list[_Ran]) -> None:
            calls = list(those_followed(ran, lambda one: one.followed))
            total, maximum = calls[0].total, calls[0].maximum
            for call in calls[1:]:
                total, maximum = total + call.total, _larger(maximum, call.maximum)
            now.record(f"hidden_norm_mean/{name}", total / sum(call.states for call in calls))
            now.record(f"hidden_norm_max/{name}", maximum)
            by_step = _by_step(calls)
            if by_step is not None:
                now.record_profile(f"hidden_norm/{name}", by_step)

        if norms:
            self.each_layer(norms, record)

    def _watch(self, number: int, gradient: float) -> None:
        """What comes with a gradient that stands out is wanted whole."""
        finite = math.isfinite(gradient)
        height = math.log(gradient) if finite and gradient > 0 else math.nan
        if not finite or height > self._usual + STANDS_OUT:
            self._closely_until = number + CLOSELY
        if math.isnan(self._usual):
            self._usual = height
        elif not math.isnan(height):
            self._usual += USUAL * (height - self._usual)


class _Ran(NamedTuple):
    """Norms of one call: numbers where they are at hand, else tensors on their device."""

    total: float | Tensor
    maximum: float | Tensor
    states: int
    profile: Tensor | None
    followed: Followed | None


_Norms = dict[bool, dict[str, list[_Ran]]]
"""By training mode and by layer, of each call."""


def _larger(one: float | Tensor, other: float | Tensor) -> float | Tensor:
    """Of a NaN and anything else, the NaN."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.maximum(one, other)
    return one if one > other or math.isnan(one) else other


def _by_step(calls: Sequence[_Ran]) -> Tensor | None:
    """``(T,)``: of calls that are single steps, all of them; else the last call's."""
    each = [call.profile for call in calls if call.profile is not None]
    if len(each) == len(calls) and all(len(one) == 1 for one in each):
        return torch.cat(each)
    return calls[-1].profile

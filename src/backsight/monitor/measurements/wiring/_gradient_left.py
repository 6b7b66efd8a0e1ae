"""Whether gradients are zeroed between two steps."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import tensor_norms

__all__ = ["GradientLeft"]

BY_HAND = -1
"""In the place of an optimizer's number, where the user's own code moves the parameters."""


class GradientLeft(Measurement):
    """The share of a step's gradient that is still there when backward adds the next one's.

    Of two looks in a row, the second tells; where nothing is left, one is enough.

    Of several passes between two steps, the least: gradients that add up on purpose are zeroed
    before the first of them. So are those that another model's loss leaves behind. Where the
    gradients of some parameters are gone and those of others are not, the share is that of the
    others, and is recorded under the module that holds them; what an optimizer does not move does
    not count at its step (another one moves it in turn). -1 where a step finds nothing of the
    gradient that backward has brought.

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
        self._stepped: dict[int, _Read] = {}
        """By optimizer, what its step has read."""
        self._left: dict[int, _Left] = {}
        """By optimizer, the least share so far."""
        self._used: _Read | None = None
        """What the user's own code is about to read."""
        self._zeroed: set[int] = set()
        """Identities of parameters without a gradient at the beginning of a pass."""
        self._arrived: set[int] = set()
        """Identities of parameters with a gradient at the end of a pass."""
        self._passes = 0
        self._newest = -1
        """The iteration that was looked at last."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen; what is known is of the iteration before, or of no use."""
        if now.number != self._newest + 1:
            self._stepped.clear()
        elif self._used is not None:
            self._stepped[BY_HAND] = self._used
        self._newest, self._used = now.number, None
        self._left.clear()
        self._zeroed.clear()
        self._arrived.clear()
        self._passes = 0

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what is left of the gradient."""
        for number, read in self._stepped.items():
            if read.closure and number in self._left:
                continue  # it evaluates its closure again
            left = read.left()
            self._left[number] = min(left, self._left.get(number, left), key=lambda one: one.share)
        if not now.by_hand:
            self._passes += 1
            self._zeroed |= {id(p) for p in now.parameters.values() if not _has_gradient(p)}

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Remember what the user's own code is about to read, in place of an optimizer."""
        if now.by_hand:
            self._used = _Read.of(now.parameters)
        else:
            self._arrived |= {id(p) for p in now.parameters.values() if _has_gradient(p)}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """No further pass comes before this one."""
        if step.closure:
            return
        self._told(step.number, now, step.parameters)
        mine = [p for p in step.parameters.values() if id(p) in self._arrived]
        cut = any(clip.limit <= 0 for clip in now.clips)
        if mine and not cut and not any(map(_has_gradient, mine)):
            self._record(-1.0, "", now)

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Remember what the step has read."""
        if step.closure:
            self._told(step.number, now, step.parameters)
        if not self._passes:
            return
        parameters = [p for p in step.parameters.values() if p.grad is not None]
        if not parameters:
            return
        if not self._zeroed.isdisjoint(map(id, parameters)):
            self._record(0.0, "", now)
        read = _Read.of(step.parameters)
        if read is not None:
            read.closure = step.closure
            self._stepped[step.number] = read

    def on_iteration_end(self, now: Iteration) -> None:
        """Without an optimizer, no step tells when."""
        if now.by_hand:
            self._told(BY_HAND, now)

    def _told(
        self, number: int, now: Iteration, moved: Mapping[str, nn.Parameter] | None = None
    ) -> None:
        """Optimizers that share parameters have one number: another one's may be left to wait."""
        if self._stepped.pop(number, None) is None or number not in self._left:
            return
        left = self._left.pop(number)
        if left.where and moved is not None and not left.kept <= set(map(id, moved.values())):
            return
        self._record(left.share, left.where, now)

    def _record(self, share: float, where: str, now: Iteration) -> None:
        """The largest over the optimizers that step in an iteration."""
        name = f"gradient_left/{where}" if where else "gradient_left"
        before = float(now.numbers.get(name, 0.0))
        now.record(name, min(share, before) if min(share, before) < 0 else max(share, before))


class _Left(NamedTuple):
    """What is there of a gradient that was read."""

    share: float
    """Of those that are there."""
    where: str = ""
    """The module that holds them; none where that is all of them."""
    kept: frozenset[int] = frozenset()
    """Their identities."""


class _Read:
    """The gradients that a step reads, and what becomes of them."""

    def __init__(self, parameters: dict[str, nn.Parameter], norms: list[float]) -> None:
        self._parameters, self._norms = parameters, norms
        self.closure = False
        """Whether the step evaluates a closure many times: its passes come within it."""

    @classmethod
    def of(cls, parameters: Mapping[str, nn.Parameter]) -> "_Read | None":
        """None where all are zero."""
        there = {name: p for name, p in parameters.items() if p.grad is not None}
        norms = _norms(there.values())
        read = {name: p for (name, p), norm in zip(there.items(), norms, strict=True) if norm}
        return cls(read, [norm for norm in norms if norm]) if read else None

    def left(self) -> _Left:
        """What is still there."""
        now = _norms(self._parameters.values())
        kept = [place for place, norm in enumerate(now) if norm]
        if not kept:
            return _Left(0.0)
        share = math.hypot(*(now[k] for k in kept)) / math.hypot(*(self._norms[k] for k in kept))
        if len(kept) == len(now):
            return _Left(share)
        names, parameters = list(self._parameters), list(self._parameters.values())
        there = frozenset(id(parameters[place]) for place in kept)
        return _Left(share, _holder([names[place] for place in kept]), there)


def _holder(names: list[str]) -> str:
    """The path of the module that holds all of them, or the first of several."""
    paths = [name.split(".")[:-1] or [name] for name in names]
    common = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common or paths[0])


def _has_gradient(parameter: nn.Parameter) -> bool:
    """By a norm: what ``any`` makes of an embedding's gradient would be seen in the memory."""
    gradient = parameter.grad
    if gradient is None or not gradient.numel():
        return False
    if gradient.layout != torch.strided:
        return bool(gradient.any())
    return bool(torch.linalg.vector_norm(gradient, math.inf) != 0)


def _norms(parameters: Iterable[nn.Parameter]) -> list[float]:
    """0 of those without a gradient."""
    listed = list(parameters)
    there = [g for p in listed if (g := p.grad) is not None]
    if not there:
        return [0.0] * len(listed)
    with torch.no_grad():
        norms = iter(tensor_norms(there).tolist())
    return [0.0 if p.grad is None else next(norms) for p in listed]

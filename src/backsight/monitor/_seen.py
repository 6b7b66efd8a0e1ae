"""Step events that nobody tells: from backward passes, optimizer steps and forwards as seen.

An iteration ends when the next one shows itself, by a forward or a backward after a step.
Gradient accumulation, several optimizers that step one after the other, and a closure that is
evaluated many times inside a step are each one iteration. One whose gradients are thrown away
without a step is an iteration, too, unless they were left there by a loss that another model
stepped on (a GAN's judge, when the maker learns).
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from backsight.monitor._backward import Gradients, Listener, in_backward, tell_step
from backsight.monitor._iteration import Iteration
from backsight.monitor._layers import Layers
from backsight.monitor._outbox import Outbox
from backsight.monitor._sampling import Parameters
from backsight.probes import on_host

__all__ = ["Seen"]

Returned = TypeVar("Returned")
Arguments = ParamSpec("Arguments")


def _harmless(
    event: Callable[Concatenate["Seen", Arguments], Returned],
) -> Callable[Concatenate["Seen", Arguments], Returned | None]:
    """An event that PyTorch calls: whatever fails in it must not reach the training."""

    @wraps(event)
    def safe(self: "Seen", *args: Arguments.args, **named: Arguments.kwargs) -> Returned | None:
        if "events" in self._off:
            return None
        try:
            return event(self, *args, **named)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed("events", error)
            return None

    return safe  # type: ignore[return-value]


class Seen(ABC):
    """The half of a monitor that PyTorch calls; the other half records."""

    iteration: int
    thread: int | None
    _now: Iteration
    _layers: Layers
    _parameters: Parameters
    _outbox: Outbox
    _automatic: bool
    _aside: int
    _in_step: bool
    _before: list[tuple[int, int]]
    _off: set[str]

    @abstractmethod
    def iteration_ended(self, *, at: float | None = None) -> None:
        """The iteration is over."""

    @abstractmethod
    def _begin(self) -> None:
        """A new one begins."""

    @abstractmethod
    def _try(self, probe: str, action: Callable[..., None], *arguments: Any) -> None:
        """Measure; a failure costs that probe alone."""

    @abstractmethod
    def _timed(self, probe: str, action: Callable[..., None], *arguments: Any) -> None:
        """The same, counted as the sample's cost."""

    @abstractmethod
    def _failed(self, probe: str, error: Exception) -> None:
        """Switch a probe off and say so."""

    @abstractmethod
    def _replay(self) -> None:
        """Measure fused layers, once their gradients are in."""

    @abstractmethod
    def _measure_graph(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """Measure what needs the graph whole."""

    @_harmless
    def backward_begins(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """The graph is whole: the time to ask what is freed with it."""
        if self._aside:
            return
        if self._automatic:
            self._before = self._marks()
            if self._now.passes and not self._in_step and all(mark < 0 for _, mark in self._before):
                self._discard()
        self._now.scale = scale
        if self._now.sampling and not self._in_step_again:
            self._timed("reach", self._measure_graph, roots, gradients, scale)

    @_harmless
    def backward_passed(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> bool:
        """Every gradient is in, multiplied by ``scale``; whether any arrived here."""
        if self._aside or not self._automatic:
            return False
        marks = self._marks()
        if marks == self._before:
            return False
        if self._now.ended is not None and not self._in_step:
            self.iteration_ended(at=self._now.ended)  # no observed layer has shown that it began
        if self._in_step_again:
            return True  # a closure's later evaluation: the iteration is about the first
        self._now.passes += 1
        self._now.marks, self._now.passed = marks, time.perf_counter()
        self._now.shared, self._now.lent = [], False
        self._try("loss", self._now.see_loss, roots, gradients, scale)
        self._try("grad_norm", self._now.measure_gradient, self._parameters.of(), scale)
        self._timed("reach", self._replay)
        return True

    @_harmless
    def shared(self, others: list[Listener]) -> None:
        """The newest pass brought gradients to those as well."""
        self._now.shared = [id(other) for other in others]

    @_harmless
    def other_stepped(self, other: Listener) -> None:
        """Another monitor's optimizer has stepped."""
        self._now.lent = self._now.lent or id(other) in self._now.shared

    @_harmless
    def step_skipped(self, optimizer: Optimizer) -> None:
        """The gradients were not finite: nothing was learned, but the iteration is over."""
        if self._automatic and self._parameters.number(optimizer) >= 0 and self._now.passes:
            self._now.ended = time.perf_counter()

    @_harmless
    def _about_to_step(self, optimizer: Optimizer, args: Any, named: Any) -> None:
        self.thread = threading.get_ident()
        closure = args[1] if len(args) > 1 else named.get("closure")  # the first is the optimizer
        again = id(optimizer) in self._now.steppers or closure is not None
        if self._automatic and self._now.ended is not None and again:
            self.iteration_ended(at=self._now.ended)
        self._now.steppers.append(id(optimizer))
        self._in_step, self._now.passes_before = closure is not None, self._now.passes
        if closure is None:  # a closure has yet to compute the gradients
            moving = self._parameters.of(optimizer)
            self._try("grad_norm_applied", self._now.measure_applied, optimizer, moving)
        number = self._parameters.number(optimizer)
        self._try("lr", self._now.read_settings, optimizer, number)
        if self._now.sampling:
            self._timed("update_ratio", self._parameters.about_to_step, optimizer)

    @_harmless
    def _stepped(self, optimizer: Optimizer, _args: Any, _named: Any) -> None:
        self._in_step = False
        if self._now.sampling:
            self._timed(
                "update_ratio", self._parameters.stepped, optimizer, self.iteration, self._outbox
            )
        self._layers.forget()
        tell_step(self)
        self._now.ended = time.perf_counter()

    @_harmless
    def _observing(self) -> bool:
        """Asked by every hook before it looks at a forward."""
        if self._aside or in_backward() or not torch.is_grad_enabled() or self._in_step_again:
            return False
        if torch._C._functorch.maybe_current_level() is not None:
            return False  # under torch.func a tensor is not what it seems
        self.thread = threading.get_ident()
        if self._automatic and self._now.passes and self._now.ended is None and not self._in_step:
            self._notice_discarded()
        if self._automatic and self._now.ended is not None and not self._in_step:
            self.iteration_ended(at=self._now.ended)
        return True

    def _notice_discarded(self) -> None:
        """A forward after a backward without a step: unless its gradients are gone, they add up."""
        marks = self._marks()
        if marks == self._now.marks:
            return
        gradients = [p.grad for p in self._parameters.of().values() if p.grad is not None]
        zeroed = bool(gradients) and on_host(gradients[0]) and not any(map(_any, gradients))
        if not gradients or zeroed:
            self._discard()
        else:
            self._now.marks = marks

    def _discard(self) -> None:
        """Gradients were thrown away without a step: a loop's own doing, and an iteration.

        Unless they were left there by a loss that another model stepped on.
        """
        if self._now.lent:
            self._begin()
        else:
            self.iteration_ended(at=self._now.passed)

    @property
    def _in_step_again(self) -> bool:
        return self._in_step and self._now.passes > self._now.passes_before

    def _marks(self) -> list[tuple[int, int]]:
        """What changes on a parameter when a gradient arrives at it."""
        return [
            (id(p.grad), -1 if p.grad is None else p.grad._version)
            for p in self._parameters.of().values()
        ]


def _any(tensor: Tensor) -> bool:
    return bool(tensor.any())

"""Which events make one iteration, where nobody tells: from what PyTorch is seen to do.

An iteration ends when the next one shows itself, by a forward or a backward after a step.
Gradient accumulation, several optimizers that step one after the other, and a closure that is
evaluated many times inside a step are each one iteration. Where a closure is evaluated once, the
step begins when that is done. One whose gradients are thrown away without a step is an iteration,
too, unless they were left there by a loss that another model stepped on (a GAN's judge, when the
maker learns). So is, without an optimizer or beside one that has never stepped, one after which the
parameters have moved, and a call of ``autograd.grad`` that counts as a pass
(``_gradient_queries``).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from backsight.monitor._iteration import BackwardPass, Gradients, OptimizerStep
from backsight.monitor._thrown_passes import ThrownPasses
from backsight.monitor.events._backward import Listener, in_backward, listen, tell_step
from backsight.monitor.events._gradient_queries import GradientQueries, GradientQuery
from backsight.monitor.events._harmless import harmless, harmless_end
from backsight.monitor.events._moved_by_hand import MovedByHand, nothing_left
from backsight.monitor.events._observer import Observer
from backsight.monitor.events._parameters import ObservedParameters
from backsight.monitor.events._step_handles import StepHandles
from backsight.probes import Closures, closure_of, left_by_compilers

__all__ = ["IterationDetector"]


class IterationDetector:
    """Listens to backward passes, optimizer steps and forwards.

    Args:
        observer: who is told.
        parameters: those whose gradients and steps count.
        automatic: whether passes and iterations are seen; else a trainer tells its own, and only
            the graph and the steps are passed on.
        clock: seconds.
        paused: whether nothing is seen yet: other threads may be training.

    Example:
        >>> import time
        >>> from unittest.mock import Mock
        >>> import torch
        >>> from backsight.monitor.events import IterationDetector, ObservedParameters
        >>> model, parameters = torch.nn.Linear(3, 1), ObservedParameters()
        >>> optimizer, observer = torch.optim.SGD(model.parameters(), lr=0.1), Mock(measuring=False)
        >>> parameters.add(optimizer)
        >>> clock = time.perf_counter
        >>> detector = IterationDetector(observer, parameters, automatic=True, clock=clock)
        >>> detector.hook(optimizer)
        >>> model(torch.zeros(1, 3)).sum().backward()
        >>> optimizer.step()
        >>> detector.close()
        >>> [call[0] for call in observer.method_calls]
        ['graph_whole', 'backward_ended', 'step_begins', 'step_ended', 'iteration_ended']
    """

    def __init__(
        self,
        observer: Observer,
        parameters: ObservedParameters,
        *,
        automatic: bool,
        clock: Callable[[], float],
        paused: bool = False,
    ) -> None:
        self.thread: int | None = None
        """Where it trains: backward passes of other threads are not its own."""
        self.paused = paused
        """While it is, nothing is seen."""
        self.passes = 0
        """Backward passes that brought gradients to the parameters, of all iterations."""
        self.spent = 0.0
        """Seconds in events, whoever was told of them included."""
        self.failed = False
        """Whether an event has failed: nothing is seen any longer."""
        self.looks: str | None = None
        """What of PyTorch's looks on in a pass or a step; None where that is not known."""
        self.opposed = False
        self.idle = 0
        """Parameters of an optimizer without gradients, which steps beside a model of no one's."""
        self.thrown = ThrownPasses()
        self.observer, self._parameters = observer, parameters
        self._automatic, self.clock = automatic, clock
        self._in_step = False
        """Whether a closure's step is under way."""
        self._before: dict[int, list[tuple[int, int]]] = {}
        """By thread, which gradients there were when its pass began: of others, too, at first."""
        self._handles = StepHandles()
        self._open: dict[int, OptimizerStep] = {}
        """Steps under way, by the optimizer's identity."""
        self._closures = Closures()
        self.queries = GradientQueries()
        """Calls of ``autograd.grad`` on the parameters."""
        self._moved = MovedByHand()
        self._stepless = True
        """Whether no optimizer has stepped yet: the user's own code may do so in its place."""
        self.begin()
        self._leave = listen(self)

    def begin(self) -> None:
        """A new iteration: nothing of it has been seen."""
        self._passes = 0
        """Backward passes so far."""
        self._passes_before = 0
        """Those before the step under way."""
        self._steppers: set[int] = set()
        """Identities of optimizers that have begun to step."""
        self._marks: list[tuple[int, int]] = []
        """Which gradients there were, in which version, when the newest pass ended."""
        self._passed: float | None = None
        """When that was."""
        self._shared: list[int] = []
        """Other detectors whose parameters it brought gradients to."""
        self._lent: list[Listener] = []
        """Those of them that have stepped on it."""
        self._ended: float | None = None
        """When the newest step ended: the iteration is over unless another optimizer steps."""
        if self.queries.heard:
            self.queries.begin()

    @property
    def stepped(self) -> bool:
        """Whether an optimizer has stepped in the iteration under way."""
        return self._ended is not None

    @property
    def complete(self) -> bool:
        """Whether the iteration under way has all that it needs: its optimizer has stepped, or,
        where there is none, a backward pass has ended."""
        return self.stepped or bool(self._passes and self._parameters.by_hand)

    def hook(self, optimizer: Optimizer) -> None:
        """Watch the steps of one more optimizer."""
        self._handles.add(optimizer, self._step_begins, self._step_ended)

    def unhook(self) -> None:
        """Watch no steps any longer."""
        self._handles.remove()

    def close(self) -> None:
        """See nothing any longer; an iteration that is complete, or nearly, is ended first."""
        self._leave()
        self.unhook()
        self._open.clear()
        automatic, self._automatic = self._automatic, False
        if automatic and ((self._passes and not self._lent) or self._ended is not None):
            self.observer.iteration_ended(at=self._ended)

    # -- told by the wrapped backward ------------------------------------------------------

    @harmless
    def backward_begins(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """The graph is whole: the time to ask what is freed with it."""
        if self.paused:
            return
        if self._automatic:
            self._before[threading.get_ident()] = marks = self._parameters.marks()
            alone = self._passes and not self._in_step and not self.queries.told
            if alone and all(mark < 0 for _, mark in marks):
                self._discard()
            elif alone and self._parameters.bare:
                self._notice_discarded()
        if not (self._in_step and self._in_step_again):
            self.observer.graph_whole(BackwardPass(roots, gradients, scale))

    @harmless_end
    def backward_passed(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> bool:
        """Every gradient is in, multiplied by ``scale``; whether any arrived here."""
        here = threading.get_ident()
        before = self._before.pop(here, None)
        if self.paused or before is None or (self.thread or here) != here:
            return False
        moved, left, marks = self._parameters.of(), [], []
        for parameter in moved.values():
            gradient = parameter.grad
            if gradient is None:
                marks.append((0, -1))
            else:
                left.append(gradient)
                marks.append((id(gradient), gradient._version))
        if marks == before:
            return False
        self.queries.used = False
        if self._ended is not None and not self._in_step:
            self.observer.iteration_ended(at=self._ended)  # no layer has shown that it began
        if self._in_step and self._in_step_again:
            return True  # a closure's later evaluation: the iteration is about the first
        whole = left if len(left) == len(marks) else ()
        self._count(BackwardPass(roots, gradients, scale, left=whole, moved=moved), marks)
        return True

    def _count(self, passed: BackwardPass, marks: list[tuple[int, int]]) -> None:
        self._passes += 1
        self.passes += 1
        self._marks, self._passed = marks, self.clock()
        self._shared, self._lent = [], []
        if self._stepless or self._parameters.by_hand:
            self._moved.remember(self._parameters.of().values())
        self.observer.backward_ended(passed)

    @harmless
    def query_begins(self, query: GradientQuery) -> bool:
        """``autograd.grad`` is asked; whether of parameters here, and for no inner gradients."""
        if self.paused or not self._automatic:
            return False
        here = map(id, self._parameters.of().values() if query.inputs else ())
        asked = set(map(id, query.inputs)).intersection(here)
        if self.queries.holding and self._stepless:
            self._notice_moved()
        by_hand = self._parameters.by_hand
        if not asked or query.inner or (by_hand and self.queries.used is False):
            self.queries.uncounted += 1
            return False
        if self._ended is not None and not self._in_step:
            self.observer.iteration_ended(at=self._ended)
        elif by_hand and not asked.isdisjoint(self.queries.told):
            self._discard()
        if (by_hand or self.queries.used) and not self._in_step_again:
            self.observer.graph_whole(BackwardPass(query.roots, query.gradients, query.scale))
        return True

    @harmless
    def query_passed(self, query: GradientQuery, found: Sequence[Tensor | None]) -> None:
        """It has returned those gradients."""
        if self._in_step_again:
            return
        passed = self.queries.passed(query, found)
        if self._parameters.by_hand or self.queries.used:
            self.queries.count(passed)
            self._count(passed, self._parameters.marks())
        elif not (self._in_step and self.queries.holding):  # a closure's later evaluation
            self.queries.hold(passed)
            if self._stepless:
                self._moved.remember(query.inputs, all_of=True)

    def _stepped_without_backward(self, moved: Mapping[str, Tensor]) -> None:
        """An optimizer steps: if no ``backward`` gave its gradients, ``autograd.grad`` did."""
        if self._automatic and not self._passes:
            passed = self.queries.stepped(moved.values())
            if passed is not None:
                self.queries.count(passed)
                self._count(passed, self._parameters.marks())

    @harmless
    def shared(self, others: list[Listener]) -> None:
        """The newest pass brought gradients to those as well."""
        self._shared = [id(other) for other in others]

    @harmless
    def other_stepped(self, other: Listener) -> None:
        """Another training's optimizer has stepped."""
        if id(other) in self._shared:
            self._lent.append(other)
        elif self._passes and self._parameters.by_hand and isinstance(other, IterationDetector):
            self.idle = 0 if other.passes else len(other._parameters.of())
            self._ended = self.clock() if self.idle and self._automatic else self._ended

    def step_skipped(self, optimizer: Optimizer) -> None:
        """The gradients were not finite: nothing was learned, but the iteration is over."""
        self._declined(optimizer)
        self.observer.step_declined(optimizer)  # where a guard may end the training

    @harmless
    def clips(self, parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
        """The script clips gradients."""
        if not self.paused:
            self.observer.clips(parameters, limit, norm)

    @harmless
    def clips_values(self, gradients: Sequence[Tensor], limit: float) -> None:
        """The script clips the values of gradients."""
        if not self.paused:
            self.observer.clips_values(gradients, limit)

    @harmless
    def divides_late(self, optimizer: Optimizer) -> None:
        """A gradient scaler's step divides the scale out."""
        if not self.paused and self._parameters.number(optimizer) >= 0:
            self.observer.divides_late()

    @harmless
    def _declined(self, optimizer: Optimizer) -> None:
        self._stepped_without_backward(self._parameters.of(optimizer))
        if self._automatic and self._parameters.number(optimizer) >= 0 and self._passes:
            self._ended = self.clock()
            self.thrown = ThrownPasses()

    # -- told by hooks ---------------------------------------------------------------------

    @harmless
    def _step_begins(
        self, optimizer: Optimizer, args: Any, named: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self.thread = threading.get_ident()
        self._stepless = self._parameters.by_hand = False
        closure = closure_of(args, named) if len(args) > 1 or named else None
        many = closure is not None and not self._closures.once(optimizer)
        # A closure that is evaluated once shows by itself whether it begins anything: a trainer's
        # manual optimization hands on one that does nothing.
        again = id(optimizer) in self._steppers or many
        if self._automatic and self._ended is not None and again:
            self.observer.iteration_ended(at=self._ended)
        self._open.pop(id(optimizer), None)  # of a step that raised
        self._in_step, self._passes_before = many, self._passes
        moved, number = self._parameters.of(optimizer), self._parameters.number(optimizer)
        step = OptimizerStep(optimizer, number, moved, many)
        if closure is None or many:
            self._begin_step(step)
            return self._closures.watched(optimizer, args, named) if many else None
        evaluated = left_by_compilers(lambda _: self._evaluated(step))
        return self._closures.watched(optimizer, args, named, evaluated)

    @harmless
    def _evaluated(self, step: OptimizerStep) -> None:
        """A closure that is evaluated once has computed the gradients: now the step begins."""
        if self._handles and id(step.optimizer) not in self._open:  # else it is evaluated again
            self._in_step, self._passes_before = True, -1  # and whatever follows in it
            self._begin_step(step)

    def _begin_step(self, step: OptimizerStep) -> None:
        if any(self.thrown) and not self._steppers:
            alone = self._passes == 1 and not step.closure
            self.thrown = self.thrown.stepped(alone, self._marks, self._parameters.marks)
        self._steppers.add(id(step.optimizer))
        self._open[id(step.optimizer)] = step
        if not self._passes:
            self._stepped_without_backward(step.parameters)
        self.observer.step_begins(step)

    @harmless_end
    def _step_ended(self, optimizer: Optimizer, args: Any, named: Any) -> None:
        self._in_step = False
        step = self._open.pop(id(optimizer), None)
        if step is None:  # its closure was not evaluated; or a step that called its parent's
            return
        if not self._passes:
            self._stepped_without_backward(step.parameters)
        self.observer.step_ended(step)
        tell_step(self)
        self._ended = self.clock()

    def forward_begins(self) -> bool:
        """Asked at every call of a module that is watched: whether it is to be looked at.

        A forward after a step belongs to the next iteration. Most calls find nothing to do.
        """
        if self.paused or self.failed or not torch.is_grad_enabled() or in_backward():
            return False
        in_step = self._in_step
        if self.observer.measuring or (in_step and self._in_step_again):
            return False
        self.thread = threading.get_ident()
        if (self._passes or self._ended is not None) and self._automatic and not in_step:
            try:
                if self._ended is None:
                    self._notice_discarded()
                if self._ended is not None:
                    self.observer.iteration_ended(at=self._ended)
            except Exception as error:  # noqa: BLE001 - must not reach the forward
                self.fail(error)
                return False
        return True

    def fail(self, error: Exception) -> None:
        """An event has failed: nothing is seen from now on."""
        self.failed = True
        self.observer.events_failed(error)

    def _notice_discarded(self) -> None:
        """A forward after a backward without a step: unless its gradients are gone or used, they
        add up."""
        if self.queries.told:  # which leave none
            if self._parameters.by_hand:
                self._discard()
            return
        if self._stepless:
            self._notice_moved()
        marks, by_hand = self._parameters.marks(), self._parameters.by_hand
        if marks == self._marks and not by_hand:
            return
        here = self._parameters.of().values()
        if nothing_left(here) or (by_hand and self._moved.since(here)):
            self._discard()
        else:
            self._marks = marks

    def _notice_moved(self) -> None:
        """No optimizer has stepped: if parameters have moved, the user's own code moves them."""
        moved = self._moved.since(self._parameters.of().values())
        self._parameters.by_hand = self._parameters.by_hand or moved

    def _discard(self) -> None:
        """Gradients were thrown away without a step: an iteration, unless they were left there by a
        loss that another model stepped on."""
        if self._lent:
            for one in (self, *self._lent):
                one.opposed = True
            self.observer.gradients_discarded()
        else:
            self.thrown = self.thrown.another(self._passes)
            self.observer.iteration_ended(at=self._passed)

    @property
    def _in_step_again(self) -> bool:
        return self._in_step and self._passes > self._passes_before

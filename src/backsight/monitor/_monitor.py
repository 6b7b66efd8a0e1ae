"""The one façade: step events in, recorded signals out.

An iteration is what one step of the optimizer makes of its gradients::

    forward of a recurrent layer     seen by a module hook
    backward has ended               gradients as computed, before any clipping
    optimizer.step()                 seen by optimizer hooks: gradients as applied
    the iteration has ended

In a loop of the user's own (``automatic``) all of it is seen (``events``). A trainer that knows
better tells ``backward_ended`` and ``iteration_ended`` itself. Measurements are fed the events that
they need; what they record goes through the judge to the recorder (``sinks``).

Observing never changes the run: hooks only read and draw no random numbers. An error in a
measurement is logged once and switches it off (for its layer); training goes on.
"""

import math
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.diagnosis import Context, Facts, Finding
from backsight.guard import Guard, Intervention
from backsight.monitor._faults import Faults
from backsight.monitor._guard_link import GuardLink, Streaks
from backsight.monitor._iteration import BackwardPass
from backsight.monitor._observation import Observation
from backsight.monitor._on_request import record_context, record_deep, record_sharpness
from backsight.monitor._reach_notes import ReachNotes
from backsight.monitor._seen import Seen
from backsight.monitor._settings import check_settings
from backsight.monitor.events import Every, Model, Sampler
from backsight.monitor.measurements import MEASUREMENTS, Measurement, chosen
from backsight.monitor.sinks import Gate, JudgingSink, Outbox, Recording, Tell, announce
from backsight.probes import GradientProfile, Readers, ReaderSettings, Sharpness, parameters_of
from backsight.signals import Run

__all__ = ["Monitor"]

LOOKED = 10
"""Iterations without anything recurrent after which that is said."""


class Monitor:
    """Observes a model and its optimizer, and records what it sees.

    Args:
        model: its recurrent layers, cells and stepped modules are observed; None where
            :meth:`adopt` will name some.
        optimizer: its steps are observed; several that step together are one.
        recorder: where signals go; closing it is its owner's business.
        every: iterations between samples of the gradient through time, or ``"auto"``.
        budget: with ``"auto"``, the share of the training time that samples may add.
        sequences: of a batch, that a sample follows through fused layers; 8, or a quarter of it.
        inputs: paths of the modules that embed the model's inputs; None to find them.
        layout: of what these give: ``"batch"``, ``"time"``, or ``"auto"`` to find out.
        iteration: the number of the first iteration.
        automatic: whether backward passes and iterations are seen rather than told.
        deep: iterations from one deep measurement (:meth:`deep`) to the next; None for none.
        label: put into the names of the signals, where a run has several monitors.
        facts: what is known of the task, for the rules.
        guard: whose acts are recorded; it is told the loss.
        measurements: the caller's own, beside Backsight's.
        kinds: of these; all by default.
        tell: hears of each finding once; the log by default.
        clock: seconds, for the budget and for tokens a second; ``time.perf_counter`` by default.
        held: whether what is recorded waits in memory until :meth:`settle`.
        stepped: called when an optimizer has stepped or, without one, when backward has ended.

    Raises:
        SettingError: a setting makes no sense.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import Monitor, Recorder, Run
        >>> rnn = nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with Recorder("runs/mine") as recorder:
        ...     monitor = Monitor(rnn, optimizer, recorder, every=1)
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...         loss.backward()
        ...         monitor.backward_ended(loss)
        ...         optimizer.step()
        ...         monitor.iteration_ended()
        ...     monitor.close()
        >>> Run("runs/mine").profile("reach").widths.tolist()
        [20, 20, 20]
    """

    def __init__(
        self,
        model: nn.Module | None,
        optimizer: Optimizer | Iterable[Optimizer],
        recorder: Recording,
        *,
        every: Every = "auto",
        budget: float = 0.01,
        sequences: int | None = None,
        inputs: str | Sequence[str] | None = None,
        layout: Literal["auto", "batch", "time"] = "auto",
        deep: int | None = None,
        iteration: int = 0,
        automatic: bool = False,
        label: str = "",
        facts: Facts | None = None,
        guard: Guard | None = None,
        measurements: Iterable[Measurement] = (),
        kinds: Iterable[type[Measurement]] = MEASUREMENTS,
        tell: Tell = announce,
        clock: Callable[[], float] | None = None,
        held: bool = False,
        stepped: Callable[[], None] | None = None,
    ) -> None:
        paths = check_settings(model, every, budget, sequences, inputs, layout, deep)
        measured = chosen(kinds, measurements, deep)
        self._clock = clock or time.perf_counter
        self._faults = Faults()
        self._judging = JudgingSink(recorder, tell, self._clock)
        self._judging.know(facts or Facts())
        self._gate = Gate(self._judging, label, shut=held)
        self._outbox = Outbox(self._gate, self._clock)
        readers = Readers(ReaderSettings(sequences=sequences or 0, layout=layout))
        self._observed = Observation(
            measured, self._outbox, Sampler(every, budget), readers, self._faults,
            iteration=iteration, automatic=automatic, clock=self._clock,
            declined=self._step_declined, recorded=self._iteration_recorded,
            stepped=stepped or (lambda: None),
        )  # fmt: skip
        self._first, self._streaks = iteration, Streaks()
        self._link: GuardLink | None = None
        self._model = None if model is None else weakref.ref(model)
        self._notes = ReachNotes(self._observed.readers, self._gate.event)
        self._pauses, self._closed = 0, False
        try:
            if model is not None:
                self.adopt("", model, paths)
            for one in [optimizer] if isinstance(optimizer, Optimizer) else optimizer:
                self.add(one)
            if guard is not None:
                self.protect(guard)
        except BaseException:
            self._observed.close()  # no hook is left behind
            raise
        self._observed.begin(here=held)  # held: found while other threads may train

    # -- what is known of it ---------------------------------------------------------------

    @property
    def iteration(self) -> int:
        """The number of the iteration under way."""
        return self._observed.iteration

    @property
    def next_iteration(self) -> int:
        """The number of the one that the next forward belongs to."""
        return self.iteration + self._observed.detector.stepped

    @property
    def latest(self) -> dict[str, float]:
        """The newest value of each scalar that has reached the host."""
        self._observed.record()
        return self._outbox.latest

    @property
    def horizon(self) -> float | None:
        """Steps back that the gradient reached at most in this iteration; None if not measured."""
        profiles = self._observed.now.profiles.values()
        far = [profile.horizon for profile in profiles if profile.role != "block"]
        return max((float(lag.steps) for lag in far if lag is not None), default=None)

    @property
    def found(self) -> tuple[Finding, ...]:
        """Findings so far that last, the gravest first."""
        return self._judging.found

    @property
    def switched_off(self) -> tuple[tuple[str, str], ...]:
        """Measurements that have failed, each with the layer that it failed for ("" for all)."""
        return self._observed.measurements.switched_off

    @property
    def optimizers(self) -> list[Optimizer]:
        """Whose steps are observed."""
        return self._observed.parameters.optimizers()

    @property
    def guard(self) -> Guard | None:
        """Whose acts are recorded."""
        return None if self._link is None else self._link.guard

    @property
    def label(self) -> str:
        """What is put into the names of the signals."""
        return self._gate.label

    @label.setter
    def label(self, label: str) -> None:
        """To be told before anything is recorded."""
        self._gate.label = label

    @property
    def seen(self) -> Seen:
        """What was seen of its models."""
        return self._observed.seen()

    @property
    def held(self) -> bool:
        """Whether what is recorded waits in memory."""
        return self._gate.shut

    def hold(self) -> None:
        """Forget what has been recorded of it, and let what comes wait for :meth:`settle`."""
        self._observed.record()
        self._gate.close()
        self._outbox.clear()
        self._judging.forget()

    def settle(self, label: str, recorder: Recording) -> None:
        """Record what has waited, and what comes, there and under that label."""
        self._gate.label = label
        self._judging.redirect(recorder)
        self._gate.open()

    # -- what it observes ------------------------------------------------------------------

    def add(self, optimizer: Optimizer) -> None:
        """Observe the steps of one more optimizer."""
        self._observed.add(optimizer)

    @property
    def parameters(self) -> set[int]:
        """Identities of those that are observed."""
        return set(map(id, self._observed.parameters.of().values()))

    def moves(self, model: nn.Module) -> bool:
        """Whether any parameter of ``model`` is one that is observed."""
        return not self.parameters.isdisjoint(map(id, parameters_of(model)))

    def adopt(self, name: str, model: Model, inputs: Sequence[str] | None = None) -> None:
        """Observe a model's modules, too, under ``name``; None as ``inputs`` finds them."""
        self._observed.adopt(name, model, inputs)

    def runs_here(self) -> None:
        """What another thread does is not its own, unless it steps there."""
        self._observed.detector.thread = get_ident()

    def join(self, other: "Monitor") -> None:
        """Take over what another monitor observes, which has recorded nothing yet."""
        other.close()
        for optimizer in other.optimizers:
            self.add(optimizer)

    def protect(self, guard: Guard) -> None:
        """Record what ``guard`` does, and tell it the loss; it is not kept alive."""
        if self._link is not None:
            self._link.close()
        mine = weakref.ref(self)  # a guard may outlive its monitor

        def loss_of() -> Tensor | None:
            monitor = mine()
            return None if monitor is None else monitor._observed.now.loss

        def tell(act: Intervention) -> None:
            monitor = mine()
            if monitor is not None:
                monitor._acted(act)

        self._link = GuardLink(guard, loss_of, tell)
        self._observed.hook_again()  # what is recorded as applied is what the guard has left

    def recall(self, run: Run) -> None:
        """Take up what an earlier process recorded of the same training, up to this iteration."""
        self._faults.isolate("findings", self._judging.recall, run)
        self._faults.isolate("acts", self._streaks.recall, run)
        if "grad_norm" in run and not np.isfinite(run["grad_norm"]).all():
            self._outbox.first_broken(torch.tensor(math.nan))  # seen, and its members recorded

    # -- step events, told -----------------------------------------------------------------

    def backward_ended(self, loss: Tensor | None) -> None:
        """Gradients are complete, unscaled and unclipped.

        Several backward passes before a step add up, as their gradients do.

        Args:
            loss: the scalar backward was called on, unscaled; None where it is not known.
        """
        roots = () if loss is None else (loss,)
        self._observed.backward_ended(BackwardPass(roots, (None,) * len(roots)))

    def iteration_ended(
        self, *, seq_len: int | None = None, tokens: int | None = None, at: float | None = None
    ) -> None:
        """The optimizer has stepped (or has declined to).

        Args:
            seq_len: steps unrolled in this iteration; as seen by default.
            tokens: sequence elements learned from, over all processes; as seen by default.
            at: when, on the monitor's clock; now by default.
        """
        self._observed.iteration_ended(at=at, steps=seq_len, elements=tokens)

    def log(self, **values: float | Tensor) -> None:
        """Record numbers of the caller's own; a tensor's value is not waited for.

        ``loss`` takes the place of the one that was seen.
        """
        for name, value in values.items():
            try:
                self._observed.now.tell(name, value)
            except (TypeError, ValueError, RuntimeError) as error:
                self._faults.tell(name, error)

    def context(
        self, evaluate: Callable[[int], ArrayLike], lengths: int | Sequence[int]
    ) -> Context:
        """Ask the model for its loss with ever more context, and record the answer.

        Args:
            evaluate: ``evaluate(c)`` gives the loss at positions that see exactly ``c`` steps, a
                number or one a sequence; without gradients, and in the mode you validate in.
            lengths: those to ask, or the longest one: then 1, 2, 4, … up to it.

        Raises:
            SettingError: see :func:`backsight.context_probe`.
        """
        with self.paused():
            return record_context(self._outbox, self.iteration, evaluate, lengths)

    def deep(self, compute_loss: Callable[[], Tensor]) -> dict[str, GradientProfile]:
        """Record Lyapunov exponents and memory capacity, of ``backsight.probe(…, deep=True)``."""
        with self.paused():
            return record_deep(self._outbox, self.iteration, self._model, compute_loss)

    def sharpness(
        self, compute_loss: Callable[[], Tensor], *, gradient_known: bool = False
    ) -> Sharpness:
        """Record ``sharpness`` and ``sharpness_limit``, of :func:`backsight.sharpness`."""
        known = self._model, self.optimizers, compute_loss, gradient_known
        with self.paused():
            return record_sharpness(self._outbox, self.iteration, *known)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Validation, sampling: inside, nothing is observed and the clock stands still."""
        began, self._pauses = self._clock(), self._pauses + 1
        self._observed.detector.paused = True
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._observed.detector.paused = False
                self._observed.stand_still(self._clock() - began)

    def collect(self) -> None:
        """Bring measured values to the host, one copy a dtype and device; record and judge them."""
        self._collect(self._judging.judge)

    def close(self) -> None:
        """Record what is left and take every hook off. A second call does nothing."""
        self._observed.close()
        self.collect()
        if not self._closed:
            self._closed = True
            if self._link is not None:
                self._link.close()
                self._link = None
            if not self._gate.shut:
                last = max(0, self.iteration - 1)
                self._faults.isolate("inputs", self._notes.tell, last, True)
                self._faults.isolate("findings", self._judging.end, last)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------

    def _collect(self, judge: Callable[[int], None]) -> None:
        self._observed.record()
        if not self._gate.shut:
            self._faults.isolate("collect", self._outbox.collect)
            self._faults.isolate("findings", judge, self.iteration)

    def _iteration_recorded(self) -> None:
        if self._observed.now.sampled:
            self._faults.isolate("inputs", self._notes.tell, self.iteration - 1)
        if self._outbox.due:
            self._collect(self._judging.settle)
        seen = self._observed.forwards.seen or self._observed.readers.loops.found
        if self.iteration - self._first == LOOKED and not seen:
            self._notes.nothing_found(None if self._model is None else self._model())

    def _step_declined(self, optimizer: Optimizer) -> None:
        if self._link is not None:
            self._link.declined(optimizer)

    def _acted(self, act: Intervention) -> None:
        """The guard has done something about the step under way."""
        numbers = self._observed.now.numbers
        numbers |= {f"act_before/{act.policy}": act.before, f"act_after/{act.policy}": act.after}
        if self._streaks.is_event(act, self.iteration):
            self._faults.isolate("acts", self._gate.event, "act", self.iteration, act.as_dict())

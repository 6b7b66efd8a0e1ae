"""The one façade: step events in, recorded signals out.

An iteration is what one step of the optimizer makes of its gradients::

    forward of a recurrent layer     seen by a module hook
    backward has ended               gradients as computed, before any clipping
    optimizer.step()                 seen by optimizer hooks: gradients as applied
    the iteration has ended

In a loop of the user's own (``automatic``) all of it is seen: ``_seen``. A trainer that knows
better (the loss over all processes, when validation runs) tells ``backward_ended`` and
``iteration_ended`` itself.

Observing never changes the run: hooks only read and draw no random numbers. An error in a probe
is logged once, switches that probe off, and training goes on.
"""

import logging
import math
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from backsight.diagnosis import Context, Facts, Finding, context_probe
from backsight.guard import Guard
from backsight.monitor._acts import Guarded
from backsight.monitor._backward import Gradients, listen
from backsight.monitor._iteration import Iteration
from backsight.monitor._judged import Judged, Tell, announce
from backsight.monitor._layers import Layers
from backsight.monitor._outbox import Outbox, Sink
from backsight.monitor._sampling import Parameters, Spectra, record_profiles
from backsight.monitor._schedule import Every, Schedule
from backsight.monitor._settings import check_settings
from backsight.probes import what_was_found
from backsight.signals import Run

__all__ = ["Monitor"]

_log = logging.getLogger("backsight")

LOOKED = 10
"""Iterations without anything recurrent after which that is said."""


class Monitor(Guarded):
    """Observes a model and its optimizer, and records what it sees.

    Args:
        model: its recurrent layers, cells and stepped modules are observed; None where
            :meth:`adopt` will name some.
        optimizer: its steps are observed; several that step together are one.
        recorder: where signals go; closing it is its owner's business.
        every: iterations between samples of the gradient through time, or ``"auto"``.
        budget: with ``"auto"``, the share of the training time that samples may add.
        sequences: how many sequences of a batch a sample follows through fused layers; 8 by
            default, or a quarter of the batch if that is less.
        inputs: for a model without recurrent layers, the path of the module that embeds its
            input.
        batch_first: False where that module gives ``(T, B, ·)``.
        iteration: the number of the first iteration.
        automatic: whether backward passes and iterations are seen rather than told.
        label: put into the names of the signals, where a run has several monitors.
        facts: what is known of the task, for the rules.
        guard: whose acts are recorded; it is told the loss.
        tell: hears of each finding once; the log by default.

    Raises:
        SettingError: a setting makes no sense.
    """

    def __init__(
        self,
        model: nn.Module | None,
        optimizer: Optimizer | Iterable[Optimizer],
        recorder: Sink,
        *,
        every: Every = "auto",
        budget: float = 0.01,
        sequences: int | None = None,
        inputs: str | None = None,
        batch_first: bool = True,
        iteration: int = 0,
        automatic: bool = False,
        label: str = "",
        facts: Facts | None = None,
        guard: Guard | None = None,
        tell: Tell = announce,
    ) -> None:
        check_settings(model, every, budget, sequences, inputs)
        super().__init__()
        self.iteration = self._first = iteration
        self.thread: int | None = None
        """Where it trains: backward passes of other threads are not its own."""
        self._schedule = Schedule(every, budget)
        self._judged = Judged(recorder, tell)
        self._judged.know(facts or Facts())
        self._outbox = Outbox(self._judged, label)
        self._parameters = Parameters()
        self._spectra = Spectra()
        self._layers = Layers(
            self._observing, self._try, self._timed, sequences=sequences, batch_first=batch_first
        )
        self._model = None if model is None else weakref.ref(model)
        self._automatic = automatic
        self._off: set[str] = set()
        self._aside = 0
        self._closed = self._in_step = False
        self._before: list[tuple[int, int]] = []
        self._handles: list[RemovableHandle] = []
        if model is not None:
            self.adopt("", model)
            if inputs is not None:
                self.adopt_input(inputs, model)
        for one in [optimizer] if isinstance(optimizer, Optimizer) else optimizer:
            self.add(one)
        if guard is not None:
            self.protect(guard)
        self._leave = listen(self)
        self._clock = time.perf_counter()
        self._begin()

    @property
    def latest(self) -> dict[str, float]:
        """The newest value of each scalar that has reached the host."""
        return self._outbox.latest

    @property
    def horizon(self) -> float | None:
        """Steps back that the gradient reached in this iteration, in the layer where it reached
        furthest; None where that is not measured."""
        far = [profile.horizon for profile in self._now.profiles.values()]
        return max((float(lag.steps) for lag in far if lag is not None), default=None)

    @property
    def found_time(self) -> bool:
        """Whether anything with a time axis has run."""
        return self._layers.seen

    @property
    def found(self) -> tuple[Finding, ...]:
        """Findings so far that last, the gravest first."""
        return self._judged.found

    def add(self, optimizer: Optimizer) -> None:
        """Observe the steps of one more optimizer."""
        self._parameters.add(optimizer)
        self._hook(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """Whose steps are observed."""
        return self._parameters.optimizers()

    def moves(self, model: nn.Module) -> bool:
        """Whether any parameter of ``model`` is one that is observed."""
        mine = {id(parameter) for parameter in self._parameters.of().values()}
        return any(id(parameter) in mine for parameter in model.parameters())

    def adopt(self, name: str, model: nn.Module) -> None:
        """Observe the modules of ``model`` as well, under paths that begin with ``name``."""
        for path, module in model.named_modules():
            self._layers.watch(".".join(filter(None, (name, path))), module)
        self._parameters.name(name, model)

    def adopt_input(self, path: str, model: nn.Module) -> None:
        """Take the reach of ``model`` on what its module ``path`` gives."""
        self._layers.watch_input(path, model.get_submodule(path), model)

    def join(self, other: "Monitor") -> None:
        """Take over what another monitor observes, which has recorded nothing yet."""
        other.close()
        for optimizer in other._parameters.optimizers():
            self.add(optimizer)

    @property
    def label(self) -> str:
        """What is put into the names of the signals."""
        return self._outbox.label

    @label.setter
    def label(self, label: str) -> None:
        """To be told before anything is recorded."""
        self._outbox.label = label

    def recall(self, run: Run) -> None:
        """Take up what an earlier process recorded of the same training, up to this iteration."""
        self._try("findings", self._judged.recall, run)
        self._try("acts", self._recall_acts, run)
        if "grad_norm" in run and not np.isfinite(run["grad_norm"]).all():
            self._outbox.first_broken(torch.tensor(math.nan))  # seen, and its members recorded

    # -- step events, told -----------------------------------------------------------------

    def backward_ended(self, loss: Tensor | None) -> None:
        """Gradients are complete, unscaled and unclipped.

        Several backward passes before a step add up, as their gradients do.

        Args:
            loss: the scalar backward was called on, unscaled; None where it is not known.
        """
        self._try("loss", self._now.add_loss, loss)
        self._try("grad_norm", self._now.measure_gradient, self._parameters.of())
        self._timed("reach", self._replay)

    def iteration_ended(
        self, *, seq_len: int | None = None, tokens: int | None = None, at: float | None = None
    ) -> None:
        """The optimizer has stepped (or has declined to).

        Args:
            seq_len: steps unrolled in this iteration; as seen by default.
            tokens: sequence elements learned from, over all processes; as seen by default.
            at: when, on the clock of ``time.perf_counter``; now by default.
        """
        at = time.perf_counter() if at is None else at
        seconds = max(at - self._clock, 1e-9)
        steps, elements = self._layers.extent
        self._try("hidden_norm", self._layers.seal, self.iteration, self._outbox)
        steps = steps if seq_len is None else seq_len
        elements = elements if tokens is None else tokens
        if steps:
            self._now.numbers["seq_len"] = float(steps)
        if elements:
            self._now.numbers["tokens_per_second"] = elements / seconds
        self._try("scalars", self._now.record, self.iteration, self._outbox)
        shown = self._layers.ever_shown
        self._try("reach", record_profiles, self._now.profiles, self.iteration, self._outbox, shown)
        if self._now.sampling:
            self._try("spectral_radius", self._spectra.record, self._layers.recurrent,
                      self.iteration, self._outbox)  # fmt: skip
            self._schedule.sampled(self.iteration, self._now.spent)
        self._schedule.passed(seconds - self._now.spent)
        self.iteration += 1
        self._clock = at
        if self._outbox.due:
            self.collect()
        self._begin()

    def log(self, **values: float | Tensor) -> None:
        """Record numbers of the caller's own; a tensor's value is not waited for.

        ``loss`` takes the place of the one that was seen.
        """
        for name, value in values.items():
            try:
                told = value.detach().sum().clone() if isinstance(value, Tensor) else float(value)
            except (TypeError, ValueError, RuntimeError) as error:
                if name not in self._off:
                    self._failed(name, error)
            else:
                self._now.numbers[name] = told

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
        with self.aside():
            found = context_probe(evaluate, lengths)
        self._outbox.profile("context_loss", self.iteration, found.losses)
        self._outbox.profile("context_length", self.iteration, found.lengths.astype(float))
        known = np.isfinite(found.losses).all()
        usable = float(found.usable.steps) if known else math.nan
        self._outbox.here(self.iteration, {"usable_context": usable})
        return found

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Validation, sampling: inside, nothing is observed and the clock stands still."""
        began = time.perf_counter()
        self._aside += 1
        try:
            yield
        finally:
            self._aside -= 1
            if not self._aside:
                self._clock += time.perf_counter() - began

    def collect(self) -> None:
        """Bring measured values to the host, in one copy a dtype and device, record and judge
        them."""
        self._try("collect", self._outbox.collect)
        self._try("findings", self._judged.settle, self.iteration)

    def close(self) -> None:
        """Record what is left and take every hook off. A second call does nothing."""
        self._leave()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        passed = self._now.passes and not self._now.lent
        if self._automatic and (passed or self._now.ended is not None):
            self.iteration_ended(at=self._now.ended)
        self._automatic = False
        self._layers.close()
        self.collect()
        if not self._closed:
            self._closed = True
            self._let_go()
            self._try("findings", self._judged.settle, self.iteration + 1)
            self._try("findings", self._judged.end, max(0, self.iteration - 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------

    def _begin(self) -> None:
        """A new iteration."""
        self._now = Iteration(self._schedule.due(self.iteration))
        self._layers.sample(self._now.sampling)
        self._parameters.forget()
        if (
            self.iteration - self._first == LOOKED
            and not self._layers.seen
            and self._model is not None
        ):
            model = self._model()
            if model is not None:
                _log.warning("backsight: %s", what_was_found(model))

    def _measure_graph(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        self._now.profiles |= self._layers.before_backward(roots, gradients, scale)

    def _replay(self) -> None:
        """The first pass of a sampled iteration that reaches a layer is the one measured."""
        if not self._now.sampling or self._now.replayed:
            return
        profiles = self._layers.after_backward(self._now.scale)
        if profiles:
            self._now.replayed = True
            self._now.profiles |= profiles

    def _timed(self, probe: str, action: Callable[..., None], *arguments: Any) -> None:
        """Only of sampled iterations: what it costs belongs to the sample."""
        began = time.perf_counter()
        self._try(probe, action, *arguments)
        if self._now.sampling:
            self._now.spent += time.perf_counter() - began

    def _try(self, probe: str, action: Callable[..., None], *arguments: Any) -> None:
        """Run a measurement so that its failure costs the measurement, not the training."""
        if probe in self._off:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed(probe, error)

    def _failed(self, probe: str, error: Exception) -> None:
        self._off.add(probe)
        _log.warning("backsight: measuring %s failed and is switched off: %r", probe, error)

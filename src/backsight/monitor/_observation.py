"""One training as it is observed: the iteration under way, fed to the measurements.

Events come from PyTorch (``events``) or from a trainer that tells them. What the measurements
record in an iteration is handed over when it ends, and the next one begins.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from threading import get_ident

from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.layers import adapter_of
from backsight.monitor._faults import Faults
from backsight.monitor._iteration import BackwardPass, Clip, Iteration, LayerCall, OptimizerStep
from backsight.monitor._rising_gradient import GROWN, SLOWLY, RisingGradient
from backsight.monitor._seen import Seen
from backsight.monitor.events import Forwards, IterationDetector, ObservedParameters, Sampler
from backsight.monitor.measurements import Measurement, MeasurementSet
from backsight.monitor.sinks import Outbox
from backsight.probes import Model, Readers, largest_value, on_host, read_as_loop

__all__ = ["Observation"]

WAIT = 0.1
"""Seconds for which iterations that have ended may wait to be recorded together: that takes a third
of the time, because what a training step does leaves nothing of ours in the processor's caches."""

MOST = 64
"""Iterations that wait at most."""

AT_ONCE = 16
"""The first iterations do not wait; nor does one with anything in it that is not finite."""


class Observation:
    """Models and optimizers that train together.

    Args:
        measurements: what is measured.
        outbox: where it goes.
        sampler: which iterations are sampled.
        readers: how layers are read.
        faults: what has failed.
        iteration: the number of the first iteration.
        automatic: whether backward passes and iterations are seen rather than told.
        clock: seconds.
        declined: called with an optimizer that a gradient scaler kept from stepping; what it
            raises ends the training.
        recorded: called when an iteration has been handed over.
        stepped: called when an optimizer has stepped, or, where there is none, when backward has
            ended.
    """

    def __init__(
        self,
        measurements: Sequence[Measurement],
        outbox: Outbox,
        sampler: Sampler,
        readers: Readers,
        faults: Faults,
        *,
        iteration: int,
        automatic: bool,
        clock: Callable[[], float],
        declined: Callable[[Optimizer], None],
        recorded: Callable[[], None],
        stepped: Callable[[], None],
    ) -> None:
        self.iteration = iteration
        """The number of the one under way."""
        self.parameters = ObservedParameters()
        self.measurements = MeasurementSet(measurements, clock)
        self.readers = readers
        self._outbox = outbox
        self._sampler = sampler
        self._faults = faults
        self._clock = clock
        self._declined, self._recorded, self._stepped = declined, recorded, stepped
        self.detector = IterationDetector(
            self, self.parameters, automatic=automatic, clock=clock, paused=True
        )
        self.forwards = Forwards(
            self.detector.forward_begins,
            self._forward_begins,
            self._forward_ended,
            self._model_ended,
            lambda path, error: faults.tell(f"the length of {path or 'model'}", error),
            readers,
            clock,
        )
        self._sampled = 0
        self._measured: set[str] = set()
        """Layers whose reach has been measured."""
        self._began = clock()
        self._waiting: deque[Iteration] = deque()
        """Iterations that have ended and are still to be recorded."""
        self._recorded_at = self._began
        self._was_usual = False
        """Whether the iteration before was a usual one of Backsight's own measurements."""
        self._first = iteration
        self._rising = RisingGradient()
        self._grown = -1
        """The newest iteration with a gradient that has left its usual range."""
        self._armed = True
        """Whether the readers may hold something of a sampled iteration."""
        self._begin()

    def begin(self, *, here: bool = False) -> None:
        """The first iteration begins; of what other threads do, nothing, if it is ``here``."""
        self.detector.thread, self.detector.paused = get_ident() if here else None, False
        self._feed_begin()

    def adopt(self, name: str, model: Model, inputs: Sequence[str] | None = None) -> None:
        """Observe the modules of ``model``, under paths that begin with ``name``.

        Args:
            name: of the model, empty where there is one.
            model: the caller's; or tensors, by name, that no module holds.
            inputs: paths of what embeds its input; else found, unless it has a recurrent layer.
        """
        if isinstance(model, nn.Module):
            has_layers = self.forwards.watch_all(name, model)
            if inputs or not has_layers:
                self.forwards.search(name, model, inputs or None)
            self.forwards.watch_decays(name, model)
        self.readers.loops.watch(model, name)
        self.parameters.name(name, model)

    def add(self, optimizer: Optimizer) -> None:
        """Observe the steps of one more optimizer; those that are gone are forgotten."""
        self.parameters.add(optimizer)
        self.detector.hook(optimizer)

    def hook_again(self) -> None:
        """Stand behind hooks that others have put on the optimizers since."""
        self.detector.unhook()
        for optimizer in self.parameters.optimizers():
            self.detector.hook(optimizer)

    def stand_still(self, seconds: float) -> None:
        """That much of the time since the iteration began was not training."""
        self._began += seconds

    def unmeasured(self) -> Iterator[tuple[str, str]]:
        """Recurrent layers whose reach has not been measured, each with the reason."""
        off = {layer for name, layer in self.measurements.switched_off if name == "reach"}
        told = {one.path for one in self.readers.unmeasured if one.cause != "feedback left out"}
        for path, module in self.forwards.layers.items():
            if path in told:
                continue  # with its reason, in the run itself
            adapter = adapter_of(module)
            names = () if adapter is None else adapter.layer_names(path, module)
            if not self._measured.isdisjoint(names) or read_as_loop(module):
                continue
            if path not in self.forwards.ran:
                reason = "it did not run"
            elif path in off or "" in off:
                reason = "measuring it failed"
            elif not self._sampled:
                reason = "no sampled iteration was complete"
            else:
                reason = f"no gradient arrived in {self._sampled:,} sampled iterations"
            yield path or type(module).__name__, reason

    def seen(self) -> Seen:
        """What was seen of the models."""
        return Seen(
            passes=self.detector.passes,
            queries=self.detector.queries.uncounted,
            recurrent=self.forwards.seen or self.readers.loops.found,
            untold=[] if self.readers.loops.found else self.readers.inputs.reasons,
            unmeasured=dict(self.unmeasured()),
            passed_over=Counter({k: len(n) for k, n in self.measurements.passed_over.items()}),
        )

    def close(self) -> None:
        """Take every hook off; an iteration that is complete, or nearly, is ended first."""
        try:
            self.detector.close()
        finally:
            self.forwards.close()
            self.readers.begin(armed=False)

    measuring = property(attrgetter("measurements.feeding"))
    """Whether a measurement is at work: what it does is no event of the training. Asked at every
    call of a cell."""

    # -- events ----------------------------------------------------------------------------

    def graph_whole(self, passed: BackwardPass) -> None:
        """Backward is about to be called."""
        self.now.scale = passed.scale
        if self.forwards.unhooked:
            self.forwards.pass_begins()
        self.measurements.feed("on_graph_whole", self.now, passed, looks=self.detector.looks)

    def backward_ended(self, passed: BackwardPass) -> None:
        """Gradients are complete."""
        self.measurements.feed("on_backward_end", self.now, passed, looks=self.detector.looks)
        gradient, number = self.now.gradient, self.now.number
        self.now.backward_ended = True
        if gradient is not None:
            rising = self._rising
            if gradient <= rising.limit:  # as in sees, without a call in every step
                rising.limit += SLOWLY * (GROWN * gradient - rising.limit)
            elif rising.sees(number, gradient) and self.measurements.grow(self.now):
                self._grown = number
        if self.parameters.by_hand:
            self._stepped()

    def gradients_discarded(self) -> None:
        """The backward passes so far belong to another model's training; what ran, does not."""
        self.now.loss = self.now.scale = None
        self.now.profiles.clear()
        self.detector.begin()
        self.readers.begin(self.now.sampled)
        self.now.shortened, self.now.shortened_read = [], -1
        self.measurements.feed("on_gradients_discarded", self.now)

    def step_begins(self, step: OptimizerStep) -> None:
        """An optimizer is about to step."""
        self.measurements.feed("on_step_begin", self.now, step, looks=self.detector.looks)

    def step_ended(self, step: OptimizerStep) -> None:
        """It has stepped: nothing of its graph is kept."""
        self.measurements.feed("on_step_end", self.now, step, looks=self.detector.looks)
        self.now.shortened_read = len(self.now.shortened)
        if self.now.sampled:
            self.readers.forget()
        self._stepped()

    def clips(self, parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
        """The script clips gradients: whether that shortens them; all of it where anybody looks."""
        now = self.now
        ours = not set(map(id, self.parameters.of().values())).isdisjoint(map(id, parameters))
        nothing = not ours and all(p.grad is None for p in parameters)
        if ours and now.backward_ended and type(norm) is Tensor:  # a sharded one asks all processes
            now.shortened.append(_is_above(norm, limit))
        if (ours or nothing) and (now.sampled or now.looked):
            now.clips.append(Clip(float(limit), norm.detach(), nothing=nothing))

    def clips_values(self, gradients: Sequence[Tensor], limit: float) -> None:
        """The script clips values of gradients: as of :meth:`clips`."""
        now = self.now
        here = {id(p.grad) for p in self.parameters.of().values() if p.grad is not None}
        if here.isdisjoint(map(id, gradients)):
            return
        largest = largest_value(gradients)
        if now.backward_ended and type(largest) is Tensor:
            now.shortened.append(_is_above(largest, limit))
        if now.sampled or now.looked:
            now.clips.append(Clip(limit, largest, by_value=True))

    def divides_late(self) -> None:
        """A gradient scaler's step divides the scale out."""
        self.now.divided_late = True

    def record(self) -> None:
        """Record the iterations that have ended and wait for it."""
        while self._waiting:
            now = self._waiting.popleft()
            try:
                self.measurements.feed_end(now)
            finally:
                self._faults.isolate_plain("scalars", self._hand_over, now)

    def step_declined(self, optimizer: Optimizer) -> None:
        """A gradient scaler has kept it from stepping."""
        self._declined(optimizer)

    def events_failed(self, error: Exception) -> None:
        """Nothing is seen from now on."""
        self._faults.tell("events", error)

    def iteration_ended(
        self, *, at: float | None = None, steps: int | None = None, elements: int | None = None
    ) -> None:
        """The optimizer has stepped (or has declined to).

        Args:
            at: when, on the clock; now by default.
            steps: steps unrolled in it; as seen by default.
            elements: sequence elements learned from; as seen by default.
        """
        told = self._clock()
        at = told if at is None else at
        now = self.now
        now.opposed, now.idle = self.detector.opposed, self.detector.idle
        self.detector.begin()  # it is not told again, whatever comes between
        now.steps, now.elements = steps, elements
        now.seconds = max(at - self._began - now.aside, 1e-9)
        trained = now.seconds - now.spent
        waits = self._may_wait(now, told)
        try:
            if waits:
                self._waiting.append(now)
            else:
                self.record()
                self._recorded_at = told
                self.measurements.feed("on_iteration_end", now)
        finally:  # Ctrl-C in a measurement: what is known by then is kept
            if not waits:
                self._faults.isolate_plain("scalars", self._hand_over, now)
            if now.sampled:
                self._sampled += 1
                self._measured |= {
                    name for name, p in now.profiles.items() if p.outcome != "not enough data"
                }
                self._sampler.sampled(self.iteration, now.spent)
            self._sampler.passed(trained, self._observed() - now.spent - now.aside)
            self.iteration += 1
            self._began = at + self._clock() - told  # what measuring took is no training
            if not waits:
                self._recorded()
            self._begin(now.gradient)
            self._feed_begin()

    # -- inside ----------------------------------------------------------------------------

    def _observed(self) -> float:
        """Seconds that observing took since it was asked last, samples included.

        The end of an iteration is part of an event of the next one, so that what a sample took
        there counts one iteration late.
        """
        spent = self.detector.spent + self.forwards.spent
        self.detector.spent = self.forwards.spent = 0.0
        return spent

    def _may_wait(self, now: Iteration, at: float) -> bool:
        """Whether an iteration that has ended need not be recorded at once."""
        if not self.measurements.ends_late or now.number - self._first < AT_ONCE or now.told:
            return False
        if now.number == self._grown or at - self._recorded_at > WAIT or len(self._waiting) >= MOST:
            return False
        loss = now.loss
        if now.states_broken or not math.isfinite(now.gradient or 0.0):
            return False
        return loss is None or not on_host(loss) or math.isfinite(loss.item())

    def _begin(self, gradient: float | None = None) -> None:
        """A new iteration, of which nobody has been told yet."""
        sampled = self._sampler.due(self.iteration)
        self.forwards.begin()
        self.now = Iteration(
            self.iteration,
            self._sampler.number(self.iteration) if sampled else None,
            self.forwards.layers,
            self.readers,
            not sampled and self.iteration % self._sampler.spacing > 0,
            _outbox=self._outbox,
            _parameters=self.parameters,
            gradient_before=gradient,
            drops_in_eval=self.forwards.drops_in_eval,
            silent=self.forwards.evaluations.silent,
            evaluations=self.forwards.evaluations.begun,
            thrown=self.detector.thrown,
            _ran=self.forwards.now,
        )
        if sampled or self._armed:  # else the readers have kept nothing
            self.readers.begin(sampled)
        self._armed = sampled

    def _feed_begin(self) -> None:
        self.measurements.begin(self.now)
        if self.measurements.usual and self._was_usual:
            return  # whoever is to be told of forwards is the same
        self._was_usual = self.measurements.usual
        self.forwards.tells_begin = self.measurements.listens("on_forward_begin")
        self.forwards.tells_cells = self.measurements.tells_cells
        self.forwards.tell_models(self.measurements.listens("on_model_end"))
        self.forwards.hooks_all = not self.measurements.usual

    def _forward_begins(self, call: LayerCall) -> None:
        self.measurements.feed("on_forward_begin", self.now, call, call.path)

    def _forward_ended(self, call: LayerCall) -> None:
        self.measurements.feed("on_forward_end", self.now, call, call.path)

    def _model_ended(self, call: LayerCall) -> None:
        self.measurements.feed("on_model_end", self.now, call, call.path)

    def _hand_over(self, now: Iteration) -> None:
        """The scalars of an iteration; those that the caller told take the place of ours."""
        here: dict[str, float] = {}
        for name, value in (now.numbers | now.told).items():
            if isinstance(value, Tensor):
                self._outbox.scalar(name, now.number, value)
            else:
                here[name] = value
        self._outbox.here(now.number, here)


def _is_above(size: Tensor, limit: float) -> bool | Tensor:
    """Of an accelerator's number, it stays there."""
    return size.item() > limit if on_host(size) else size.detach().reshape(()) > limit

"""What a measurement is: the signals it records, the events it needs, and how often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from backsight.errors import SettingError
from backsight.monitor._iteration import (
    BackwardPass,
    Iteration,
    LayerCall,
    OptimizerStep,
    looked_at,
)

__all__ = [
    "EVENTS",
    "EVERY_ITERATION",
    "FIRST_AND_RARELY",
    "LOOKED_AT_THEN_RARELY",
    "SAMPLED",
    "SAMPLED_AND_GROWING",
    "SAMPLED_THEN_RARELY",
    "LayerFaults",
    "LookedAtAndAsked",
    "Measurement",
    "Schedule",
    "Settling",
    "every_nth_sample",
]

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Schedule:
    """In which iterations a measurement is fed. It counts iterations, never seconds.

    Which iterations are *sampled* is the monitor's setting ``every``, and the same for all.

    Example:
        >>> from backsight.monitor.measurements import Schedule
        >>> [sample for sample in range(10) if Schedule(samples=3).due(sample)]
        [0, 3, 6, 9]
        >>> Schedule(samples=0).due(None), Schedule(samples=3).due(None)  # None: not sampled
        (True, False)
    """

    samples: int
    """0: every iteration; ``n``: every ``n``-th sampled one, the first included."""
    growing: ClassVar[bool] = False
    """Whether it is also an iteration's turn in which the gradient has left its usual range, from
    the end of its backward pass on."""

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether it is the turn of an iteration that is sample number ``sample``, or none."""
        return self.samples == 0 or (sample is not None and sample % self.samples == 0)


class _Looks(Schedule):
    """In the first iterations and then rarely, whether these are sampled or not."""

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether ``iteration`` is one of them."""
        return iteration is not None and looked_at(iteration)


class _SamplesAndLooks(Schedule):
    """In sampled iterations, and in those of :class:`_Looks`."""

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether it is one of the two."""
        return sample is not None or (iteration is not None and looked_at(iteration))


EARLY = 32


class _SamplesAndGrowth(Schedule):
    """In sampled iterations, and in those in which the gradient has grown."""

    growing: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Settling(Schedule):
    """In the first ``early`` sampled iterations, and from then on in every ``samples``-th.

    Example:
        >>> from backsight.monitor.measurements import Settling
        >>> [sample for sample in range(10) if Settling(4, early=3).due(sample)]
        [0, 1, 2, 4, 8]
    """

    early: int = EARLY

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether it is one of them."""
        return sample is not None and (sample < self.early or sample % self.samples == 0)


class _SettlesAndLooks(Settling):
    """In sampled iterations as :class:`Settling`, and in those of :class:`_Looks`."""

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether it is one of the two."""
        looked = iteration is not None and looked_at(iteration)
        return looked or super().due(sample, iteration)


EVERY_ITERATION = Schedule(0)
SAMPLED = Schedule(1)
FIRST_AND_RARELY: Schedule = _Looks(1)
"""For what takes little time and seldom changes; see :func:`backsight.monitor.looked_at`."""
SAMPLED_AND_GROWING: Schedule = _SamplesAndGrowth(1)
SAMPLED_THEN_RARELY: Schedule = Settling(4)
"""For an average over all samples, which changes less and less."""
SAMPLED_AND_LOOKED_AT: Schedule = _SamplesAndLooks(1)
"""For what takes little time and may change later."""


@dataclass(frozen=True, slots=True)
class LookedAtAndAsked(Schedule):
    """As :data:`FIRST_AND_RARELY`; and in sampled iterations once the measurement asks for them.

    Example:
        >>> from backsight.monitor.measurements import LookedAtAndAsked
        >>> asked = []
        >>> schedule = LookedAtAndAsked(1, asked)
        >>> schedule.due(5, 50), asked.append(True), schedule.due(5, 50)
        (False, None, True)
    """

    asked: list[bool] = field(default_factory=list)
    """Empty until it does."""

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether it is one of them."""
        looked = iteration is not None and looked_at(iteration)
        return looked or (bool(self.asked) and sample is not None)


LOOKED_AT_THEN_RARELY: Schedule = _SettlesAndLooks(4)
"""For what goes through the graph of the loss, thousands of operations, and may change later."""


def every_nth_sample(n: int) -> Schedule:
    """Every ``n``-th sampled iteration, for what costs more than a sample may.

    Raises:
        SettingError: ``n`` is not a whole number of at least 1.

    Example:
        >>> from backsight.monitor import every_nth_sample
        >>> [sample for sample in range(10) if every_nth_sample(4).due(sample)]
        [0, 4, 8]
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise SettingError(f"every_nth_sample needs a whole number of at least 1, not {n!r}")
    return Schedule(n)


class LayerFaults(Exception):  # noqa: N818 - several faults, raised together
    """What went wrong in an event that measures several layers, after the others were measured.

    Args:
        errors: by the layer's path.

    Example:
        >>> from backsight.monitor import LayerFaults
        >>> faults = LayerFaults({"rnn.l0": ValueError("not square")})
        >>> list(faults.errors), str(faults)
        (['rnn.l0'], "rnn.l0: ValueError('not square')")
    """

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        super().__init__(", ".join(f"{path or 'model'}: {e!r}" for path, e in errors.items()))
        self.errors = dict(errors)


class Measurement:
    """One thing that is measured while a model trains.

    A subclass names its :attr:`signals`, says how often it is due (:attr:`schedule`) and defines
    the events that it needs; only these are fed to it, in this order within an iteration:

    ==========================  ============================================================
    event                       when
    ==========================  ============================================================
    ``on_iteration_begin``      a new iteration: nothing of it has run
    ``on_forward_begin``        an observed layer is about to run
    ``on_forward_end``          it has run
    ``on_model_end``            a module that has observed layers within it has run
    ``on_graph_whole``          backward is about to be called: the graph still exists
    ``on_backward_end``         gradients are complete, before any clipping
    ``on_gradients_discarded``  they were another model's, which has stepped on them
    ``on_step_begin``           an optimizer is about to step: gradients as it reads them
    ``on_step_end``             it has stepped
    ``on_iteration_end``        everything is known: the time to record
    ==========================  ============================================================

    It reads and never writes: nothing of the model or of its gradients may change. PyTorch's random
    numbers and the gradient mode are put back after each event of a user's own. What it raises
    switches it off, for that layer alone where the event is about a layer (:class:`LayerFaults`
    where it is about several); training goes on. Its time counts towards the monitor's budget
    unless it is due in every iteration.

    Example:
        >>> import torch
        >>> import backsight
        >>> from backsight.monitor import SAMPLED
        >>> class LargestWeight(backsight.Measurement):
        ...     signals, schedule = ("largest_weight",), SAMPLED
        ...     def on_iteration_end(self, now):
        ...         now.record("largest_weight", now.parameters["weight_hh_l0"].abs().max())
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> own = [LargestWeight()]
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=2, measurements=own):
        ...     for _ in range(4):
        ...         rnn(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine").series("largest_weight").iterations.tolist()
        [0, 2]
    """

    name: ClassVar[str] = ""
    """What it is called where it fails; the class's name by default."""
    signals: ClassVar[tuple[str, ...]] = ()
    """Families of the signals that it records: ``hidden_norm`` of ``hidden_norm/rnn.l0``."""
    samples_cells: ClassVar[bool] = False
    """Whether it reads the calls of modules that show no states (cells, and modules of the user's
    own) in sampled iterations alone: a loop calls them hundreds of times in a step."""
    may_wait: ClassVar[bool] = False
    """Whether ``on_iteration_end`` may be called when the next iterations have begun: all that it
    needs is in the iteration then (``Iteration.kept``)."""
    schedule: Schedule = EVERY_ITERATION
    off: frozenset[str] = frozenset()
    """Layers that it has failed for and is no longer fed; kept by the monitor."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """A new iteration begins."""

    def on_forward_begin(self, call: LayerCall, now: Iteration) -> None:
        """A layer is about to run."""

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """A layer has run."""

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """A module that has observed layers within it has run; they have been told of before."""

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Backward is about to be called, and the graph about to be freed."""

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Gradients are complete, multiplied by ``passed.scale``, before any clipping."""

    def on_gradients_discarded(self, now: Iteration) -> None:
        """The passes so far were another model's, which has stepped on them; this one's follow."""

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """An optimizer is about to read the gradients."""

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """It has moved the parameters."""

    def on_iteration_end(self, now: Iteration) -> None:
        """The iteration is over."""

    def switched_off(self, layer: str | None) -> None:
        """It has failed for ``layer``, or altogether: the time to let go of what it holds."""

    def each_layer(self, parts: Mapping[str, Part], action: Callable[[str, Part], None]) -> None:
        """Call ``action(path, part)`` for each layer, so that a fault costs that layer alone.

        Raises:
            LayerFaults: some of them failed; the others were measured.
        """
        errors: dict[str, Exception] = {}
        for path, part in parts.items():
            if path in self.off:
                continue
            try:
                action(path, part)
            except Exception as error:  # noqa: BLE001 - told by the monitor, layer by layer
                errors[path] = error
        if errors:
            raise LayerFaults(errors)


EVENTS = tuple(sorted(name for name in vars(Measurement) if name.startswith("on_")))

"""Lyapunov exponents and memory capacity, now and then."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import LayerFaults, Measurement, Schedule
from backsight.probes import DeepMeasures, deep_measures

__all__ = ["Deep", "record_measures"]

_log = logging.getLogger("backsight")


@dataclass(frozen=True, slots=True)
class _WhereAsked(Schedule):
    """In sampled iterations, if anybody has asked for it. What it takes counts towards no budget:
    one measurement would use up that of an hour."""

    asked: bool = False

    def due(self, sample: int | None, iteration: int | None = None) -> bool:
        """Whether the layers' calls are kept in this iteration."""
        return self.asked and sample is not None


class Deep(Measurement):
    """``lyapunov``, ``lyapunov_steps`` and ``memory_capacity`` of layers that can be run again.

    In the first sampled iteration, and in the first one from each multiple of ``every`` on: of a
    training that goes on from a checkpoint, these are the same. The states are those that this
    iteration's data leads through. Training waits for it, and no clock of ours runs meanwhile.

    Args:
        every: iterations; 0 for never.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1, deep=2):
        ...     for _ in range(4):
        ...         optimizer.zero_grad()
        ...         rnn(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run.profile("lyapunov").iterations.tolist(), run.profile("lyapunov").widths.tolist()
        ([0, 2], [4, 4])
    """

    name = "deep"
    signals = ("lyapunov", "lyapunov_steps", "memory_capacity")

    def __init__(self, every: int = 0) -> None:
        self.schedule = _WhereAsked(0, asked=every > 0)
        self._every = every
        self._next: int | None = None
        """The iteration from which on it is due."""
        self._due = False
        self._found: dict[str, DeepMeasures] = {}
        self._told: set[str] = set()
        """Layers of which it was said why something is not measured."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """What is run again has to be kept."""
        if self._next is None:
            self._next = -(-now.number // self._every) * self._every
        self._found, self._due = {}, now.number >= self._next
        if self._due:
            now.readers.remember()

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Run the layers again that a gradient has arrived at."""
        if not self._due:
            return
        began = time.perf_counter()
        errors: dict[str, Exception] = {}
        try:
            for name, run in now.readers.layer_runs(errors).items():
                if name not in self.off and name not in self._found:
                    self._found[name] = deep_measures(run)
        finally:
            now.aside += time.perf_counter() - began
        if errors:
            raise LayerFaults(errors)

    def on_gradients_discarded(self, now: Iteration) -> None:
        """The next pass is the one to be measured."""
        self._found = {}
        if self._due:
            now.readers.remember()

    def on_iteration_end(self, now: Iteration) -> None:
        """Record what was found."""
        if not self._due:
            return
        self._next = (now.number // self._every + 1) * self._every
        found, self._found, self._due = self._found, {}, False
        if not found:
            self._say("", "no layer of this model can be run again from state to state")

        def record(path: str, one: DeepMeasures) -> None:
            record_measures(path, one, now.record_profile, now.record)
            if one.reasons:
                self._say(path, "; ".join(one.reasons))

        self.each_layer(found, record)

    def _say(self, path: str, reason: str) -> None:
        """Once."""
        if path not in self._told:
            self._told.add(path)
            of = f" of {path}" if path else ""
            _log.warning("backsight: the deep measures%s are not complete: %s", of, reason)


def record_measures(
    path: str,
    found: DeepMeasures,
    profile: Callable[..., None],
    number: Callable[[str, float], None],
) -> None:
    """Record the deep measures of one layer.

    Args:
        path: of the layer.
        found: its measures.
        profile: records a row under a name,
        number: and this a number.

    Example:
        >>> import numpy as np
        >>> from backsight.monitor.measurements import record_measures
        >>> from backsight.probes import DeepMeasures, LyapunovSpectrum
        >>> found = DeepMeasures(LyapunovSpectrum(np.log([0.5, 0.25]), steps=20))
        >>> rows, numbers = {}, {}
        >>> record_measures("rnn.l0", found, rows.__setitem__, numbers.__setitem__)
        >>> list(rows), numbers
        (['lyapunov/rnn.l0'], {'lyapunov_steps/rnn.l0': 20.0})
    """
    name = path or "model"  # which is itself the cell
    if found.lyapunov is not None:
        profile(f"lyapunov/{name}", found.lyapunov.exponents)
        number(f"lyapunov_steps/{name}", float(found.lyapunov.steps))
    if found.capacity is not None:
        number(f"memory_capacity/{name}", found.capacity.total)

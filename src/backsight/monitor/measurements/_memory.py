"""How much of the states depends on what lies further back."""

import math

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import (
    LayerFaults,
    Measurement,
    Settling,
)
from backsight.probes import MemoryProfile

__all__ = ["StateMemory"]

FIRST, EVERY = 8, 4
"""In the first samples, as a short run has no others, and then in every so many. A layer is run
again over a few sequences, which takes as long as following its gradient does; and what is held
changes as slowly as what is learned."""


class StateMemory(Measurement):
    """``memory`` and its length, of every layer that can be run again.

    Of the backward pass that the reach is measured of, before the parameters move.

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
        >>> run.profile("memory_lag").rows[-1].tolist()
        [1.0, 2.0, 4.0, 8.0, 16.0, 20.0]
    """

    name = "memory"
    signals = ("memory", "memory_alike", "memory_lag", "memory_length", "memory_loss")
    schedule = Settling(EVERY, early=FIRST)

    def __init__(self) -> None:
        self._found: dict[str, MemoryProfile] = {}

    def on_iteration_begin(self, now: Iteration) -> None:
        """What is run again has to be kept."""
        self._found = {}
        now.readers.remember()

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Run the layers again that a gradient has arrived at."""
        found = now.readers.memories()
        self._found |= {
            name: one for name, one in found.profiles.items() if name not in self._found
        }
        if found.errors:
            raise LayerFaults(found.errors)

    def on_gradients_discarded(self, now: Iteration) -> None:
        """The next pass is the one to be measured."""
        self.on_iteration_begin(now)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record what was found."""

        def record(path: str, profile: MemoryProfile) -> None:
            name = path.removeprefix("block:") or "model"  # which is itself the cell
            if profile.alike is not None:
                now.record(f"memory_alike/{name}", profile.alike)
                return
            now.record_profile(f"memory/{name}", profile.memory)
            now.record_profile(f"memory_lag/{name}", profile.lags.astype(float))
            if profile.losses is not None:
                now.record_profile(f"memory_loss/{name}", profile.losses)
            length = profile.length
            now.record(f"memory_length/{name}", math.nan if length is None else length.steps)

        found, self._found = self._found, {}
        self.each_layer(found, record)

"""The gradient through time, and how far back it reaches."""

import math

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import SAMPLED, LayerFaults, Measurement
from backsight.probes import GradientProfile, Readers, Readings

__all__ = ["Reach"]

UNKNOWN = -1.0
"""Of ``graph_end``, where the graph cannot be asked."""


class Reach(Measurement):
    """``grad_time``, ``reach`` and what follows from them, of every layer that a gradient reaches.

    The first backward pass of an iteration that reaches a layer is the one that is measured.

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
        >>> run.profile("reach").widths.tolist(), bool(run["half_life"][0] < run["horizon"][0])
        ([20], True)
    """

    name = "reach"
    signals = (
        "begun_anew",
        "block_reach",
        "grad_time",
        "grad_time_cell",
        "graph_end",
        "growth_rate",
        "half_life",
        "horizon",
        "inactive",
        "last_column",
        "reach",
        "reach_ahead",
        "reach_share",
        "underflow",
    )
    schedule = SAMPLED

    def __init__(self) -> None:
        self._replayed = False
        self._readers: Readers | None = None

    def on_iteration_begin(self, now: Iteration) -> None:
        """No gradient has arrived."""
        self._replayed = False
        self._readers = now.readers

    def on_forward_begin(self, call: LayerCall, now: Iteration) -> None:
        """What dropout is about to be drawn from is needed to run the layer again."""
        now.readers.before(call.path, call.module, call.inputs, call.named)

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what the gradient is read from."""
        now.readers.called(call.path, call.module, call.inputs, call.named, call.result)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """What can only be asked of the graph."""
        self._keep(now.readers.graph_whole(passed.roots, passed.gradients, passed.scale), now)

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Fused layers are replayed from the gradients on their outputs."""
        if self._replayed:
            return
        read = now.readers.backward_ended(now.scale)
        self._replayed = bool(read.profiles)
        self._keep(read, now)

    def on_gradients_discarded(self, now: Iteration) -> None:
        """The next pass is the one to be measured."""
        self._replayed = False

    def on_iteration_end(self, now: Iteration) -> None:
        """Record profiles and what follows from them; nothing where no gradient arrived."""

        def record(path: str, profile: GradientProfile) -> None:
            name = path or "model"  # which is itself the cell
            if profile.reach_ahead is not None and profile.reach_ahead.size:
                now.record_profile(f"reach_ahead/{name}", profile.reach_ahead)
            if profile.outcome == "not enough data":
                return
            if profile.role == "block":  # evidence beside the input's, which is what is judged
                now.record_profile(f"block_reach/{path.removeprefix('block:')}", profile.reach)
                return
            now.record_profile(f"grad_time/{name}", profile.grad_time)
            if profile.reach.size:
                now.record_profile(f"reach/{name}", profile.reach)
            if profile.grad_time_cell is not None:
                now.record_profile(f"grad_time_cell/{name}", profile.grad_time_cell)
            half, far = profile.half_life, profile.horizon
            now.record(f"half_life/{name}", math.nan if half is None else half.steps)
            now.record(f"horizon/{name}", math.nan if far is None else far.steps)
            now.record(f"growth_rate/{name}", profile.growth_rate)
            if profile.share is not None:
                now.record_profile(f"reach_share/{name}", profile.share)
            if profile.reach.size:
                end = profile.graph_end
                now.record(f"graph_end/{name}", UNKNOWN if end is None else end)
            if profile.underflow:
                now.record(f"underflow/{name}", 1.0)
            if profile.begun:
                now.record(f"begun_anew/{name}", profile.begun)
            if profile.inactive is not None:
                now.record(f"inactive/{name}", profile.inactive)
            if profile.last_column is not None:
                now.record(f"last_column/{name}", profile.last_column)

        self.each_layer(now.profiles, record)

    def switched_off(self, layer: str | None) -> None:
        """A pass no longer asks for that layer."""
        if self._readers is not None and layer is not None and layer in self._readers:
            self._readers.ignore(layer)

    @staticmethod
    def _keep(read: Readings, now: Iteration) -> None:
        now.profiles |= read.profiles
        if read.errors:
            raise LayerFaults(read.errors)

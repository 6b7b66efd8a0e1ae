"""How large the parameters are, and how far a step moves them."""

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import ParameterUpdates

__all__ = ["Updates"]


class Updates(Measurement):
    """``‖θ‖`` and ``‖Δθ‖/‖θ‖`` of each parameter.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.0)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["update_ratio/weight_hh_l0"].tolist()
        [0.0]
    """

    name = "updates"
    signals = ("update_ratio", "weight_norm")
    schedule = SAMPLED

    def __init__(self) -> None:
        self._before: dict[int, ParameterUpdates] = {}
        """By the optimizer's identity, where its parameters were."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Let the copies go."""
        self._before = {}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Remember where the parameters are."""
        self._before[id(step.optimizer)] = ParameterUpdates(
            {
                name: p
                for name, p in step.parameters.items()
                if p.numel() and (p.is_floating_point() or p.is_complex())
            }
        )

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Record where they went."""
        moved = self._before.pop(id(step.optimizer), None)
        if moved is not None and moved.names:
            norms, ratios = moved.measure()
            now.record_each([f"weight_norm/{name}" for name in moved.names], norms)
            now.record_each([f"update_ratio/{name}" for name in moved.names], ratios)

    def on_iteration_end(self, now: Iteration) -> None:
        """A step that never ended leaves nothing behind."""
        self._before = {}

"""How large the parameters are, and how far a step moves them."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import ParameterUpdates, tensor_norms, total_norm

__all__ = ["Updates"]


BY_HAND = 0
"""The key of updates without an optimizer: no identity of one."""


class Updates(Measurement):
    """``‖θ‖`` and ``‖Δθ‖/‖θ‖`` of each parameter, and how far an optimizer moves them all.

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
        >>> backsight.Run("runs/mine")["effective_lr"].tolist()
        [0.0]
    """

    name = "updates"
    signals = ("effective_lr", "update_ratio", "update_rms", "weight_norm")
    schedule = SAMPLED

    def __init__(self) -> None:
        self._before: dict[int, ParameterUpdates] = {}
        """By the optimizer's identity, where its parameters were."""
        self._gradients: dict[int, Tensor] = {}
        """And the norm of their gradients."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Let the copies go."""
        self._before, self._gradients = {}, {}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Remember where the parameters are."""
        self._before[id(step.optimizer)] = _updates_of(step.parameters)
        there = [g for p in step.parameters.values() if (g := p.grad) is not None]
        if there and not step.closure:  # a closure has yet to compute them
            norm = total_norm(tensor_norms(there))
            # A fused optimizer divides the loss scale out by itself.
            scale = vars(step.optimizer).get("grad_scale")
            self._gradients[id(step.optimizer)] = norm if scale is None else norm / scale

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Record where they went."""
        moved = self._before.pop(id(step.optimizer), None)
        self._record(moved, now)
        norm = self._gradients.pop(id(step.optimizer), None)
        if moved is not None and moved.names:
            which = f"/{step.number + 1}" if step.number else ""
            now.record(f"update_rms{which}", moved.length / math.sqrt(moved.elements))
            if norm is not None:
                norm, none = norm.to(moved.length.device), torch.zeros_like(moved.length)
                ratio = torch.where(norm == 0, none, moved.length / norm)
                now.record(f"effective_lr{which}", ratio)

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """The user's own code, in place of an optimizer, is about to move them."""
        if now.by_hand and BY_HAND not in self._before:
            self._before[BY_HAND] = _updates_of(now.parameters)

    def on_iteration_end(self, now: Iteration) -> None:
        """A step that never ended leaves nothing behind."""
        self._record(self._before.pop(BY_HAND, None), now)
        self._before = {}

    def _record(self, moved: ParameterUpdates | None, now: Iteration) -> None:
        if moved is not None and moved.names:
            norms, ratios = moved.measure()
            now.record_each([f"weight_norm/{name}" for name in moved.names], norms)
            now.record_each([f"update_ratio/{name}" for name in moved.names], ratios)


def _updates_of(parameters: Mapping[str, nn.Parameter]) -> ParameterUpdates:
    """Of those that are to be trained: what is frozen on purpose stays where it is."""
    return ParameterUpdates(
        {name: p for name, p in parameters.items() if p.requires_grad and p.numel()}
    )  # an integer requires none

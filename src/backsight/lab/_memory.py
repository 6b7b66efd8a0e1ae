"""Training on a memory task: fresh random sequences, and held-out ones to validate on."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.lab._tasks import Memory
from backsight.lab._training_task import last_losses, loss_of, precise
from backsight.nn import SequenceModel
from backsight.tasks import NO_LOSS, Batches, MemoryTask

__all__ = ["AT_ONCE", "HELD_OUT", "Memorising", "missed"]

HELD_OUT = 2**32
"""Seed of the held-out sequences: no run's own, which are all below it."""

AT_ONCE = 250
"""Sequences validated at once: enough to be fast, few enough for a thousand steps of a GRU."""


class Memorising:
    """Answers about an input long past.

    Args:
        config: the settings.

    Example:
        >>> from backsight.lab import MemoryEcho, Memorising
        >>> task = Memorising(MemoryEcho(length=10, batch=4, hidden=8, validate_sequences=16))
        >>> inputs, targets, fresh = task.draw()
        >>> inputs.shape, targets.shape, fresh
        ((4, 10, 8), (4, 10), True)
        >>> sorted(task.scores(task.model()))
        ['val_error', 'val_loss', 'val_sequence_error']
    """

    def __init__(self, config: Memory) -> None:
        self.task = config.task
        self.kind = self.task.kind
        self.steps = self.longest = self.task.length
        self._config = config
        self._batches = Batches(self.task, config.batch, seed=config.seed)
        # Half of what a shorter memory achieves: the far past is in use.
        self.enough: float | None = self.task.near_baseline / 2

    def facts(self) -> dict[str, Any]:
        """The task, how far back it asks, what a guess achieves, and when it is solved."""
        task = self.task
        baselines = {"memoryless": task.baseline}
        if task.near_baseline != task.baseline:
            baselines["short memory"] = task.near_baseline
        return {
            "origin": f"the {task.name} task",
            "task": task.name,
            "length": task.length,
            "lag": task.lag,
            "kind": task.kind,
            "validation_sequences": self._config.validate_sequences,
            "baselines": baselines,
            "criterion": asdict(task.criterion),
        }

    def model(self) -> SequenceModel:
        """As the settings say, for this task's inputs and outputs."""
        config, task = self._config, self.task
        return SequenceModel(
            task.inputs,
            task.outputs,
            cell=config.cell,
            hidden=config.hidden,
            layers=config.layers,
            dropout=config.dropout,
            init=config.init,
            gain=config.gain,
            every_step=task.every_step,
            t_max=self.steps,
        )

    def shortest(self, wanted: int) -> int:
        """What the task itself allows: some have a least length."""
        for steps in range(wanted, self.steps):
            try:
                replace(self._config, length=steps)
            except SettingError:
                continue
            return steps
        return self.steps

    def draw(self, steps: int | None = None) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """Sequences never seen before; each begins from a fresh state."""
        if steps is not None and steps != self._batches.task.length:
            self._batches.task = replace(self._config, length=steps).task
        return *self._batches.draw(), True

    def elsewhere(self) -> None:
        """Another seed's sequences are others already."""

    @torch.no_grad()
    def scores(self, model: nn.Module) -> dict[str, float]:
        """Mean loss over the held-out targets, and the shares of wrong answers and sequences."""
        device = next(model.parameters()).device
        was_training = model.training
        model.eval()
        loss = torch.zeros((), dtype=torch.float64)
        wrong = count = failed = 0
        left = self._config.validate_sequences
        # Drawn anew each time, the same ones: thousands of long sequences would fill memory.
        held_out = Batches(self.task, min(AT_ONCE, left), seed=HELD_OUT)
        while left > 0:
            inputs, targets = (torch.from_numpy(a[:left]).to(device) for a in held_out.draw())
            outputs = precise(model(inputs)[0])
            loss += loss_of(self.kind, outputs, targets, "sum").cpu()
            count += targets.numel()
            if self.kind == "classes":
                count -= int((targets == NO_LOSS).sum())
            wrong_ones = missed(self.task, outputs, targets)
            wrong += int(wrong_ones.sum())
            failed += int(wrong_ones.any(1).sum())
            left -= len(targets)
        model.train(was_training)
        return {
            "val_loss": float(loss / count),
            "val_error": wrong / count,
            "val_sequence_error": failed / self._config.validate_sequences,
        }

    @torch.no_grad()
    def context_losses(self, model: nn.Module, length: int) -> NDArray[np.float64]:
        """Of held-out sequences' last answers, from their last ``length`` steps alone."""
        count = min(AT_ONCE, self._config.validate_sequences)
        inputs, targets = Batches(self.task, count, seed=HELD_OUT).draw()
        last = targets[:, -1] if self.task.every_step else targets
        return last_losses(model, self.kind, inputs[:, -length:], last)

    def sample(self, model: nn.Module) -> dict[str, Any]:
        """Nothing: there is nothing to read in what it answers."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Where the sequences stand."""
        return {"batches": self._batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Draw on from there."""
        self._batches.load_state_dict(state["batches"])


def missed(task: MemoryTask, outputs: Tensor, targets: Tensor) -> Tensor:
    """``(B, n)``: which answers are wrong; one for want of numbers is, one not asked is not.

    Example:
        >>> import torch
        >>> from backsight.lab import missed
        >>> from backsight.tasks import Adding
        >>> outputs, targets = torch.tensor([[0.50], [0.9]]), torch.tensor([[0.55], [0.5]])
        >>> missed(Adding(), outputs, targets).tolist()  # off by 0.08 or more
        [[False], [True]]
    """
    if task.kind == "value":
        tolerance = task.criterion.tolerance
        assert tolerance is not None
        return (~((outputs - targets).abs() < tolerance)).flatten(1)
    answered = torch.isfinite(outputs).all(dim=-1)
    wrong = (outputs.argmax(dim=-1) != targets) | ~answered
    return (wrong & (targets != NO_LOSS)).reshape(len(targets), -1)

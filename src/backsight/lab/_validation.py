"""Loss on held-out text, always on the same windows, beside what counting alone achieves."""

import math

import numpy as np
import torch
from torch import nn

from backsight.lab._training_task import loss_of, precise
from backsight.nn import State
from backsight.tasks import Split, bigram_loss, unigram_loss, windows

__all__ = ["Validation"]


class Validation:
    """A fixed set of validation windows.

    Args:
        split: the corpus; its validation part is used.
        batch: parallel streams.
        steps: window length ``T``.
        characters: about how many positions to use.
        stateful: carry the hidden state from window to window, as training does.
    """

    def __init__(
        self, split: Split, *, batch: int, steps: int, characters: int, stateful: bool
    ) -> None:
        limit = max(1, math.ceil(characters / (batch * steps)))
        self._windows = list(windows(split.validation, batch, steps, limit))
        self._stateful = stateful
        self._split = split

    def baselines(self) -> dict[str, float]:
        """Nats a character at the same positions, by guessing from counts of the training part."""
        before = np.concatenate([inputs.ravel() for inputs, _, _ in self._windows])
        after = np.concatenate([targets.ravel() for _, targets, _ in self._windows])
        train, size = self._split.train, len(self._split.vocabulary)
        return {
            "uniform": math.log(size),
            "unigram": unigram_loss(train, after, size),
            "bigram": bigram_loss(train, before, after, size),
        }

    @torch.no_grad()
    def loss(self, model: nn.Module) -> float:
        """Mean of ``-ln p(next character)`` in nats; ``model`` is left in the mode it was in."""
        device = next(model.parameters()).device
        was_training = model.training
        model.eval()
        total, count = torch.zeros((), dtype=torch.float64), 0
        state: State | None = None
        for inputs, targets, fresh in self._windows:
            if fresh or not self._stateful:
                state = None
            logits, state = model(torch.tensor(inputs, device=device), state)
            asked = torch.tensor(targets, device=device)
            total += loss_of("classes", precise(logits), asked, "sum").cpu()
            count += asked.numel()
        model.train(was_training)
        return float(total / count)

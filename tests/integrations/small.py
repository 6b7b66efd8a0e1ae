"""The small training that callbacks are tested on: the sign of the first of ten numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from backsight.integrations._headlines import ITERATION, SAMPLED, label_of
from tests.integrations.conformance import Course

__all__ = ["Classifier", "SpoiledLoss", "numbers", "points_of"]


def points_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """What a log without steps has of ours by name, each value with the step it says."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith("backsight/") and name not in (ITERATION, SAMPLED):
                found.setdefault(name, []).append((int(row[label_of(name) or ""]), value))
    return found


def numbers(count: int = 48, steps: int = 10) -> tuple[Tensor, Tensor]:
    """``(B, T, 1)`` numbers, and ``(B,)`` the class, 0 or 1, of the first."""
    x = torch.randn(count, steps, 1, generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0, 0] > 0).long()


class Classifier(nn.Module):
    """An LSTM, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(1, 6, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, 1)`` to ``(B, 2)``."""
        scores: Tensor = self.head(self.rnn(x)[0][:, -1])
        return scores


class SpoiledLoss(nn.Module):
    """The loss, spoiled as a course wants it while the gradient is recorded."""

    def __init__(self, course: Course | None = None) -> None:
        super().__init__()
        self.course, self.passes = course, 0

    def forward(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Of ``(B, 2)`` and ``(B,)``."""
        loss = cross_entropy(scores, wanted)
        if self.course is None or not torch.is_grad_enabled():
            return loss
        self.passes += 1
        return self.course.spoil(self.passes - 1, loss)

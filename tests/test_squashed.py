"""What is squashed twice, in ways that are written by hand, and what only looks like it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backsight.probes import LossOperations, squashed_twice

ROWS, CLASSES = 6, 4

Loss = Callable[[Tensor, Tensor], Tensor]
ce = functional.cross_entropy
logits_bce = functional.binary_cross_entropy_with_logits


def softmax(z: Tensor) -> Tensor:
    each = torch.exp(z - z.max(-1, keepdim=True).values)
    return each / each.sum(-1, keepdim=True)


def shares(p: Tensor) -> Tensor:
    return p / p.sum(1, keepdim=True)


def hot(y: Tensor) -> Tensor:
    return functional.one_hot(y, CLASSES).float()


TWICE: dict[str, Loss] = {
    "and a small number": lambda z, y: ce(z.softmax(1) + 1e-8, y),
    "and a factor": lambda z, y: logits_bce(0.98 * z.sigmoid() + 0.01, hot(y)),
    "between -1 and 1": lambda z, y: logits_bce(2 * z.sigmoid() - 1, hot(y)),
    "cut off": lambda z, y: logits_bce(z.sigmoid().clamp(1e-6, 1 - 1e-6), hot(y)),
    "a softmax by hand": lambda z, y: ce(softmax(z), y),
    "a sigmoid by hand": lambda z, y: logits_bce(1 / (1 + torch.exp(-z)), hot(y)),
    "divided by its sum": lambda z, y: ce(shares(z.softmax(1)), y),
    "a loss by hand": lambda z, y: -z.softmax(1).log_softmax(1)[torch.arange(ROWS), y].mean(),
    "targets of shares": lambda z, y: ce(z.softmax(1), (hot(y) + 0.1) / 1.4),
    "two sigmoids": lambda z, y: functional.binary_cross_entropy(z.sigmoid().sigmoid(), hot(y)),
}
ONCE: dict[str, Loss] = {
    "logits": ce,
    "a logarithm between": lambda z, y: ce((z.softmax(1) + 1e-8).log(), y),
    "a temperature": lambda z, y: ce(20 * z.sigmoid(), y),
    "a layer between": lambda z, y: ce(z.softmax(1) @ torch.randn(CLASSES, CLASSES), y),
    "a gate": lambda z, y: ce(z.sigmoid() * z, y),
    "log-softmax": lambda z, y: functional.nll_loss(z.log_softmax(1), y),
    "one sigmoid": lambda z, y: functional.binary_cross_entropy(z.sigmoid(), hot(y)),
}


def found(loss: Loss) -> list[tuple[str, str]]:
    torch.manual_seed(0)
    z = torch.randn(ROWS, CLASSES, requires_grad=True)
    return list(squashed_twice(LossOperations([loss(z, torch.randint(CLASSES, (ROWS,)))])))


@pytest.mark.parametrize("which", TWICE)
def test_told(which: str) -> None:
    ((before, _),) = found(TWICE[which])
    assert before in ("softmax", "sigmoid")


@pytest.mark.parametrize("which", ONCE)
def test_not_told(which: str) -> None:
    assert found(ONCE[which]) == []

"""What is squashed twice, or not at all, and what only looks like it: also where it is by hand."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backsight.probes import LossOperations, squashed_twice, unsquashed

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


def by_logarithms(p: Tensor, y: Tensor) -> Tensor:
    return -(hot(y) * (p + 1e-8).log() + (1 - hot(y)) * (1 - p + 1e-8).log()).mean()


def by_logsumexp(p: Tensor, y: Tensor) -> Tensor:
    return (p.logsumexp(1) - p.gather(1, y[:, None])[:, 0]).mean()


def by_softplus(p: Tensor, y: Tensor) -> Tensor:
    return (functional.softplus(p) - hot(y) * p).mean()


MASK = torch.ones(ROWS, CLASSES).bool()
MASK[:, -1] = False

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
    "two sigmoids, by hand": lambda z, y: by_logarithms(z.sigmoid().sigmoid(), y),
    "a sum of exponentials": lambda z, y: by_logsumexp(z.softmax(1), y),
    "a softplus": lambda z, y: by_softplus(z.sigmoid(), y),
    "a mask": lambda z, y: ce(z.softmax(1).masked_fill(~MASK, 0.0), y % 3),
    "a factor of zeros and ones": lambda z, y: ce(z.softmax(1) * MASK, y % 3),
    "a mean over steps": lambda z, y: ce(z.view(2, 3, 4).softmax(2).mean(1), y[:2]),
    "some rows": lambda z, y: ce(z.softmax(1)[y > 0], y[y > 0]),
}
ONCE: dict[str, Loss] = {
    "logits": ce,
    "a logarithm between": lambda z, y: ce((z.softmax(1) + 1e-8).log(), y),
    "a temperature": lambda z, y: ce(20 * z.sigmoid(), y),
    "a layer between": lambda z, y: ce(z.softmax(1) @ torch.randn(CLASSES, CLASSES), y),
    "a gate": lambda z, y: ce(z.sigmoid() * z, y),
    "log-softmax": lambda z, y: functional.nll_loss(z.log_softmax(1), y),
    "one sigmoid": lambda z, y: functional.binary_cross_entropy(z.sigmoid(), hot(y)),
    "one sigmoid, by hand": lambda z, y: by_logarithms(z.sigmoid(), y),
    "a sum of exponentials": by_logsumexp,
    "a softplus": by_softplus,
    "the largest of probabilities": lambda z, y: z.softmax(1).logsumexp(1).sum(),
    "an attention's entropy": lambda z, y: (z.sigmoid().softmax(1).log() * hot(y)).sum(),
}

layer = torch.nn.Linear(CLASSES, CLASSES)
nll, kl = functional.nll_loss, functional.kl_div


def ctc(log_p: Tensor, y: Tensor) -> Tensor:
    steps, asked = torch.tensor([ROWS]), torch.tensor([2])
    return functional.ctc_loss(log_p[:, None], y[None, :2].clamp(min=1), steps, asked)


NOT_AT_ALL: dict[str, Loss] = {
    "likelihood of logits": lambda z, y: nll(layer(z), y),
    "of rows of a sequence": lambda z, y: nll(layer(z.view(2, 3, 4)).transpose(1, 2), y.view(2, 3)),
    "CTC of logits": lambda z, y: ctc(layer(z), y),
    "along the batch": lambda z, y: nll(layer(z).log_softmax(0), y),
    "divergence of logits": lambda z, y: kl(layer(z), hot(y), reduction="batchmean"),
    "divergence of probabilities": lambda z, y: kl(layer(z).softmax(1), hot(y), reduction="sum"),
    "cut off in place of a sigmoid": lambda z, y: functional.binary_cross_entropy(
        layer(z).clamp(1e-6, 1 - 1e-6), hot(y)
    ),
}
AS_EXPECTED: dict[str, Loss] = {
    "likelihood": lambda z, y: nll(layer(z).log_softmax(1), y),
    "weighed by how hard it is": lambda z, y: nll(
        (1 - layer(z).softmax(1)) ** 2 * layer(z).log_softmax(1), y
    ),
    "of a sequence": lambda z, y: nll(
        layer(z.view(2, 3, 4)).log_softmax(2).transpose(1, 2), y.view(2, 3)
    ),
    "CTC": lambda z, y: ctc(layer(z).log_softmax(1), y),
    "divergence": lambda z, y: kl(layer(z).log_softmax(1), hot(y), reduction="batchmean"),
    "a product beside a constant": lambda z, y: (1 - hot(y) * layer(z).sigmoid()).mean(),
    "an error": lambda z, y: (hot(y) - 0.5 * layer(z)).square().mean(),
    "a sigmoid that is cut off": lambda z, y: functional.binary_cross_entropy(
        layer(z).sigmoid().clamp(1e-6, 1 - 1e-6), hot(y)
    ),
}


def found(
    loss: Loss, probe: Callable[[LossOperations], Iterator[tuple[str, str]]] = squashed_twice
) -> list[tuple[str, str]]:
    torch.manual_seed(0)
    z = torch.randn(ROWS, CLASSES, requires_grad=True)
    return list(probe(LossOperations([loss(z, torch.randint(CLASSES, (ROWS,)))])))


@pytest.mark.parametrize("which", TWICE)
def test_told(which: str) -> None:
    places = found(TWICE[which])
    assert {before for before, _ in places} <= {"softmax", "sigmoid", "sigmoid of a sigmoid"}
    assert len(places) == 1


@pytest.mark.parametrize("which", ONCE)
def test_not_told(which: str) -> None:
    assert found(ONCE[which]) == []


@pytest.mark.parametrize("which", NOT_AT_ALL)
def test_what_is_not_squashed_is_told(which: str) -> None:
    ((before, _),) = found(NOT_AT_ALL[which], unsquashed)
    assert before in ("layer", "softmax", "log-softmax along another axis")


@pytest.mark.parametrize("which", AS_EXPECTED)
def test_what_is_as_expected_is_not(which: str) -> None:
    assert found(AS_EXPECTED[which], unsquashed) == []


@pytest.mark.parametrize(("units", "axis", "told"), [(1, 1, 1), (2, 1, 0), (1, 0, 0)])
def test_a_softmax_of_one_unit(units: int, axis: int, told: int) -> None:
    def loss(z: Tensor, y: Tensor) -> Tensor:
        answers = layer(z)[:, :units].softmax(axis)
        return functional.binary_cross_entropy(answers, hot(y)[:, :units])

    assert found(loss) == [("softmax of one unit", "binary cross-entropy")] * told

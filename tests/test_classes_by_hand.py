"""A cross-entropy that is written by hand has the targets of the one of PyTorch's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backsight.probes import LossOperations, depends_across, loss_targets, loss_terms

ROWS, STEPS, CLASSES = 6, 5, 4

Nll = Callable[[Tensor, Tensor], Tensor]


def indexed(z: Tensor, y: Tensor) -> Tensor:
    rows, steps = torch.arange(ROWS)[:, None], torch.arange(STEPS)
    return -z.log_softmax(-1)[rows, steps, y]


def shares(z: Tensor) -> Tensor:
    e = z.exp()
    return e / e.sum(-1, keepdim=True)


def _log_prob(z: Tensor, y: Tensor) -> Tensor:
    log_p: Tensor = torch.distributions.Categorical(logits=z).log_prob(y)  # type: ignore[no-untyped-call]
    return log_p


FORMS: dict[str, Nll] = {
    "gather": lambda z, y: -z.log_softmax(-1).gather(2, y[..., None]).squeeze(-1),
    "gather along the second axis": lambda z, y: (
        -z.transpose(1, 2).log_softmax(1).gather(1, y[:, None]).squeeze(1)
    ),
    "gather, then log": lambda z, y: -(z.softmax(-1).gather(2, y[..., None]) + 1e-12).log(),
    "log, then gather": lambda z, y: -(z.softmax(-1) + 1e-12).log().gather(2, y[..., None]),
    "index": indexed,
    "index of rows": lambda z, y: (
        -z.reshape(-1, CLASSES).log_softmax(1)[torch.arange(y.numel()), y.reshape(-1)]
    ),
    "one-hot": lambda z, y: -(functional.one_hot(y, CLASSES) * z.log_softmax(-1)).sum(-1),
    "one-hot by einsum": lambda z, y: (
        -torch.einsum("btc,btc->bt", z.log_softmax(-1), functional.one_hot(y, CLASSES).float())
    ),
    "logsumexp": lambda z, y: z.logsumexp(-1) - z.gather(2, y[..., None]).squeeze(-1),
    "softmax by hand": lambda z, y: -shares(z).gather(2, y[..., None]).log(),
    "one-hot of probabilities": lambda z, y: functional.cross_entropy(
        z.reshape(-1, CLASSES), functional.one_hot(y, CLASSES).reshape(-1, CLASSES).float(),
        reduction="none",
    ),
    "of a distribution": lambda z, y: -_log_prob(z, y),
}  # fmt: skip


def drawn() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    z = torch.randn(ROWS, STEPS, CLASSES, requires_grad=True)
    return z, torch.randint(CLASSES, (ROWS, STEPS))


@pytest.mark.parametrize("form", FORMS)
def test_its_targets_and_its_value(form: str) -> None:
    z, y = drawn()
    loss = FORMS[form](z, y).mean()
    (given,) = loss_targets(LossOperations([loss]))
    assert given.target.flatten().tolist() == y.flatten().tolist()
    (term,) = loss_terms([loss])
    assert term.factor is not None
    assert term.factor * term.value == pytest.approx(float(loss.detach()), rel=1e-5)
    assert term.factor * term.elements == pytest.approx(1)


@pytest.mark.parametrize("form", ["gather", "index", "one-hot", "logsumexp"])
def test_a_mask_leaves_its_rows_out(form: str) -> None:
    z, y = drawn()
    mask = torch.arange(STEPS) < torch.tensor([5, 3, 4, 2, 5, 1])[:, None]
    loss = (FORMS[form](z, y) * mask).sum() / mask.sum()
    (term,) = loss_terms([loss])
    assert (term.amounts > 0).tolist() == mask.flatten().tolist()


def test_a_policy_gradient_is_none() -> None:
    z, y = drawn()
    loss = (FORMS["of a distribution"](z, y) * torch.randn(ROWS, STEPS)).mean()
    assert loss_terms([loss]) == []


def test_values_of_actions_are_none() -> None:
    z, y = drawn()
    loss = (z.gather(2, y[..., None]) - torch.randn(ROWS, STEPS, 1)).square().mean()
    assert loss_targets(LossOperations([loss])) == []


def test_rows_in_another_order_are_none() -> None:
    z, y = drawn()
    rows = z.reshape(-1, CLASSES).log_softmax(1)
    loss = -rows[torch.randperm(len(rows)), y.reshape(-1)].mean()
    assert loss_targets(LossOperations([loss])) == []


NEIGHBOURS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "words": lambda: _beside(torch.randint(10, (18, 11)), lambda x, before: (x + before) % 5),
    "numbers": lambda: _beside(torch.randn(24, 15, 1), lambda x, before: (x + before)[..., 0]),
}


def _beside(x: Tensor, answer: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    return x[:, 1:], answer(x[:, 1:], x[:, :-1])


@pytest.mark.parametrize("which", NEIGHBOURS)
def test_targets_depend_on_the_neighbour_along_time(which: str) -> None:
    torch.manual_seed(1)
    x, y = NEIGHBOURS[which]()
    every = torch.ones(y.numel(), dtype=torch.bool)
    assert depends_across(x, y, every)
    assert not depends_across(x.transpose(0, 1), y, every)
    alone = x if x.dim() == 2 else x[..., 0]
    assert not depends_across(x, alone + 1, every)  # of their own input alone


def test_targets_depend_on_a_step_further_along_time() -> None:
    """Of noisy frames, two steps before and two behind."""
    torch.manual_seed(1)
    for _ in range(5):
        x = torch.randn(16, 22, 4)
        y = (x[..., 0].roll(2, 1) + x[..., 1].roll(-2, 1) > 0).float()
        every = torch.ones(y.numel(), dtype=torch.bool)
        assert depends_across(x, y, every)
        assert not depends_across(x.transpose(0, 1), y, every)


def test_rows_that_are_neighbours_are_no_time() -> None:
    torch.manual_seed(1)
    text = torch.randint(6, (40,))
    rows = text.unfold(0, 12, 1)  # each begins one step behind the one before
    y = (rows[1:, 1:] + rows[1:, :-1]) % 3
    every = torch.ones(y.numel(), dtype=torch.bool)
    assert not depends_across(rows[1:, 1:].t(), y, every)


def test_the_words_that_sentences_begin_with_are_no_neighbours() -> None:
    """Two words that stand there alone, with a tag of their own: most of the pairs whose neighbours
    in the batch are equal are theirs."""
    torch.manual_seed(1)
    for _ in range(5):
        x = torch.randint(2, 20, (32, 6))
        x[:, 0] = torch.randint(0, 2, (32,))
        y = torch.randint(1, 3, (32, 6))
        y[:, 0] = 0
        every = torch.ones(y.numel(), dtype=torch.bool)
        assert not depends_across(x.t(), y.flatten(), every)

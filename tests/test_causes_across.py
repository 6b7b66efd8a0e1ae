"""Attentions and softmaxes over the batch, and views and targets that mix it, in a graph alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, scaled_dot_product_attention

from backsight.probes import (
    LayerInput,
    LossOperations,
    answers_given,
    asks_for_last,
    attends_across,
    batch_axes,
    convolved_mixed,
    errors_by_hand,
    loss_targets,
    mark_input,
    softmax_across,
    targets_turned,
    views_that_mix,
)

BATCH, STEPS, UNITS, CLASSES = 12, 10, 8, 5
AXES = batch_axes([(STEPS, BATCH)])


def encoder(first: bool, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(UNITS, 2, UNITS, dropout, batch_first=first)


def classified(first: bool, dropout: float = 0.0, batch: int = BATCH) -> Tensor:
    states = encoder(first, dropout)(torch.randn(batch, STEPS, UNITS)).mean(1)
    return cross_entropy(states[:, :CLASSES], torch.randint(CLASSES, (batch,)))


def next_symbol(first: bool) -> Tensor:
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    states = encoder(first)(nn.Embedding(CLASSES, UNITS)(text[:, :-1]))
    return cross_entropy(states.flatten(0, 1), text[:, 1:].flatten())


def tagged() -> Tensor:
    states = encoder(True)(torch.randn(BATCH, STEPS, UNITS))
    return cross_entropy(states.flatten(0, 1), torch.randint(CLASSES, (BATCH * STEPS,)))


def along_each_axis() -> Tensor:
    """Windows of ``4 × BATCH`` places, along the second axis of each."""
    q = torch.randn(4 * BATCH, 1, BATCH, UNITS, requires_grad=True)
    states = scaled_dot_product_attention(q, q, q).view(BATCH, 4 * BATCH, UNITS).mean(1)
    return cross_entropy(states, torch.randint(CLASSES, (BATCH,)))


@pytest.mark.parametrize(
    ("loss", "across"),
    [
        (lambda: classified(first=False), True),
        (lambda: classified(first=False, dropout=0.1), True),
        (lambda: classified(first=True), False),
        (lambda: classified(first=True, batch=STEPS), False),
        (lambda: next_symbol(first=False), True),
        (lambda: next_symbol(first=True), False),
        (tagged, False),
        (along_each_axis, False),
    ],
)
def test_attention_over_the_batch(loss: Callable[[], Tensor], across: bool) -> None:
    made = LossOperations([loss()])
    assert attends_across(made, loss_targets(made)) == across


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("sizes", [[(STEPS, BATCH)], [(STEPS, STEPS + 1)], [(BATCH, STEPS)]])
def test_attention_over_the_batch_of_a_recurrent_layer(
    first: bool, sizes: list[tuple[int, int]]
) -> None:
    """The layer tells which of the axes holds the sequences."""
    made = LossOperations([classified(first)])
    across = attends_across(made, loss_targets(made), sizes)
    assert across is (not first and sizes[0] == (STEPS, BATCH))


@pytest.mark.parametrize(
    ("shape", "axis", "across"),
    [
        ((BATCH, STEPS, 1), 0, True),
        ((STEPS, BATCH, 1), 1, True),
        ((BATCH, STEPS), 0, True),
        ((BATCH, STEPS, 1), 1, False),
        ((BATCH, STEPS, CLASSES), 2, False),
        ((BATCH, STEPS), 1, False),
        ((STEPS, BATCH), 1, False),  # may be rows, and a class for each
        ((BATCH, CLASSES), 0, False),
    ],
)
def test_softmax_over_the_batch(shape: tuple[int, ...], axis: int, across: bool) -> None:
    loss = torch.randn(shape, requires_grad=True).softmax(axis).square().sum()
    assert softmax_across(LossOperations([loss]), AXES) == across


@pytest.mark.parametrize(
    ("join", "mixed"),
    [
        (lambda h: h[-2:].reshape(BATCH, -1), True),
        (lambda h: torch.stack([h[-2], h[-1]]).view(BATCH, -1), True),
        (lambda h: h.view(2, 2, BATCH, UNITS)[-1].reshape(BATCH, -1), True),
        (lambda h: h.view(2, 2, BATCH, UNITS)[-1].permute(1, 0, 2).reshape(BATCH, -1), False),
        (lambda h: h[-2:].transpose(0, 1).reshape(BATCH, -1), False),
        (lambda h: torch.stack([h[-2], h[-1]], 1).view(BATCH, -1), False),
        (lambda h: torch.cat([h[-2], h[-1]], 1), False),
    ],
)
def test_some_of_the_final_states(join: Callable[[Tensor], Tensor], mixed: bool) -> None:
    states: Tensor = nn.GRU(3, UNITS, 2, bidirectional=True)(torch.randn(STEPS, BATCH, 3))[1]
    loss = nn.Linear(2 * UNITS, 1)(join(states)).sum()
    found = views_that_mix(LossOperations([loss]), AXES, [tuple(states.shape)])
    assert bool(found) == mixed


@pytest.mark.parametrize(
    ("turn", "mixed"),
    [
        (lambda x: x.view(BATCH, 3, STEPS), True),
        (lambda x: x.transpose(1, 2), False),
        (lambda x: x.transpose(1, 2).contiguous(), False),
        (lambda x: x[:, :3].unsqueeze(1).flatten(1, 2), False),
    ],
)
def test_data_of_a_convolution(turn: Callable[[Tensor], Tensor], mixed: bool) -> None:
    loss = nn.Conv1d(3, 2, 2)(turn(torch.randn(BATCH, STEPS, 3))).sum()
    assert bool(convolved_mixed(LossOperations([loss]))) == mixed


@pytest.mark.parametrize("turned", [True, False])
def test_answers_of_a_loop_that_are_put_in_a_row(turned: bool) -> None:
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    cell, state, answers = nn.GRUCell(CLASSES, CLASSES), torch.zeros(BATCH, CLASSES), []
    for x in one_hot(text[:, :-1], CLASSES).float().unbind(1):
        state = cell(x, state)
        mark_input(state, LayerInput("cell", x))
        answers.append(state)
    asked = text[:, 1:] if turned else text[:, 1:].t()
    loss = cross_entropy(torch.cat(answers), asked.reshape(-1))
    assert len(targets_turned(LossOperations([loss]), {(STEPS, BATCH)})) == turned


@pytest.mark.parametrize("step", [-1, -2])
def test_an_absolute_error_of_the_last_value(step: int) -> None:
    series = torch.arange(60.0).sin().unfold(0, 6, 1)
    error = (nn.Linear(6, 1)(series)[:, 0] - series[:, step]).abs().mean()
    (one,) = errors_by_hand(LossOperations([error]))
    assert asks_for_last(one, series) == (step == -1)


def predicted(
    causal: bool, ahead: int = 1, *, norm: bool = False, encoded: bool = False, summed: bool = False
) -> Tensor:
    """Logits of each step by an attention, and what is asked for: so many steps ahead."""
    torch.manual_seed(0)
    text, embed = torch.randint(CLASSES, (BATCH, STEPS + 2)), nn.Embedding(CLASSES, UNITS)
    x = embed(text[:, :STEPS])
    if norm:
        x = nn.BatchNorm1d(UNITS)(x.transpose(1, 2)).transpose(1, 2)
    mask = nn.Transformer.generate_square_subsequent_mask(STEPS) if causal else None
    z = nn.TransformerEncoderLayer(UNITS, 2, UNITS, 0.0, batch_first=True)(x, src_mask=mask)
    if encoded:  # what it reads as a whole, beside what it has said so far
        z = z + embed(text).mean(1, keepdim=True)
    if summed:
        z = z + x.mean(1, keepdim=True)
    z = nn.Linear(UNITS, CLASSES)(z)
    return cross_entropy(z.flatten(0, 1), text[:, ahead : ahead + STEPS].flatten())


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (lambda: predicted(causal=False), "seen"),
        (lambda: predicted(causal=True), None),
        (lambda: predicted(causal=True, norm=True), None),
        (lambda: predicted(causal=True, encoded=True), None),
        (lambda: predicted(causal=True, summed=True), None),
        (lambda: predicted(causal=True, ahead=2), "two ahead"),
        (lambda: predicted(causal=True, ahead=0), "this step"),
    ],
)
def test_a_symbol_that_is_asked_for_later(loss: Callable[[], Tensor], kind: str | None) -> None:
    found = answers_given(LossOperations([loss()]))
    assert [one.kind for one in found or []] == ([kind] if kind else [])

"""Targets that are flattened in another order than predictions, and all that is right."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from backsight.probes import LayerInput, LossOperations, mark_input
from backsight.probes.wiring import TurnedTies
from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, findings, rnn

SYMBOLS = 7
LENGTHS = torch.tensor([6, 2, 4, 3, 5, 2, 3, 6, 4, 1])
MOVES = torch.arange(STEPS) < LENGTHS[:, None]

Flat = Callable[[Tensor], Tensor]


def steps_first(z: Tensor) -> Tensor:
    return z.reshape(-1, SYMBOLS)


def rows_first(z: Tensor) -> Tensor:
    return z.transpose(0, 1).reshape(-1, SYMBOLS)


def asking(answers: Flat, target: Flat, *, padded: bool = False) -> Loss:
    """A loss of logits ``(T, B, C)`` and targets ``(B, T)``: of the next symbol, or a tag each."""

    def loss(m: nn.ModuleDict) -> Tensor:
        if padded:
            x = torch.randint(1, SYMBOLS, (BATCH, STEPS)) * MOVES
            y = torch.randint(1, SYMBOLS, (BATCH, STEPS)) * MOVES
        else:
            whole = torch.randint(SYMBOLS, (BATCH, STEPS + 1))
            x, y = whole[:, :-1], whole[:, 1:]
        z = m["head"](m["rnn"](m["embed"](x.t()))[0])
        return cross_entropy(answers(z), target(y).reshape(-1), ignore_index=0 if padded else -1)

    return loss


def modules() -> dict[str, nn.Module]:
    return {
        "embed": nn.Embedding(SYMBOLS, INPUTS), "rnn": rnn(), "head": nn.Linear(UNITS, SYMBOLS),
    }  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("answers", [steps_first, rows_first])
@pytest.mark.parametrize("turned", [True, False])
def test_targets_in_another_order(
    answers: Flat, turned: bool, padded: bool, tmp_path: Path
) -> None:
    by_step = (answers is steps_first) != turned
    loss = asking(answers, (lambda y: y.t()) if by_step else (lambda y: y), padded=padded)
    found = findings("BKS413", loss, tmp_path, modules())
    assert len(found) == turned
    for one in found:
        assert "the 60 targets of a loss run along the sequences" in one.message


def test_tags_that_tell_nothing(tmp_path: Path) -> None:
    loss = asking(steps_first, lambda y: y.flip(1))
    assert not findings("BKS413", loss, tmp_path, modules())


def of_steps(asked: str, *, turned: bool) -> Loss:
    """A loss of what each step says, of walks ``(B, T, F)``; of labels of whole sequences."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(BATCH, STEPS, INPUTS).cumsum(1)
        y = x[..., 0] - x[..., 1]
        if asked == "sequences":
            y = torch.randn(BATCH, 1).expand_as(y)
        y = y if turned else y.t()
        z = m["head"](m["rnn"](x.transpose(0, 1))[0])
        if asked == "numbers":
            return mse_loss(z[..., 0].reshape(-1), y.reshape(-1))
        return cross_entropy(steps_first(z), (y > 0).long().reshape(-1))

    return loss


@pytest.mark.some(2)
@pytest.mark.parametrize("asked", ["numbers", "classes", "sequences"])
@pytest.mark.parametrize("turned", [True, False])
def test_targets_that_go_with_other_steps(asked: str, turned: bool, tmp_path: Path) -> None:
    """Labels of whole sequences go with no step, in whatever order."""
    found = findings("BKS413", of_steps(asked, turned=turned), tmp_path, modules(), 40)
    assert len(found) == (turned and asked != "sequences")


@pytest.mark.long
@pytest.mark.parametrize("turned", [True, False])
def test_tags_that_go_with_other_symbols(turned: bool, tmp_path: Path) -> None:
    """They say whether a symbol is one of the first three."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = torch.randint(SYMBOLS, (BATCH, STEPS))
        z = m["head"](m["rnn"](m["embed"](x.t()))[0])
        y = (x if turned else x.t()) < 3
        return cross_entropy(steps_first(z), y.long().reshape(-1))

    assert bool(findings("BKS413", loss, tmp_path, modules(), 40)) == turned


@pytest.mark.parametrize("turned", [True, False])
def test_what_was_found_stays_found(turned: bool) -> None:
    """Once there are enough rows, no more are looked at."""
    ties, sizes = TurnedTies(), {(30, 50)}
    for _ in range(6):
        x = torch.randn(30, 50, 2)
        z = x.new_zeros(x.shape[:2], requires_grad=True)
        state = z.exp()
        mark_input(state, LayerInput("rnn", x, steps=0))
        y = x[..., 0].t() if turned else x[..., 0]
        found = ties.add(LossOperations([mse_loss(state.view(-1), y.reshape(-1))]), sizes)
    assert found == 1500 * turned


@pytest.mark.some(3)
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_what_was_read_backwards_is_turned_round_along_the_batch(
    axis: int | None, kind: str, tmp_path: Path
) -> None:
    """Axis 0 is time; and what is turned round along both was meant so."""

    def loss(m: nn.ModuleDict) -> Tensor:
        y = m["rnn"](m["embed"](torch.randint(SYMBOLS, (STEPS, BATCH))).flip(0))[0]
        return m["head"](y.flip([0, 1] if axis is None else axis)).square().mean()  # type: ignore[no-any-return]

    found = findings("BKS413", loss, tmp_path, {**modules(), "rnn": rnn(kind)})
    assert [one.severity for one in found] == ["error"] * (axis == 1)
    for one in found:
        assert "turned round along the batch" in one.message


def test_other_rows_of_a_layer_that_reads_forwards(tmp_path: Path) -> None:
    """As a contrast, say."""

    def loss(m: nn.ModuleDict) -> Tensor:
        y = m["rnn"](m["embed"](torch.randint(SYMBOLS, (STEPS, BATCH))))[0]
        return (m["head"](y) * m["head"](y.flip(1))).mean()  # type: ignore[no-any-return]

    assert not findings("BKS413", loss, tmp_path, modules())

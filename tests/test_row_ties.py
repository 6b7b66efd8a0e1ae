"""Whether targets go with their sequences, as far as single steps and sums tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.probes import RowTies
from tests.causes import findings, rnn

ROWS, STEPS = 400, 9

Answer = Callable[[Tensor], Tensor]

TIED: dict[str, Answer] = {
    "the last step": lambda x: x[:, -1, 0],
    "a class of the sum": lambda x: (x.sum((1, 2)) > 0).long(),
    "how fast it changes": lambda x: x.diff(dim=1).abs().sum((1, 2)),
}


def drawn(symbols: bool = False) -> Tensor:
    torch.manual_seed(0)
    return torch.randint(12, (ROWS, STEPS)) if symbols else torch.randn(ROWS, STEPS, 2)


@pytest.mark.parametrize("which", TIED)
def test_numbers_that_go_with_their_targets(which: str) -> None:
    x, answer = drawn(), TIED[which]
    ties, rolled = RowTies(), RowTies()
    for part in range(0, ROWS, 40):
        rows = slice(part, part + 40)
        ties.add(x[rows], answer(x)[rows])
        rolled.add(x[rows], answer(x).roll(37, 0)[rows])
    assert ties.rows == ROWS
    assert ties.tied
    assert not rolled.tied


def test_symbols_of_which_no_order_is_known() -> None:
    x = drawn(symbols=True)
    answers = (7 * x[:, 2] % 5 + (x[:, 5] > 3).long()) % 5
    ties, rolled = RowTies(), RowTies()
    ties.add(x, answers)
    rolled.add(x, answers.roll(5))
    assert ties.tied
    assert not rolled.tied


def test_sequences_that_come_again_do_not_count() -> None:
    x, y = drawn()[:20], torch.randn(20)
    ties = RowTies()
    for _ in range(50):
        ties.add(x, y)
    assert ties.rows == 20
    assert not ties.tied


def reshaped(m: nn.ModuleDict, *, sound: bool) -> Tensor:
    level = torch.randn(40)
    x = (level[:, None, None] + torch.randn(40, STEPS, 2)).numpy()
    x = x.transpose(1, 0, 2) if sound else x.reshape(STEPS, 40, 2)
    given = torch.from_numpy(np.ascontiguousarray(x))
    return functional.mse_loss(m["head"](m["rnn"](given)[0][-1])[:, 0], level)


@pytest.mark.parametrize("sound", [False, True])
def test_rows_that_numpy_has_reshaped(sound: bool, tmp_path: Path) -> None:
    modules = {"rnn": rnn(inputs=2), "head": nn.Linear(4, 1)}
    found = findings("BKS413", lambda m: reshaped(m, sound=sound), tmp_path, modules, 7)
    assert bool(found) is not sound

"""BKS431, as a note: what is asked for was read some steps before."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from tests.causes import findings

ROWS, LAG, UNITS = 7, 4, 5
CURVES = torch.arange(0, 60, 0.1).sin().unfold(0, 30, 20)[:ROWS, :, None]
PERIOD = (torch.arange(24.0) % 6 + torch.arange(float(ROWS))[:, None])[..., None]
TEXT = torch.randint(9, (ROWS, 21), generator=torch.Generator().manual_seed(0))

Pair = tuple[Tensor, Tensor]

WINDOWS: dict[str, tuple[Callable[[], Pair], str]] = {
    "exchanged": (lambda: (CURVES[:, LAG:], CURVES[:, :-LAG]), "was read 4 steps before"),
    "by one": (lambda: (CURVES[:, 1:], CURVES[:, :-1]), "was read 1 step before"),
    "a forecast": (lambda: (CURVES[:, :-LAG], CURVES[:, LAG:]), ""),
    "an echo": (
        lambda: (CURVES, torch.cat([torch.zeros(ROWS, LAG, 1), CURVES[:, :-LAG]], 1)),
        "",
    ),
    "rolled": (lambda: (CURVES, CURVES.roll(LAG, 1)), ""),
    "a period": (lambda: (PERIOD[:, :-1], PERIOD[:, 1:]), ""),
    "another series": (lambda: (CURVES, CURVES.cos()), ""),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("which", WINDOWS)
def test_numbers(which: str, batch_first: bool, tmp_path: Path) -> None:
    window, words = WINDOWS[which]
    x, y = (one if batch_first else one.transpose(0, 1).contiguous() for one in window())
    modules = {
        "rnn": nn.LSTM(1, UNITS, batch_first=batch_first),
        "head": nn.Linear(UNITS, 1),
    }
    found = findings("BKS431", lambda m: mse_loss(m["head"](m["rnn"](x)[0]), y), tmp_path, modules)
    assert [(one.severity, words in one.message) for one in found] == [("info", True)] * bool(words)


@pytest.mark.some(2)
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("embedded", [True, False])
def test_symbols(embedded: bool, bidirectional: bool, tmp_path: Path) -> None:
    """Of a layer in both directions, the half that reads backwards may be asked for them."""
    x, y = TEXT[:, 1:], TEXT[:, :-1]

    def loss(m: nn.ModuleDict) -> Tensor:
        given = m["embed"](x) if embedded else one_hot(x, 9).float()
        return cross_entropy(m["head"](m["rnn"](given)[0]).transpose(1, 2), y)

    modules = {
        "embed": nn.Embedding(9, 9),
        "rnn": nn.GRU(9, UNITS, batch_first=True, bidirectional=bidirectional),
        "head": nn.Linear(UNITS * (1 + bidirectional), 9),
    }
    found = findings("BKS431", loss, tmp_path, modules)
    assert [one.severity for one in found] == ([] if bidirectional else ["info"])


@pytest.mark.some(2)
@pytest.mark.parametrize("first", [-100, 9, 0])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_mark_comes_first(encoded: bool, first: int, tmp_path: Path) -> None:
    """It does not count, or a decoder is to say it; a delay of one step may be learned alone."""
    x = TEXT[:, 1:].clamp(min=1)
    y = torch.cat([torch.full((ROWS, 1), first), x[:, :-1]], 1)

    def loss(m: nn.ModuleDict) -> Tensor:
        state = m["encoder"](m["embed"](TEXT[:, :9].roll(1, 0)))[1] if encoded else None
        return cross_entropy(m["head"](m["rnn"](m["embed"](x), state)[0]).transpose(1, 2), y)

    modules = {
        "embed": nn.Embedding(10, 4),
        "encoder": nn.GRU(4, UNITS, batch_first=True),
        "rnn": nn.GRU(4, UNITS, batch_first=True),
        "head": nn.Linear(UNITS, 10),
    }
    found = findings("BKS431", loss, tmp_path, modules)
    assert [one.severity for one in found] == ["info"] * (encoded or first < 0)


def test_a_model_that_reads_backwards_predicts_what_came_before(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        states = m["rnn"](m["embed"](TEXT[:, 1:].flip(1)))[0].flip(1)
        return cross_entropy(m["head"](states).transpose(1, 2), TEXT[:, :-1])

    modules = {
        "embed": nn.Embedding(9, 4),
        "rnn": nn.GRU(4, UNITS, batch_first=True),
        "head": nn.Linear(UNITS, 9),
    }
    assert findings("BKS431", loss, tmp_path, modules) == []

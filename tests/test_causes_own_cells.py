"""Cells of one's own whose state goes on into batches that are drawn anew."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.causes import findings

BATCH, STEPS, PIXELS, CHANNELS = 4, 5, 9, 3

State = tuple[Tensor, Tensor]


class Gated(nn.Module):
    """An LSTM cell, of convolutions or of a linear layer."""

    def __init__(self, gates: nn.Module) -> None:
        super().__init__()
        self.gates = gates

    def forward(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Film:
    """Each iteration reads some steps, and goes on in the state of the one before."""

    def __init__(self, films: Iterable[tuple[Tensor, Tensor]], shape: tuple[int, ...]) -> None:
        self.films = iter(films)
        self.state: State = (torch.zeros(shape), torch.zeros(shape))

    def __call__(self, m: nn.ModuleDict) -> Tensor:
        x, y = next(self.films)
        state, answers = self.state, []
        for step in x.unbind(1):
            state = m["cell"](step, state)
            answers.append(m["read"](state[0]))
        self.state = state[0].detach(), state[1].detach()
        return functional.mse_loss(torch.stack(answers, 1), y)


def anew() -> Iterable[tuple[Tensor, Tensor]]:
    while True:
        x = torch.randn(BATCH, STEPS, 1, PIXELS)
        yield x, x.cumsum(1)


def pieces() -> Iterable[tuple[Tensor, Tensor]]:
    x = torch.randn(BATCH, 9 * STEPS, 1, PIXELS)
    yield from zip(x.chunk(9, 1), x.roll(1, 1).chunk(9, 1), strict=True)


def next_steps() -> Iterable[tuple[Tensor, Tensor]]:
    """Copied one by one, so that memory does not tell that they go on."""
    x = torch.randn(BATCH, 9 * STEPS + 1, 1, PIXELS)
    for at in range(0, 9 * STEPS, STEPS):
        yield x[:, at : at + STEPS].clone(), x[:, at + 1 : at + STEPS + 1].clone()


@pytest.mark.some(2)
@pytest.mark.parametrize(("films", "told"), [(anew, True), (pieces, False), (next_steps, False)])
@pytest.mark.parametrize("convolved", [True, False])
def test_a_state_of_an_own_cell_that_is_carried(
    films: object, told: bool, convolved: bool, tmp_path: Path
) -> None:
    given = films()  # type: ignore[operator]
    if convolved:
        gates: nn.Module = nn.Conv1d(1 + CHANNELS, 4 * CHANNELS, 3, padding=1)
        read: nn.Module = nn.Conv1d(CHANNELS, 1, 1)
        loss = Film(given, (BATCH, CHANNELS, PIXELS))
    else:
        units = 8
        gates, read = nn.Linear(PIXELS + units, 4 * units), nn.Linear(units, PIXELS)
        loss = Film(((x[:, :, 0], y[:, :, 0]) for x, y in given), (BATCH, units))
    found = findings("BKS418", loss, tmp_path, {"cell": Gated(gates), "read": read}, 9)
    assert [one.severity for one in found] == ["info"] * told

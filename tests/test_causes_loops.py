"""Loops over a cell whose last state is read behind padding, and those that are right."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, findings

LENGTHS = torch.tensor([6, 2, 4, 3, 5, 2, 3, 6, 4, 1])
ROWS = torch.arange(BATCH)
MOVES = torch.arange(STEPS) < LENGTHS[:, None]

Step = Callable[[nn.Module, Tensor, Tensor, int], Tensor]


def plain(cell: nn.Module, x: Tensor, state: Tensor, step: int) -> Tensor:
    result: Tensor = cell(x, state)
    return result


def kept(cell: nn.Module, x: Tensor, state: Tensor, step: int) -> Tensor:
    return torch.where(MOVES[:, step, None], cell(x, state), state)


def mixed(cell: nn.Module, x: Tensor, state: Tensor, step: int) -> Tensor:
    moves = MOVES[:, step, None].float()
    result: Tensor = moves * cell(x, state) + (1 - moves) * state
    return result


def over(
    step: Step = plain, read: Callable[[list[Tensor]], Tensor] = lambda s: s[-1], pad: bool = True,
    reverse: bool = False,
) -> Loss:  # fmt: skip
    def loss(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(BATCH, STEPS, INPUTS)
        x = x * MOVES[..., None] if pad else x
        state, states = torch.zeros(BATCH, UNITS), []
        for t in reversed(range(STEPS)) if reverse else range(STEPS):
            state = step(m["cell"], x[:, t], state, t)
            states.append(state)
        result: Tensor = m["head"](read(states)).square().mean()
        return result

    return loss


Cell = type[nn.GRUCell] | type[nn.RNNCell]


def modules(kind: Cell = nn.GRUCell) -> dict[str, nn.Module]:
    return {"cell": kind(INPUTS, UNITS), "head": nn.Linear(UNITS, 1)}


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.RNNCell])
def test_the_last_state_behind_padding_is_found(kind: Cell, tmp_path: Path) -> None:
    (finding,) = findings("BKS415", over(), tmp_path, modules(kind))
    assert "last step of the padded output of cell, and 40 % of all steps" in finding.message


RIGHT = {
    "a mask keeps the state": over(kept),
    "a product keeps it": over(mixed),
    "gathered": over(read=lambda s: torch.stack(s, 1)[ROWS, LENGTHS - 1]),
    "all steps": over(read=lambda s: torch.stack(s, 1)),
    "no padding": over(pad=False),
    "in reverse": over(reverse=True),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", RIGHT)
def test_a_loop_that_heeds_its_lengths_is_not(which: str, tmp_path: Path) -> None:
    assert not findings("BKS415", RIGHT[which], tmp_path, modules())

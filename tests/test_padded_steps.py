"""Padding in the losses of a loop that adds one at each step."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.probes import LossOperations, loss_targets, loss_terms, step_by_step
from tests.causes import findings

ROWS, STEPS, UNITS, SYMBOLS = 12, 8, 5, 6
LENGTHS = torch.tensor([8, 3, 5, 6, 2, 7, 4, 8, 5, 3, 6, 4])


def spelled(
    m: nn.ModuleDict, *, masked: bool = False, ignored: int = -100, encoded: bool = False
) -> Tensor:
    there = torch.arange(STEPS) < LENGTHS[:, None]
    x = torch.randint(1, SYMBOLS, (ROWS, STEPS)) * there
    y = (x % 4 + 1) * there
    state, loss = torch.zeros(ROWS, UNITS), torch.zeros(())
    state = m["embed"](x).mean(1) if encoded else state
    for step in range(STEPS):
        state = m["cell"](m["embed"](x[:, step]), state)
        each = functional.cross_entropy(
            m["head"](state), y[:, step], reduction="none", ignore_index=ignored
        )
        loss = loss + ((each * there[:, step]).sum() if masked else each.sum()) / ROWS
    return loss


def modules() -> dict[str, nn.Module]:
    return {
        "embed": nn.Embedding(SYMBOLS, UNITS), "cell": nn.GRUCell(UNITS, UNITS),
        "head": nn.Linear(UNITS, SYMBOLS),
    }  # fmt: skip


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_padding_counts_unless_it_is_ignored(ignored: int, encoded: bool, tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        return spelled(m, ignored=ignored, encoded=encoded)

    found = findings("BKS420", loss, tmp_path, modules())
    assert bool(found) is (ignored < 0)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_that_are_masked_are_no_whole(masked: bool) -> None:
    loss = spelled(nn.ModuleDict(modules()), masked=masked)
    made = LossOperations([loss])
    found = step_by_step(loss_targets(made), made, loss_terms([loss]))
    assert (found is None) is masked

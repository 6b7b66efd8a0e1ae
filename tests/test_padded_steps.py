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


@pytest.mark.some(2)
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


@pytest.mark.some(2)
@pytest.mark.parametrize("kept", ["", "where", "weighed", "read"])
@pytest.mark.parametrize("cell", [True, False])
def test_the_last_of_states_side_by_side_is_behind_padding(
    cell: bool, kept: str, tmp_path: Path
) -> None:
    """Unless a state stays as it is from where its sequence ends on, or the last step of each
    sequence is read."""

    def loss(m: nn.ModuleDict) -> Tensor:
        lengths = torch.cat([LENGTHS, torch.tensor([1, 2])]).clamp(max=STEPS)
        there = (torch.arange(STEPS) < lengths[:, None])[..., None]
        x = torch.randn(len(lengths), STEPS, 3) * there
        state, states = torch.zeros(len(lengths), UNITS), []
        for step in range(STEPS):
            now = x[:, step]
            new = m["cell"](now, state) if cell else m["own"](torch.cat([now, state], 1)).tanh()
            if kept == "where":
                new = torch.where(there[:, step], new, state)
            elif kept == "weighed":
                new = new * there[:, step] + state * ~there[:, step]
            states.append(new)
            state = new
        side_by_side = torch.stack(states, 1)
        rows = torch.arange(len(lengths))
        last = side_by_side[rows, lengths - 1] if kept == "read" else side_by_side[:, -1]
        return last.square().mean()

    read = {"cell": nn.GRUCell(3, UNITS)} if cell else {"own": nn.Linear(3 + UNITS, UNITS)}
    found = findings("BKS415", loss, tmp_path, {**read})
    assert [one.severity for one in found] == ["warning"] * (not kept)


@pytest.mark.some(2)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("symbols", [False, True])
def test_padding_of_a_loop_counts_in_one_loss_of_all_steps(
    symbols: bool, masked: bool, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        there = torch.arange(STEPS) < LENGTHS[:, None]
        text = torch.randint(1, SYMBOLS, (ROWS, STEPS)) * there
        frames, state, states = torch.randn(ROWS, STEPS, UNITS) * there[..., None], None, []
        for step in range(STEPS):
            given = m["embed"](text[:, step]) if symbols else frames[:, step]
            state = m["cell"](given, state)
            states.append(m["head"](state))
        logits = torch.stack(states, 1)
        if symbols:
            return functional.cross_entropy(
                logits.transpose(1, 2), text, ignore_index=0 if masked else -100
            )
        y, target = logits[..., 0], torch.rand(ROWS, STEPS).add(1) * there
        return functional.mse_loss(y * there if masked else y, target)

    parts = modules() if symbols else {k: v for k, v in modules().items() if k != "embed"}
    assert bool(findings("BKS420", loss, tmp_path, parts)) is not masked

"""One target that is held against the answers of all steps, and what looks like it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from tests.causes import BATCH, STEPS, UNITS, Loss, drawn, findings, rnn

pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")

Compare = Callable[[Tensor, Tensor], Tensor]


def layered(compare: Compare, answers: int = 1) -> tuple[Loss, dict[str, nn.Module]]:
    def loss(m: nn.ModuleDict) -> Tensor:
        return compare(m["head"](m["rnn"](drawn(BATCH, STEPS))[0]), torch.randn(BATCH, 1, 1))

    return loss, {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, answers)}


def looped(m: nn.ModuleDict) -> Tensor:
    state, answers = torch.zeros(BATCH, UNITS), []
    for x in drawn(STEPS, BATCH):
        state = m["rnn"](x, state)
        answers.append(m["head"](state))
    return mse_loss(torch.stack(answers, 1).squeeze(-1), torch.randn(BATCH, 1))


SPREAD: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "of a layer": layered(mse_loss),
    "by hand": layered(lambda y, target: (y - target).abs().mean()),
    "of a quantile": layered(lambda y, t: torch.maximum(0.9 * (t - y), 0.1 * (y - t)).mean()),
    "of a cosh": layered(lambda y, target: (y - target).cosh().log().mean()),
    "of a loop": (looped, {"rnn": nn.GRUCell(3, UNITS), "head": nn.Linear(UNITS, 1)}),
}


@pytest.mark.some(3)
@pytest.mark.parametrize("which", SPREAD)
def test_one_target_for_all_steps_is_told(which: str, tmp_path: Path) -> None:
    loss, modules = SPREAD[which]
    (finding,) = findings("BKS412", loss, tmp_path, modules)
    assert finding.severity == "info"
    assert finding.message.startswith(f"the answers of all {STEPS} steps are held against one")


MEANT: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "of the last step": layered(lambda y, target: mse_loss(y[:, -1], target[:, 0])),
    "quantiles": layered(lambda y, target: mse_loss(y[:, -1], target[:, 0]), answers=3),
    "a target for each": layered(lambda y, target: mse_loss(y, target + torch.randn(1, STEPS, 1))),
    "by hand, each": layered(lambda y, target: ((y - torch.randn_like(y)) ** 2).mean()),
    "of a quantile, each": layered(
        lambda y, target: torch.maximum(
            0.9 * (target + torch.randn_like(y) - y), y - torch.ones_like(y)
        ).mean()
    ),
    "away from 0": layered(lambda y, target: (y - 0).square().mean()),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", MEANT)
def test_other_targets_are_not(which: str, tmp_path: Path) -> None:
    loss, modules = MEANT[which]
    assert not findings("BKS412", loss, tmp_path, modules)

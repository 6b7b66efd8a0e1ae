"""Answers in a range that their targets lie outside of."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

from backsight import Run, diagnose, watch
from backsight.probes import LossOperations, targets_beyond
from tests.causes import findings

Z = torch.linspace(-2, 2, 8)
WIDE, NARROW = 3 + Z, 0.5 + 0.2 * Z
SPREAD = torch.tensor([-1.0, 1.0] * 4)

PAIR = torch.stack([Z, Z.flip(0)], 1).requires_grad_()


def alike(z: Tensor) -> Tensor:
    return torch.stack([z, z + 1], 1)


def shares(loss: Callable[[Tensor], Tensor]) -> list[tuple[str, float]]:
    root = loss(Z.clone().requires_grad_())
    return [(one.operation, round(one.share, 2)) for one in targets_beyond(LossOperations([root]))]


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda z: f.mse_loss(z.sigmoid(), WIDE), [("sigmoid", 0.88)]),
        (lambda z: f.smooth_l1_loss(z.tanh()[:, None], WIDE[:, None]), [("tanh", 0.88)]),
        (lambda z: f.mse_loss(z.relu(), SPREAD), [("relu", 0.5)]),
        (lambda z: (z.tanh() - WIDE).square().mean(), [("tanh", 0.88)]),
        (lambda z: (WIDE[:, None] - z.sigmoid()[:, None]).abs().mean(), [("sigmoid", 1.0)]),
        (lambda z: (z[:, None].tanh()[:, 0] - WIDE).pow(2).mean(), [("tanh", 0.88)]),
        (lambda z: f.mse_loss(z.sigmoid(), NARROW), [("sigmoid", 0.0)]),
        (lambda z: f.mse_loss(z.sigmoid(), (Z > 0).float()), [("sigmoid", 0.0)]),  # of classes
        (lambda z: f.mse_loss(5 * z.sigmoid(), WIDE), [("sigmoid", 0.0)]),  # made wider
        (lambda z: f.mse_loss(z.tanh() + 3, WIDE), []),  # moved, to where is not known
        (lambda z: f.mse_loss(2 * z, WIDE), []),
        (lambda z: f.mse_loss(z.tanh() * z.exp(), WIDE), []),
        (lambda z: f.mse_loss((-z.abs()).exp(), WIDE), [("likeness", 0.88)]),
        (lambda z: f.mse_loss(torch.exp(-((z - 1) ** 2) / 2), WIDE), [("likeness", 0.88)]),
        (lambda z: f.mse_loss(f.cosine_similarity(alike(z), PAIR), WIDE), [("likeness", 1.0)]),
        (lambda z: (f.cosine_similarity(alike(z), PAIR) - WIDE).square().mean(), []),
        (lambda z: f.mse_loss(5 * (-z.abs()).exp(), WIDE), [("likeness", 0.0)]),
        (lambda z: f.mse_loss(z.exp(), WIDE), []),  # any number above 0
        (lambda z: f.mse_loss(z.square().exp(), WIDE), []),
        (lambda z: f.mse_loss(z.relu(), torch.zeros(8)), [("relu", 0.0)]),  # a penalty
        (lambda z: f.binary_cross_entropy(z.sigmoid(), (Z > 0).float()), []),
        (lambda z: (z.exp() ** (1 + z)).mean(), []),  # to the power of a tensor, which sharpens
    ],
)
def test_targets_out_of_reach(
    loss: Callable[[Tensor], Tensor], told: list[tuple[str, float]]
) -> None:
    found = shares(loss)
    assert [name for name, _ in found] == [name for name, _ in told]
    assert [share for _, share in found] == pytest.approx([share for _, share in told], abs=0.13)


@pytest.mark.some(2)
@pytest.mark.parametrize(("by", "severities"), [(8.0, ["warning"]), (1.0, ["info"]), (0.3, [])])
def test_what_a_tanh_cannot_answer_is_told(
    by: float, severities: list[str], tmp_path: Path
) -> None:
    """Of a few, it may be meant; of most of them, nobody can mean it."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(5, 32, 2)
        target = by * torch.linspace(-1.2, 1.2, 32)[:, None]
        return f.mse_loss(m["head"](m["rnn"](x)[0][-1]).tanh(), target)

    modules: dict[str, nn.Module] = {"rnn": nn.GRU(2, 4), "head": nn.Linear(4, 1)}
    found = findings("BKS411", loss, tmp_path, modules, iterations=6)
    assert [one.severity for one in found] == severities
    assert all(
        "comes out of a tanh" in one.message or "come out of a tanh" in one.message for one in found
    )


@pytest.mark.parametrize(("grades", "told"), [(5.0, ["warning"]), (1.0, [])])
def test_grades_for_a_likeness_are_a_matter_of_scale(
    grades: float, told: list[str], tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        ends = m["rnn"](torch.randn(5, 32, 2))[0][-1]
        answers = torch.exp(-(ends[::2] - ends[1::2]).abs().sum(1))
        return f.mse_loss(answers, grades * torch.linspace(0, 1, 16))

    found = findings("BKS433", loss, tmp_path, {"rnn": nn.GRU(2, 4)}, iterations=8)
    assert [one.severity for one in found] == told


APART = torch.tensor([1e-5, 1.0, 1.0])


def test_what_a_loop_begins_with_is_no_data(tmp_path: Path) -> None:
    """It is multiplied by the matrix that its later states are; the features of data may differ."""
    m = nn.ModuleDict({"weigh": nn.Linear(3, 3), "carry": nn.Linear(3, 3)})
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    with watch(m, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            h = torch.randn(8, 3) * APART
            for x in torch.randn(4, 8, 3) * APART:
                h = torch.tanh(m["weigh"](x) + m["carry"](h))
            optimizer.zero_grad()
            h.square().mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    run = Run(tmp_path / "run")
    assert [name for name in run.names if "column_scale" in name] == ["column_scale/weigh"]
    (found,) = (one for one in diagnose(run).findings if one.code == "BKS433")
    assert (found.severity, found.module) == ("info", "columns/weigh")

"""Weights that were drawn too wide, and what only looks like it."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import SGD

from backsight import Run, watch
from backsight.diagnosis import Judge
from backsight.diagnosis.rules.wiring._wide_weights import WideWeights


def test_the_gain_is_measured_once_and_not_of_embeddings(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 1))
    weights = net.get_parameter("1.weight").detach()
    gain = weights.square().mean().sqrt().item() * 2  # √4
    optimizer = SGD(net.parameters(), lr=0.1)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            net(torch.arange(9)).sum().backward()
            optimizer.step()
    run = Run(tmp_path / "run")
    told = [name for name in run.names if name.startswith("initial_gain")]
    assert told == ["initial_gain/1.weight"]
    assert run[told[0]].tolist() == pytest.approx([gain])


@pytest.mark.parametrize(
    ("gain", "losses", "accused"),
    [
        (20.0, [9.0] + [1.0 * 0.99**i for i in range(199)], True),  # far off at first
        (20.0, [1.1 * 0.99**i for i in range(200)], False),  # and learns
        (20.0, [1.1] * 200, True),
        (2.0, [9.0] + [1.1] * 199, False),  # of another cause
        (20.0, [1.1, 1.2] + [float("nan")] * 60, True),
    ],
)
def test_wide_weights_are_told_of_where_they_do_harm(
    gain: float, losses: list[float], accused: bool
) -> None:
    judge = Judge(rules=[WideWeights()])
    for i, loss in enumerate(losses):
        sampled = {"update_ratio/w": 0.01, "guess_loss": 1.0} if i % 10 == 0 else {}
        judge.update(i, {"loss": loss} | sampled | ({} if i else {"initial_gain/out": gain}))
    assert bool(judge.diagnosis().lasting) is accused

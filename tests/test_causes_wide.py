"""Weights that were drawn too wide, and what only looks like it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
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
    ("score", "gain"),
    [
        (-1e4, 0.4 * 5**0.5),  # 9 of 25 are no weights; 0.5 is the size of the others
        (-50.0, (9 / 25 * 50**2 + 16 / 25 * 0.5**2) ** 0.5 * 5**0.5),
    ],
)
def test_transitions_that_are_forbidden_are_no_weights(
    score: float, gain: float, tmp_path: Path
) -> None:
    """Of a CRF: nothing comes before the start, and nothing after the stop."""
    model = nn.ParameterDict({"transitions": nn.Parameter(torch.full((5, 5), 0.5))})
    scores = model["transitions"]
    scores.data[0], scores.data[:, 4] = score, score
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, tmp_path / "run", every=1):
        scores.logsumexp((0, 1)).backward()
        optimizer.step()
    assert Run(tmp_path / "run")["initial_gain/transitions"].tolist() == pytest.approx([gain])


@pytest.mark.parametrize("function", [torch.exp, torch.sigmoid, nn.functional.softplus, torch.sin])
def test_the_logarithm_of_a_rate_is_no_weight(
    function: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    model = nn.ParameterDict({"rate": torch.full((3, 4), -4.0), "out": torch.ones(3, 4)})
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, tmp_path / "run", every=1):
        (torch.randn(2, 3) @ (-function(model["rate"]) * model["out"])).sum().backward()
        optimizer.step()
    told = [name for name in Run(tmp_path / "run").names if name.startswith("initial_gain/")]
    rate = ["initial_gain/rate"] if function is torch.sin else []
    assert told == ["initial_gain/out", *rate]


def test_where_all_are_the_same_they_are_weights(tmp_path: Path) -> None:
    rnn = nn.RNN(4, 4)
    rnn.state_dict()["weight_ih_l0"].fill_(-200.0)
    optimizer = SGD(rnn.parameters(), lr=0.1)
    with watch(rnn, optimizer, tmp_path / "run", every=1):
        rnn(torch.randn(3, 2, 4))[0].square().mean().backward()
        optimizer.step()
    assert Run(tmp_path / "run")["initial_gain/weight_ih_l0"].tolist() == [400.0]


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


@pytest.mark.parametrize(
    ("name", "gain", "growth", "accused"),
    [
        ("rnn.weight_hh_l0", 4.0, [3.0] * 6, True),
        ("rnn.weight_hh_l0", 1.4, [3.0] * 6, False),  # BKS102 alone
        ("rnn.weight_ih_l0", 4.0, [3.0] * 6, False),  # multiplies once
        ("rnn.weight_hh_l0", 4.0, [1.0] + [3.0] * 5, False),  # not from the start
    ],
)
def test_a_wide_recurrent_matrix_is_told_of_where_gradients_explode_from_the_start(
    name: str, gain: float, growth: list[float], accused: bool
) -> None:
    judge = Judge(rules=[WideWeights()])
    for i in range(60):
        sampled: dict[str, Any] = {}
        if i % 10 == 0:
            reach = growth[i // 10] ** np.arange(8)
            sampled = {"update_ratio/w": 0.01, "reach/rnn": reach}
        judge.update(i, {"loss": 0.99**i} | sampled | ({} if i else {f"initial_gain/{name}": gain}))
    assert bool(judge.diagnosis().lasting) is accused

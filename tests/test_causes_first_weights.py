"""Weights that begin at zero, or so large that all gates saturate, and hide the gradient."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight.diagnosis import Finding, Judge
from backsight.signals import Series
from tests.causes import BATCH, STEPS, drawn, findings, rnn

Layers = dict[str, nn.Module]


def layers(*zeros: str) -> Layers:
    made: Layers = {
        "rnn": rnn(inputs=3), "down": nn.Linear(4, 2), "up": nn.Linear(2, 4),
        "head": nn.Linear(4, 1),
    }  # fmt: skip
    for name in zeros:
        nn.init.zeros_(made[name].weight)  # type: ignore[arg-type]
        nn.init.zeros_(made[name].bias)  # type: ignore[arg-type]
    return made


def gated(m: nn.ModuleDict) -> Tensor:
    state = m["rnn"](drawn(STEPS, BATCH))[0][-1]
    loss: Tensor = (m["head"](state * m["up"](m["down"](state)).tanh()) - 1).square().mean()
    return loss


def test_two_layers_of_zeros_in_a_row(tmp_path: Path) -> None:
    found = findings("BKS436", gated, tmp_path, layers("down", "up"), 5)
    assert [(one.module, one.severity) for one in found] == [("down", "error"), ("up", "error")]
    assert found[0].message.startswith("all 8 weights of down are zero, and so is their gradient")


def added(m: nn.ModuleDict) -> Tensor:
    """What is of zeros begins as if it were not there."""
    state = m["rnn"](drawn(STEPS, BATCH))[0][-1]
    loss: Tensor = (m["head"](state + m["up"](m["down"](state))) - 1).square().mean()
    return loss


def no_reward(m: nn.ModuleDict) -> Tensor:
    """Two heads of zeros that are asked for zero: nothing has a gradient yet."""
    return gated(m) * 0


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("loss", "zeros"), [(gated, ["up"]), (added, ["up", "head"]), (no_reward, ["down", "up"])]
)
def test_zeros_that_training_leaves(loss: object, zeros: list[str], tmp_path: Path) -> None:
    assert not findings("BKS436", loss, tmp_path, layers(*zeros), 5)  # type: ignore[arg-type]


def gates(share: float, *, first: float, guess: float) -> list[Finding]:
    """An LSTM whose gates saturate, and whose loss stays at 3."""
    sampled = np.arange(0, 300, 10)
    shares = np.where(sampled == 0, first, share)
    given = {
        f"saturation/lstm.l0.{gate}": Series(sampled, shares)
        for gate in ("input", "forget", "cell", "output")
    }
    given["loss"] = Series(np.arange(300), 3 + 0.01 * np.sin(np.arange(300)))
    given["guess_loss"] = Series(sampled, np.full(len(sampled), guess))
    judge = Judge()
    judge.update_many(given)
    assert not judge.failed
    return [one for one in judge.diagnosis().findings if one.code == "BKS104"]


def test_gates_that_begin_at_an_end() -> None:
    found = gates(0.85, first=0.8, guess=1.6)
    assert len(found) == 4
    assert found[0].message.endswith("its weights were initialised too large")


@pytest.mark.parametrize(
    ("share", "first", "guess"), [(0.85, 0.1, 1.6), (0.6, 0.8, 1.6), (0.85, 0.8, 3.5)]
)
def test_gates_that_do_not(share: float, first: float, guess: float) -> None:
    """They came there by learning, leave it, or something was learned all the same."""
    assert gates(share, first=first, guess=guess) == []


def test_a_run_without_zeros_is_healthy(tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert not findings("BKS436", gated, tmp_path, layers(), 5)

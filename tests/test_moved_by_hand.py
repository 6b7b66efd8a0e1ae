"""Weights that the user's own code moves, beside an optimizer that never steps."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight import Run, watch

ITERATIONS = 20


def moved(rnn: nn.LSTM, optimizer: torch.optim.SGD, loss: Tensor, way: str) -> None:
    """One step."""
    parameters = list(rnn.parameters())
    if way == "autograd.grad":
        gradients = torch.autograd.grad(loss, parameters)
    else:
        optimizer.zero_grad()
        loss.backward(retain_graph=way == "graph retained")  # type: ignore[no-untyped-call]
        gradients = tuple(g for p in parameters if (g := p.grad) is not None)
    for p, g in zip(parameters, gradients, strict=True):
        if way == "in place":
            with torch.no_grad():
                p.sub_(0.01 * g)
        else:
            p.data = p.data - 0.01 * g


@pytest.mark.some(2)
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("way", ["in place", "data", "autograd.grad", "graph retained"])
def test_each_step_is_an_iteration(
    way: str, every: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of ``autograd.grad``, the first one may be anything."""
    torch.manual_seed(0)
    rnn = nn.LSTM(3, 4)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    state: tuple[Tensor, Tensor] | None = None
    with watch(rnn, optimizer, tmp_path / "run", every=every):
        for i in range(ITERATIONS):
            retained = way == "graph retained" and i % 5
            begins = state if state is None or retained else (state[0].detach(), state[1].detach())
            output, state = rnn(torch.randn(6, 2, 3), begins)
            moved(rnn, optimizer, output.square().mean(), way)
    run = Run(tmp_path / "run")
    counted = ITERATIONS - (way == "autograd.grad")
    assert "failed" not in caplog.text
    assert len(run["loss"]) == counted
    assert run.profile("reach/l0").iterations.tolist() == list(range(0, counted, every))
    updates = run.series("update_ratio/weight_hh_l0")
    assert len(updates.values) >= len(range(0, counted, every)) - 1
    assert (updates.values > 0).all()


def test_an_optimizer_that_steps_in_the_end_takes_over(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rnn = nn.LSTM(3, 4)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with watch(rnn, optimizer, tmp_path / "run", every=1):
        for i in range(ITERATIONS):
            loss = rnn(torch.randn(6, 2, 3))[0].square().mean()
            if i < ITERATIONS // 2:
                moved(rnn, optimizer, loss, "in place")
            else:  # two passes a step
                (loss / 2).backward()
                (rnn(torch.randn(6, 2, 3))[0].square().mean() / 2).backward()
                optimizer.step()
                optimizer.zero_grad()
    assert len(Run(tmp_path / "run")["loss"]) == ITERATIONS


def test_gradients_that_add_up_before_the_first_step_are_one_iteration(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rnn = nn.LSTM(3, 4)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with watch(rnn, optimizer, tmp_path / "run", every=1):
        for i in range(ITERATIONS):
            rnn(torch.randn(6, 2, 3))[0].square().mean().backward()
            if i % 5 == 4:
                optimizer.step()
                optimizer.zero_grad()
    assert len(Run(tmp_path / "run")["loss"]) == ITERATIONS // 5

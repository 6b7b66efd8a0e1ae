"""Other tools are fed what a training loop knows, and judged by what their findings name."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks.causes._names import NAMES
from benchmarks.causes._peer_launch import Observer, Watched
from benchmarks.causes._peer_names import NAMED_BY_BACKSIGHT, PEER_NAMES
from benchmarks.causes._peer_tools import READERS, WATCHERS, Iteration, Said
from benchmarks.causes.peers import verdict


class Listener:
    """A tool that keeps what it is told."""

    def __init__(self) -> None:
        self.model: nn.Module | None = None
        self.before: list[Iteration] = []
        self.after: list[int] = []

    def attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.model = model

    def before_step(self, now: Iteration) -> None:
        self.before.append(now)

    def after_step(self, now: Iteration) -> None:
        self.after.append(now.number)

    def said(self) -> list[Said]:
        return [Said("code", "warning", "words")]


def one_weight() -> nn.Linear:
    """Its output for 1 is its weight, which is 1."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.ones_(net.weight)
    return net


def train(optimizer: torch.optim.Optimizer, net: nn.Module, iterations: int, parts: int) -> None:
    for _ in range(iterations):
        optimizer.zero_grad()
        for _ in range(parts):
            loss: Any = functional.mse_loss(net(torch.ones(1, 1)), torch.zeros(1, 1))
            (loss / parts).backward()
        optimizer.step()


def test_losses_of_accumulated_gradients_are_added_up() -> None:
    listener, net = Listener(), one_weight()
    with Observer(listener) as observer:
        train(torch.optim.SGD(net.parameters(), lr=0.25), net, iterations=3, parts=2)
    # w - 0.25 * 2w halves the weight, and its square is the loss.
    assert [row["loss"] for row in observer.rows] == [1.0, 0.25, 0.0625]
    assert [row["grad_norm"] for row in observer.rows] == [2.0, 1.0, 0.5]
    assert [(now.number, now.loss, now.lr) for now in listener.before] == [
        (1, 0.25, 0.25),
        (2, 0.0625, 0.25),
    ]
    assert listener.after == [1, 2]
    assert listener.model is not None
    assert net in set(listener.model.modules())
    inputs, targets = listener.before[0].inputs, listener.before[0].targets
    assert inputs is not None
    assert targets is not None
    assert (inputs.item(), targets.item()) == (1.0, 0.0)
    assert observer.said() == listener.said()


def test_the_loss_of_a_closure_is_its_first() -> None:
    net = one_weight()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.25, max_iter=2)
    returned = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.mse_loss(net(torch.ones(1, 1)), torch.zeros(1, 1))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with Observer(None) as observer:
        for _ in range(2):
            returned.append(optimizer.step(closure).item())  # type: ignore[no-untyped-call]
    assert [row["loss"] for row in observer.rows] == returned
    assert returned[0] == 1.0


def test_training_of_another_model_is_not_passed_on() -> None:
    listener, net, other = Listener(), one_weight(), one_weight()
    with Observer(listener) as observer:
        train(torch.optim.SGD(net.parameters(), lr=0.25), net, iterations=1, parts=1)
        train(torch.optim.SGD(other.parameters(), lr=0.25), other, iterations=1, parts=1)
        train(torch.optim.SGD(net.parameters(), lr=0.5), net, iterations=1, parts=1)
    assert len(observer.rows) == 3
    assert [(now.number, now.loss, now.lr) for now in listener.before] == [(2, 0.25, 0.5)]


def test_a_tool_that_raises_is_reported_and_the_training_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def before_step(self: Listener, now: Iteration) -> None:
        raise KeyError("grad")

    monkeypatch.setattr(Listener, "before_step", before_step)
    backward, net = torch.autograd.backward, one_weight()
    with Observer(Listener()) as observer:
        train(torch.optim.SGD(net.parameters(), lr=0.25), net, iterations=3, parts=1)
    assert observer.failed == "KeyError: 'grad'"
    assert observer.said() == []
    assert net.weight.item() == 0.125
    assert torch.autograd.backward is backward
    train(torch.optim.SGD(net.parameters(), lr=0.25), net, iterations=1, parts=1)
    assert len(observer.rows) == 3


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["warning rate"], "first"),
        (["warning spike", "error rate"], "named"),
        (["info rate"], "named"),
        (["info rate", "warning rate"], "first"),
        (["warning mode", "error spike"], "wrong"),
        (["warning spike", "error mode"], "symptom"),
        (["warning unheard"], "symptom"),
        (["info mode"], "silent"),
        ([], "silent"),
    ],
)
def test_a_verdict(codes: Sequence[str], expected: str) -> None:
    said = [Said(code, severity, "") for severity, code in (one.split() for one in codes)]
    names = {"rate": frozenset({"rate"}), "mode": frozenset({"mode"}), "spike": frozenset[str]()}
    assert verdict("rate", Watched(said), names) == expected
    assert verdict("rate", Watched(said, failed="KeyError: 'grad'"), names) == "failed"


def test_every_tool_has_names_of_kinds_that_exist() -> None:
    assert set(PEER_NAMES) == {*WATCHERS, *READERS}
    for table in (*PEER_NAMES.values(), NAMED_BY_BACKSIGHT):
        assert frozenset[str]().union(*table.values()) <= set(NAMES)
    assert NAMED_BY_BACKSIGHT["BKS404"] == {"rate"}
    assert NAMED_BY_BACKSIGHT["BKS418"] == {"state_attached", "state_carried"}

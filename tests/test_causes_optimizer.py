"""Optimizers that are made anew in each step, and everything that looks like it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from backsight import Run, diagnose
from backsight.diagnosis import Finding
from backsight.monitor import LateRecorder, ProcessMonitor

Make = Callable[[list[nn.Parameter]], Optimizer]


def findings(
    optimizers: Callable[[list[nn.Parameter]], Iterator[Optimizer]], path: Path, every: int = 1
) -> list[Finding]:
    """Of rule BKS424, where each step takes the next optimizer."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    recorder = LateRecorder(path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=every)
    try:
        for optimizer in optimizers(list(net.parameters())):

            def closure() -> Tensor:
                net.zero_grad()
                loss: Tensor = net(torch.randn(8, 3)).square().mean()
                loss.backward()  # type: ignore[no-untyped-call]
                return loss

            step: Any = optimizer.step
            if isinstance(optimizer, torch.optim.LBFGS):
                step(closure)
            else:
                closure()
                step()
    finally:
        monitor.close()
        recorder.close()
    diagnosis = diagnose(Run(path))
    return [one for one in diagnosis.findings if one.code == "BKS424"]


class Prepared(Optimizer):
    """One whose averages are there from the beginning, and that does not count."""

    def __init__(self, parameters: list[nn.Parameter], settings: dict[str, Any]) -> None:
        super().__init__(parameters, settings)
        for one in parameters:
            self.state[one]["average"] = torch.zeros_like(one)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for one in self.param_groups[0]["params"]:
            one.sub_(self.state[one]["average"].lerp_(one.grad, 0.1), alpha=1e-3)


def anew(
    make: Make, steps: int = 34, each: int = 1
) -> Callable[[list[nn.Parameter]], Iterator[Optimizer]]:
    """A new one every few steps."""

    def optimizers(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
        optimizer = make(parameters)
        for i in range(steps):
            if i % each == 0 and i:
                optimizer = make(parameters)
            yield optimizer

    return optimizers


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "make",
    [
        lambda ps: Adam(ps, lr=1e-3),
        lambda ps: SGD(ps, lr=1e-3, momentum=0.9),
        lambda ps: torch.optim.RMSprop(ps, lr=1e-3),
        lambda ps: torch.optim.Adagrad(ps, lr=1e-3),
        lambda ps: Prepared(ps, {"lr": 1e-3}),
        lambda ps: torch.optim.AdamW([{"params": ps[:1]}, {"params": ps[1:]}], lr=1e-3),
    ],
)
def test_a_new_optimizer_in_each_step_is_found(make: Make, tmp_path: Path) -> None:
    (found,) = findings(anew(make), tmp_path / "run")
    assert (found.severity, found.evidence) == ("warning", {"share of steps": 1.0})


def test_one_every_other_step_is_found(tmp_path: Path) -> None:
    (found,) = findings(anew(lambda ps: Adam(ps), each=2), tmp_path / "run")
    assert (found.severity, found.evidence) == ("warning", {"share of steps": 0.5})


def loaded(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
    """With the state of the one before."""
    optimizer = Adam(parameters)
    for _ in range(34):
        yield optimizer
        before, optimizer = optimizer, Adam(parameters)
        optimizer.load_state_dict(before.state_dict())


def loaded_adagrad(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
    """The same of one whose state is there from the beginning."""
    optimizer = torch.optim.Adagrad(parameters)
    for _ in range(34):
        yield optimizer
        before, optimizer = optimizer, torch.optim.Adagrad(parameters)
        optimizer.load_state_dict(before.state_dict())


def in_turns(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
    """Two of different parameters."""
    optimizers = [Adam(parameters[:2]), Adam(parameters[2:])]
    for _ in range(34):
        yield from optimizers


def both_of_all(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
    """Two of the same parameters, each with a state of its own."""
    optimizers = [Adam(parameters), SGD(parameters, lr=1e-3, momentum=0.9)]
    for _ in range(34):
        yield from optimizers


def restarts(parameters: list[nn.Parameter]) -> Iterator[Optimizer]:
    """LBFGS does so by itself."""
    for _ in range(6):
        yield torch.optim.LBFGS(parameters, max_iter=2)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "optimizers",
    [
        restarts,
        anew(lambda ps: Adam(ps), each=100),
        anew(lambda ps: SGD(ps, lr=1e-3)),
        anew(lambda ps: Adam(ps), each=20),  # a new phase
        loaded,
        loaded_adagrad,
        in_turns,
        both_of_all,
    ],
)
def test_what_loses_nothing_is_not_accused(
    optimizers: Callable[[list[nn.Parameter]], Iterator[Optimizer]], tmp_path: Path
) -> None:
    assert findings(optimizers, tmp_path / "run") == []


def test_a_new_optimizer_now_and_then_is_a_note(tmp_path: Path) -> None:
    """Of an epoch of ten batches."""
    (found,) = findings(anew(lambda ps: Adam(ps), 44, each=10), tmp_path / "run")
    assert found.severity == "info"

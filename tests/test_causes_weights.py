"""Weights that are made anew while they are trained, and everything that looks like it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim import LBFGS, SGD, Adam, Optimizer

from backsight import Run, diagnose, watch
from backsight.diagnosis import Diagnosis, Finding, Judge
from backsight.monitor import LateRecorder, ProcessMonitor

EPOCHS, STEPS = 4, 3

Between = Callable[[nn.Sequential, Optimizer], object]
"""What happens before each epoch, and may return another optimizer."""


def trained(path: Path, before: Between, *, after: Between | None = None) -> Diagnosis:
    """Four short epochs; ``after`` is called after each step."""
    recorder = LateRecorder(path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
        optimizer: Optimizer = Adam(net.parameters(), lr=1e-2)
        for _ in range(EPOCHS):
            returned = before(net, optimizer)
            optimizer = returned if isinstance(returned, Optimizer) else optimizer
            for _ in range(STEPS):
                optimizer.zero_grad()
                (net(torch.randn(8, 3)) - 1).square().mean().backward()
                optimizer.step()
                if after is not None:
                    after(net, optimizer)
    finally:
        monitor.close()
        recorder.close()
    diagnosis = diagnose(Run(path))
    outcomes = {one.code: one.outcome for one in diagnosis.verdicts}
    assert outcomes["BKS425"] in ("finding", "healthy")
    return diagnosis


def codes(diagnosis: Diagnosis) -> set[str]:
    return {one.code for one in diagnosis.findings} & {"BKS425"}


def linear(net: nn.Module) -> list[nn.Linear]:
    return [m for m in net.modules() if isinstance(m, nn.Linear)]


def reset(net: nn.Sequential, _: Optimizer) -> None:
    for layer in linear(net):
        layer.reset_parameters()


def initialise(net: nn.Sequential, _: Optimizer) -> None:
    for layer in linear(net):
        nn.init.xavier_uniform_(layer.weight)


def load_another(net: nn.Sequential, _: Optimizer) -> None:
    other = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
    net.load_state_dict(other.state_dict())


def initialise_data(net: nn.Sequential, _: Optimizer) -> None:
    for layer in linear(net):
        nn.init.xavier_uniform_(layer.weight.data)


def put_in_place(net: nn.Sequential, _: Optimizer) -> None:
    for layer in linear(net):
        layer.weight.data = torch.randn_like(layer.weight)


@pytest.mark.some(2)
@pytest.mark.parametrize("before", [reset, initialise, initialise_data, put_in_place, load_another])
def test_weights_that_each_epoch_makes_anew_are_found(before: Between, tmp_path: Path) -> None:
    """The first time that follows a step is only noticed."""
    found = trained(tmp_path / "run", before)
    assert codes(found) == {"BKS425"}
    replaced = Run(tmp_path / "run")["weights_replaced"].tolist()
    assert replaced == [0.0] * (2 * STEPS) + [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(("anew", "told"), [(True, {"BKS425"}), (False, set())])
def test_steps_whose_closure_computes_the_gradients_many_times(
    anew: bool, told: set[str], tmp_path: Path
) -> None:
    """LBFGS moves the weights between its evaluations, which is its own step."""
    recorder = LateRecorder(tmp_path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
        optimizer = LBFGS(net.parameters(), lr=0.1, max_iter=3)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = (net(torch.randn(8, 3)) - 1).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        for _ in range(EPOCHS):
            if anew:
                reset(net, optimizer)
            for _ in range(STEPS):
                optimizer.step(closure)  # type: ignore[no-untyped-call]
    finally:
        monitor.close()
        recorder.close()
    assert len(Run(tmp_path)["weights_replaced"]) == EPOCHS * STEPS
    assert codes(diagnose(Run(tmp_path))) == told


def nothing(net: nn.Sequential, _: Optimizer) -> None:
    """An epoch like any other."""


def one_layer(net: nn.Sequential, _: Optimizer) -> None:
    net[0].reset_parameters()  # type: ignore[operator]


def a_fold(net: nn.Sequential, optimizer: Optimizer) -> Optimizer:
    """Of a cross-validation, with an optimizer of its own."""
    reset(net, optimizer)
    return Adam(net.parameters(), lr=1e-2)


def swapped(net: nn.Sequential, _: Optimizer) -> None:
    """For a validation with averages, and back."""
    kept = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
    net.load_state_dict(kept)


def averaged(net: nn.Sequential, _: Optimizer) -> None:
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(0.9)


def noisy(net: nn.Sequential, _: Optimizer) -> None:
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.01 * torch.randn_like(p))


def averaged_data(net: nn.Sequential, _: Optimizer) -> None:
    for p in net.parameters():
        p.data.mul_(0.9).add_(0.01 * torch.randn_like(p))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "before", [nothing, one_layer, a_fold, swapped, averaged, averaged_data, noisy]
)
def test_weights_that_stay_what_they_were_are_not_accused(before: Between, tmp_path: Path) -> None:
    assert codes(trained(tmp_path / "run", before)) == set()


class Wrapped(nn.Module):
    """A trained policy, and a value beside it."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy, self.value = policy, nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(self.policy(x))  # type: ignore[no-any-return]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("anew", "wraps", "told"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_a_wrapper_that_initialises_what_was_trained(
    anew: bool, wraps: bool, told: bool, tmp_path: Path
) -> None:
    """Another training of the same model may begin anew, as of each fold."""
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16))
    recorder = LateRecorder(tmp_path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=10)
    try:
        for net in (policy, Wrapped(policy) if wraps else policy):
            if anew and (net is not policy or not wraps):
                reset(policy, None)  # type: ignore[arg-type]
            optimizer = Adam(net.parameters(), lr=1e-3)
            for _ in range(70):
                optimizer.zero_grad()
                (net(torch.randn(8, 3)) - 1).square().mean().backward()
                optimizer.step()
    finally:
        monitor.close()
        recorder.close()
    found = [one for one in diagnose(Run(tmp_path)).findings if one.code == "BKS425"]
    assert [one.severity for one in found] == (["info"] if told else [])


def averages(rate: float, *, restored: bool = False) -> Callable[[nn.Sequential, Optimizer], None]:
    """Of the weights, copied into the model after each step."""
    held: dict[str, Tensor] = {}

    def after(net: nn.Sequential, _: Optimizer) -> None:
        now = {name: one.clone() for name, one in net.state_dict().items()}
        for name, one in now.items():
            held[name] = rate * one + (1 - rate) * held.get(name, one)
        net.load_state_dict(held)
        if restored:  # after an evaluation
            net.load_state_dict(now)

    return after


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("after", "severities"),
    [
        (averages(0.001), ["info"]),  # what is learned is taken back
        (averages(0.5), []),  # looks ahead
        (averages(0.001, restored=True), []),
    ],
)
def test_steps_that_are_taken_back(
    after: Callable[[nn.Sequential, Optimizer], None], severities: list[str], tmp_path: Path
) -> None:
    found = trained(tmp_path / "run", nothing, after=after).findings
    assert [one.severity for one in found if one.code == "BKS425"] == severities


@pytest.mark.parametrize(("anew", "told"), [(True, {"BKS425"}), (False, set())])
def test_a_layer_that_forward_makes_learns_nothing(
    anew: bool, told: set[str], tmp_path: Path
) -> None:
    """Nor is it a model of the script's own, with a run of its own."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            head = nn.Linear(4, 2) if anew else self.head
            return head(self.rnn(x)[0][-1])  # type: ignore[no-any-return]

    recorder = LateRecorder(tmp_path / "run", kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        net = Net()
        optimizer = Adam(net.parameters(), lr=1e-2)
        for _ in range(6):
            optimizer.zero_grad()
            net(torch.randn(5, 8, 3)).square().mean().backward()
            optimizer.step()
    finally:
        monitor.close()
        recorder.close()
    run = Run(tmp_path / "run")
    assert len(run["loss"]) == 6
    assert codes(diagnose(run)) == told


def clamp(net: nn.Sequential, _: Optimizer) -> None:
    with torch.no_grad():
        for p in net.parameters():
            p.clamp_(-0.1, 0.1)


def unit_rows(net: nn.Sequential, _: Optimizer) -> None:
    with torch.no_grad():
        for layer in linear(net):
            layer.weight /= layer.weight.norm(dim=1, keepdim=True)


def clamp_data(net: nn.Sequential, _: Optimizer) -> None:
    for p in net.parameters():
        p.data.clamp_(-0.1, 0.1)


def fade(net: nn.Sequential, _: Optimizer) -> None:
    """Decay by hand, far too much of it: next to nothing is left, and points the same way."""
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(1e-9)


@pytest.mark.some(2)
@pytest.mark.parametrize("after", [clamp, clamp_data, unit_rows, fade])
def test_a_constraint_after_each_step_is_not_accused(after: Between, tmp_path: Path) -> None:
    assert codes(trained(tmp_path / "run", nothing, after=after)) == set()


def test_a_rollback_is_not_accused(tmp_path: Path) -> None:
    kept: list[Any] = []

    def back(net: nn.Sequential, optimizer: Optimizer) -> None:
        if kept:
            net.load_state_dict(kept[0][0])
            optimizer.load_state_dict(kept[0][1])
        kept[:] = [copy.deepcopy((net.state_dict(), optimizer.state_dict()))]

    assert codes(trained(tmp_path / "run", back)) == set()


def test_parametrizations_are_not_accused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 16)), nn.Tanh())
    optimizer = SGD(net.parameters(), lr=0.01)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(6):
            net(torch.randn(8, 3)).square().mean().backward()
            optimizer.step()
    assert codes(diagnose(Run(tmp_path / "run"))) == set()


class Rates(nn.Module):
    """A state that fades at learned rates."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = nn.Parameter(torch.full((4,), 0.5))
        self.rnn, self.head = nn.RNN(2, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.rnn(x)[0][-1] * self.rates)
        return result


def put_back(each: Callable[[Rates], object], folder: Path) -> list[Finding]:
    """Of BKS425; ``each`` is called after each of some steps."""
    torch.manual_seed(0)
    model = Rates()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(12):
            optimizer.zero_grad()
            x = torch.randn(5, 8, 2)
            loss = (model(x)[:, 0] - x[-1, :, 0]).square().mean()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                each(model)
    return [one for one in diagnose(Run(folder / "run")).lasting if one.code == "BKS425"]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "each",
    [
        lambda m: m.rates.copy_(torch.full((4,), 0.5)),
        lambda m: setattr(m.rates, "data", torch.tensor([0.5, 0.4, 0.3, 0.2])),
        lambda m: nn.init.eye_(m.rnn.weight_hh_l0),
    ],
)
def test_a_parameter_that_is_put_back_after_each_step_is_found(
    each: Callable[[Rates], object], tmp_path: Path
) -> None:
    (found,) = put_back(each, tmp_path)
    assert found.severity == "error"
    assert "put back" in found.message


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "each",
    [
        lambda m: m.rates.clamp_(max=0.5),
        lambda m: m.rates.clamp_(0.45, 0.55),
        lambda m: m.rnn.bias_hh_l0.zero_(),  # a mask
        lambda m: m.head.weight.mul_(0.9),
        lambda m: m.rates.requires_grad_(False),
        lambda m: m.head.bias.fill_(0.1),  # one number may come back by itself
    ],
)
def test_a_parameter_that_is_held_in_a_range_is_not(
    each: Callable[[Rates], object], tmp_path: Path
) -> None:
    assert put_back(each, tmp_path) == []


def test_a_model_that_is_put_back_as_a_whole_is_not(tmp_path: Path) -> None:
    """As between tasks."""
    begin = Rates().state_dict()
    assert put_back(lambda m: m.load_state_dict(begin), tmp_path) == []


@pytest.mark.parametrize(("times", "severity"), [(3, None), (4, "info"), (9, "info")])
def test_a_part_that_is_made_anew_now_and_then_is_a_note(times: int, severity: str | None) -> None:
    """A head that lives in a loss which is made for each epoch."""
    judge = Judge()
    for i in range(200):
        again = i % 15 == 14 and i < 15 * times
        judge.update(i, {"loss": 1.0, "weights_replaced": 0.25 if again else 0.0})
    found = [one.severity for one in judge.diagnosis().findings if one.code == "BKS425"]
    assert found == ([] if severity is None else [severity])


@pytest.mark.parametrize(("epochs", "found"), [(6, True), (3, False)])
def test_weights_that_each_epoch_loads_from_the_beginning_are_found(
    epochs: int, found: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16))
    optimizer, begin = SGD(net.parameters(), lr=0.1), copy.deepcopy(net.state_dict())
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(epochs):
            net.load_state_dict(begin)
            for _ in range(2):
                optimizer.zero_grad()
                (net(torch.randn(8, 3)) - 1).square().mean().backward()
                optimizer.step()
    diagnosis = diagnose(Run(tmp_path / "run"))
    assert codes(diagnosis) == ({"BKS425"} if found else set())
    assert not found or diagnosis.leads[0].findings[0].evidence == {"times": 4.0}


def test_the_best_weights_that_are_loaded_again_are_not_accused(tmp_path: Path) -> None:
    """A rollback goes back to what was learned, not to what it began with."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16))
    optimizer, best = SGD(net.parameters(), lr=0.1), None
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(8):
            for _ in range(2):
                optimizer.zero_grad()
                (net(torch.randn(8, 3)) - 1).square().mean().backward()
                optimizer.step()
            best = best or copy.deepcopy(net.state_dict())
            net.load_state_dict(best)
    assert codes(diagnose(Run(tmp_path / "run"))) == set()

"""Trainings in which nothing is moved, or a part is not, and what looks like it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

import backsight
from backsight import Run
from backsight.diagnosis import Finding, Judge, diagnose
from backsight.diagnosis.rules._small_updates import SmallUpdates

UNITS = 4


class Net(nn.Module):
    """A layer and its read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(3, UNITS), nn.Linear(UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.head(self.rnn(x)[0][-1])
        return answers


Step = Callable[[Net, Optimizer, Tensor], None]


def told(folder: Path, step: Step, code: str, *, iterations: int = 24) -> list[Finding]:
    torch.manual_seed(0)
    net = Net()
    optimizer = SGD(net.parameters(), lr=0.1)
    with backsight.watch(net, optimizer, folder / "run", every=1):
        for _ in range(iterations):
            step(net, optimizer, torch.randn(5, 6, 3))
    return [one for one in diagnose(Run(folder / "run")).findings if one.code == code]


def plain(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    net(x).square().mean().backward()
    optimizer.step()


def of_numbers(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    loss = torch.tensor([one.item() for one in net(x).square()], requires_grad=True).mean()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def of_choices(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    (net(x) > 0).float().requires_grad_().square().mean().backward()
    optimizer.step()


def of_an_attack(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    """A pass that moves the input alone is before the one that trains."""
    moved = x.clone().requires_grad_()
    moved.square().mean().backward()  # type: ignore[no-untyped-call]
    assert moved.grad is not None
    plain(net, optimizer, x + moved.grad)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("step", "many"), [(of_numbers, 1), (of_choices, 1), (of_an_attack, 0), (plain, 0)]
)
def test_a_loss_of_no_parameter(step: Step, many: int, tmp_path: Path) -> None:
    found = told(tmp_path, step, "BKS409")
    assert [one.severity for one in found] == ["error"] * many
    assert all("none of the 6 parameters" in one.message for one in found)


@pytest.mark.some(2)
@pytest.mark.parametrize(("stepped", "by_hand"), [(True, False), (False, True), (False, False)])
def test_an_optimizer_that_never_steps(stepped: bool, by_hand: bool, tmp_path: Path) -> None:
    def step(net: Net, optimizer: Optimizer, x: Tensor) -> None:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        if stepped:
            optimizer.step()
        for parameter in net.parameters() if by_hand else ():
            assert parameter.grad is not None
            parameter.data -= 0.01 * parameter.grad

    found = told(tmp_path, step, "BKS409", iterations=140)
    assert [one.severity for one in found] == ["error"] * (not stepped and not by_hand)


def test_a_part_that_was_replaced_while_the_rest_is_frozen(tmp_path: Path) -> None:
    """The optimizer holds nothing that the loss reaches, and the model does."""

    def step(net: Net, optimizer: Optimizer, x: Tensor) -> None:
        if net.rnn.weight_hh_l0.requires_grad:
            net.rnn.requires_grad_(False)
            net.head = nn.Linear(UNITS, 1)
        plain(net, optimizer, x)

    (finding,) = told(tmp_path, step, "BKS409", iterations=40)
    assert "(head)" in finding.message


def zeroed_late(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    net(x).square().mean().backward()
    optimizer.zero_grad()
    optimizer.step()


def of_two_losses(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    """What the first loss has brought is thrown away, and what the second one brings is not."""
    net(x).mean().backward()
    plain(net, optimizer, x)


def limited_to_nothing(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    net(x).square().mean().backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.0)
    optimizer.step()


def by_closure(net: Net, optimizer: Optimizer, x: Tensor, *, zeroes: bool) -> None:
    def closure() -> Tensor:
        if zeroes:
            optimizer.zero_grad()
        loss: Tensor = net(x).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("step", "severities"),
    [(zeroed_late, ["error"]), (of_two_losses, []), (limited_to_nothing, []), (plain, [])],
)
def test_gradients_that_are_zeroed_too_soon(
    step: Step, severities: list[str], tmp_path: Path
) -> None:
    found = told(tmp_path, step, "BKS410", iterations=8)
    assert [one.severity for one in found] == severities
    assert all("between backward() and step()" in one.message for one in found)


@pytest.mark.parametrize("zeroes", [False, True])
def test_a_closure_that_does_not_zero_gradients(zeroes: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.01, max_iter=2)
    with backsight.watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(6):
            by_closure(net, optimizer, torch.randn(5, 6, 3), zeroes=zeroes)
    found = [one for one in diagnose(Run(tmp_path / "run")).findings if one.code == "BKS410"]
    assert len(found) == (not zeroes)


TASKS = 3


def of_parts(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    """Passes that are to add up, zeroed before each of them."""
    for _ in range(TASKS):
        optimizer.zero_grad()
        (net(x + torch.randn(())).square().mean() / TASKS).backward()
    optimizer.step()


def of_measured_tasks(net: Net, optimizer: Optimizer, x: Tensor) -> None:
    """The gradients of all tasks but the last, to be logged; the step reads that of their mean."""
    for wanted in range(TASKS - 1):
        optimizer.zero_grad()
        ((net(x) - wanted).square().mean() / TASKS).backward()
    optimizer.zero_grad()
    (sum((net(x) - wanted).square().mean() for wanted in range(TASKS)) / TASKS).backward()
    optimizer.step()


def of_the_hardest(net: Net, optimizer: Optimizer, x: Tensor, *, stacked: bool) -> None:
    """Two candidates are tried, and the step takes one of them again: each loss is a mean of as
    many parts as there are passes."""
    for _ in range(3):
        optimizer.zero_grad()
        parts = [(net(x) - wanted).square().mean() for wanted in range(TASKS)]
        ((torch.stack(parts).sum() if stacked else sum(parts)) / TASKS).backward()
    optimizer.step()


@pytest.mark.some(2)
@pytest.mark.parametrize("every", [1, TASKS])
@pytest.mark.parametrize(
    ("step", "count"),
    [
        (of_parts, 1),
        (of_measured_tasks, 0),
        (partial(of_the_hardest, stacked=False), 0),
        (partial(of_the_hardest, stacked=True), 0),
    ],
)
def test_passes_that_are_thrown_away_or_measured(
    step: Step, count: int, every: int, tmp_path: Path
) -> None:
    """Samples of every third iteration see the first passes alone."""
    torch.manual_seed(0)
    net = Net()
    optimizer = SGD(net.parameters(), lr=0.1)
    with backsight.watch(net, optimizer, tmp_path / "run", every=every):
        for _ in range(24):
            step(net, optimizer, torch.randn(5, 6, 3))
    found = [one for one in diagnose(Run(tmp_path / "run")).findings if one.code == "BKS410"]
    assert len(found) == count
    assert all("3 backward passes" in one.message for one in found)


@pytest.mark.parametrize(("rate", "told"), [(0.9, False), (1.0, True)])
def test_steps_that_end_because_nothing_is_left_are_not_too_small(rate: float, told: bool) -> None:
    """The first losses differ so much that no fall is more than their noise."""
    judge = Judge(rules=[SmallUpdates()])
    for i in range(200):
        loss = (1.0, 0.01, 0.01, 1.0, 0.01)[i % 5] * rate**i
        sampled = {"update_ratio/w": 1e-7} if i % 10 == 0 else {}
        judge.update(i, {"loss": loss} | sampled)
    assert bool(judge.diagnosis().lasting) is told

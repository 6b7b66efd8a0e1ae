"""Trainings of tensors that no module holds and no optimizer moves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight import Run, diagnose
from backsight.cli._closing import nothing_recorded
from backsight.monitor import LateRecorder, ProcessMonitor, Seen

STEPS = 12


@contextmanager
def process(path: Path) -> Iterator[ProcessMonitor]:
    """Observed as by ``backsight run``."""
    recorder = LateRecorder(path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        torch.manual_seed(0)
        yield monitor
    finally:
        monitor.close()
        recorder.close()


def weights() -> dict[str, Tensor]:
    return {
        "into": (torch.randn(3, 8) * 0.3).requires_grad_(),
        "again": (torch.randn(8, 8) * 0.2).requires_grad_(),
        "out": (torch.randn(8, 1) * 0.3).requires_grad_(),
    }


def loss_of(held: dict[str, Tensor]) -> Tensor:
    x, state = torch.randn(6, 4, 3), torch.zeros(4, 8)
    for step in x:
        state = torch.tanh(step @ held["into"] + state @ held["again"])
    return (state @ held["out"] - x[0, :, :1]).square().mean()


def by_data(held: dict[str, Tensor], loss: Tensor, rate: float = 0.1) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
    for one in held.values():
        assert one.grad is not None
        one.data -= rate * one.grad
        one.grad.zero_()


def without_zeroing(held: dict[str, Tensor], loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for one in held.values():
            assert one.grad is not None
            one -= 0.01 * one.grad


def by_query(held: dict[str, Tensor], loss: Tensor) -> None:
    for one, gradient in zip(
        held.values(), torch.autograd.grad(loss, list(held.values())), strict=True
    ):
        with torch.no_grad():
            one += 0.1 * gradient  # up


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("step", "code"), [(by_data, None), (without_zeroing, "BKS410"), (by_query, "BKS429")]
)
def test_a_training_of_bare_tensors_is_a_run(
    tmp_path: Path, step: Callable[[dict[str, Tensor], Tensor], None], code: str | None
) -> None:
    with process(tmp_path / "run"):
        held, losses = weights(), []
        for _ in range(STEPS):
            loss = loss_of(held)
            step(held, loss)
            losses.append(loss.item())
    run = Run(tmp_path / "run")
    assert run["loss"].tolist() == pytest.approx(losses[2:])  # two passes show that it is one
    assert run["update_ratio/again"].min() > 0
    assert run.profile("reach/loop:again").widths.tolist()[0] == 6
    found = {one.code for one in diagnose(run).findings if one.severity != "info"}
    assert found & {"BKS410", "BKS429"} == ({code} if code else set())


def test_one_that_is_forgotten_does_not_move(tmp_path: Path) -> None:
    with process(tmp_path / "run"):
        held = weights()
        for _ in range(3 * STEPS):
            by_data({name: one for name, one in held.items() if name != "into"}, loss_of(held))
            held["into"].grad = None
    found = [one for one in diagnose(Run(tmp_path / "run")).findings if one.code == "BKS402"]
    assert [one.module for one in found] == ["into"]


def anew(seen: list[Seen], monitor: ProcessMonitor) -> None:
    """Weights that are other tensors after each step."""
    held = weights()
    for _ in range(STEPS):
        by_data(held, loss_of(held))
        held = {name: one.detach().clone().requires_grad_() for name, one in held.items()}
    seen.append(monitor.seen)


def of_inputs(seen: list[Seen], monitor: ProcessMonitor) -> None:
    """Gradients that move nothing, such as those of a picture that is looked at."""
    weight, picture = torch.randn(3, 3), torch.randn(2, 3, requires_grad=True)
    for _ in range(STEPS):
        (picture @ weight).square().sum().backward()  # type: ignore[no-untyped-call]
    seen.append(monitor.seen)


def beside_a_model(seen: list[Seen], monitor: ProcessMonitor) -> None:
    """A picture that is made to please a model: no training of weights."""
    model, picture = nn.Linear(3, 1).requires_grad_(False), torch.randn(2, 3, requires_grad=True)
    for _ in range(STEPS):
        model(picture).sum().backward()
        assert picture.grad is not None
        picture.data += 0.1 * picture.grad
    seen.append(monitor.seen)


def by_transform(seen: list[Seen], monitor: ProcessMonitor) -> None:
    """Of ``torch.func``, whose tensors are its own."""
    held = {name: one.detach() for name, one in weights().items()}
    for _ in range(STEPS):
        gradients = torch.func.grad(loss_of)(held)
        held = {name: one - 0.1 * gradients[name] for name, one in held.items()}
    seen.append(monitor.seen)


@pytest.mark.parametrize("script", [anew, of_inputs, beside_a_model, by_transform])
def test_what_else_has_gradients_is_none(
    tmp_path: Path, script: Callable[[list[Seen], ProcessMonitor], None]
) -> None:
    seen: list[Seen] = []
    with process(tmp_path / "run") as monitor:
        script(seen, monitor)
    assert not (tmp_path / "run").exists()
    counted = (seen[0].bare, seen[0].transformed)
    assert counted == ((0, STEPS) if script is by_transform else (STEPS, 0))
    said = nothing_recorded(seen[0])
    assert ("torch.func" in said) == (script is by_transform)
    assert ("others each time, or that did not move" in said) == (script in (anew, of_inputs))

"""BKS435 of yes or no: one unit that is always asked for the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)

from backsight import diagnose, watch
from tests.causes import INPUTS, STEPS, UNITS, Loss

MANY = 64
Z = Callable[[], Tensor]

logits = binary_cross_entropy_with_logits


def rare() -> Tensor:
    """One in 64."""
    return (torch.arange(MANY) == 5).float()


def ended() -> Tensor:
    """0 where a target does not count: one in three."""
    return (torch.arange(MANY) % 3 > 0).float()


def severities(loss: Loss, folder: Path, modules: dict[str, nn.Module]) -> list[str]:
    """Of what BKS435 finds; where nothing is recorded for it, that is not enough data."""
    torch.manual_seed(0)
    model = nn.ModuleDict(modules)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(16):
            optimizer.zero_grad()
            loss(model).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return [one.severity for one in diagnose(folder / "run").findings if one.code == "BKS435"]


ASKED: dict[str, tuple[Callable[[Z], Tensor], bool]] = {
    "all yes": (lambda z: logits(z(), torch.ones(MANY)), True),
    "all no": (lambda z: logits(z(), torch.zeros(MANY)), True),
    "after a sigmoid": (lambda z: binary_cross_entropy(z().sigmoid(), torch.ones(MANY)), True),
    "one by one": (lambda z: logits(z(), torch.ones(MANY), reduction="none").mean(), True),
    "both": (lambda z: logits(z(), rare()), False),
    "smoothed": (lambda z: logits(z(), torch.full((MANY,), 0.9)), False),
    "a ranking": (lambda z: logits(z() - z(), torch.ones(MANY)), False),
    "two losses": (lambda z: logits(z(), torch.ones(MANY)) + logits(z(), torch.zeros(MANY)), False),
    "masked": (
        lambda z: (logits(z(), torch.ones(MANY), reduction="none") * ended()).sum() / 42.0,
        True,
    ),
    "a product": (lambda z: logits((z()[:, None] * z()).sum(1), torch.ones(MANY)), False),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ASKED)
def test_what_one_unit_is_asked_for(which: str, tmp_path: Path) -> None:
    loss, told = ASKED[which]

    def asked(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(MANY, STEPS, INPUTS)
        return loss(lambda: m["head"](m["rnn"](x)[0][:, -1]).squeeze(1))

    modules = {"rnn": nn.GRU(INPUTS, UNITS, batch_first=True), "head": nn.Linear(UNITS, 1)}
    told_of = [one for one in severities(asked, tmp_path, modules) if one != "info"]
    assert told_of == ["warning"] * told  # that nothing goes with noise is a note


@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_of_one_class_each_are_a_note(shuffled: bool, tmp_path: Path) -> None:
    order = torch.randperm(16 * MANY) if shuffled else torch.arange(16 * MANY)
    batches = iter(order.view(16, MANY) // (8 * MANY))

    def asked(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(MANY, STEPS, INPUTS)
        return cross_entropy(m["head"](m["rnn"](x)[0][:, -1]), next(batches))

    modules = {"rnn": nn.GRU(INPUTS, UNITS, batch_first=True), "head": nn.Linear(UNITS, 2)}
    severities(asked, tmp_path, modules)
    found = [one for one in diagnose(tmp_path / "run").findings if "sorted by class" in one.message]
    assert [one.severity for one in found] == ["info"] * (not shuffled)


def test_a_layer_that_nobody_trains_here_is_an_adversary(tmp_path: Path) -> None:
    judge = nn.Linear(UNITS, 1)

    def deceive(m: nn.ModuleDict) -> Tensor:
        made = m["rnn"](torch.randn(MANY, STEPS, INPUTS))[0][:, -1]
        return logits(judge(made).squeeze(1), torch.ones(MANY))

    modules: dict[str, nn.Module] = {"rnn": nn.GRU(INPUTS, UNITS, batch_first=True)}
    assert severities(deceive, tmp_path, modules) == []


@pytest.mark.parametrize("moved", ["rnn", "judge"])
def test_a_layer_that_this_step_does_not_move_is_asked_as_a_judge(
    moved: str, tmp_path: Path
) -> None:
    """Both belong to one model, each has an optimizer, and these take turns."""
    modules = nn.ModuleDict(
        {"rnn": nn.GRU(INPUTS, UNITS, batch_first=True), "judge": nn.Linear(UNITS, 1)}
    )
    optimizers = {name: torch.optim.SGD(one.parameters(), lr=0.01) for name, one in modules.items()}
    with watch(modules, [*optimizers.values()], tmp_path / "run", every=1):
        for _ in range(16):
            modules.zero_grad()
            made = modules["rnn"](torch.randn(MANY, STEPS, INPUTS))[0][:, -1]
            asked = logits(modules["judge"](made).squeeze(1), torch.ones(MANY))
            asked.backward()  # type: ignore[no-untyped-call]
            optimizers[moved].step()
    told = [f.severity for f in diagnose(tmp_path / "run").findings if f.code == "BKS435"]
    assert told == ["warning"] * (moved == "judge")


def test_samples_in_step_with_real_and_false_ones_do_not_show_one_class(tmp_path: Path) -> None:
    rnn, judge = nn.GRU(INPUTS, UNITS, batch_first=True), nn.Linear(UNITS, 1)
    modules = nn.ModuleList([rnn, judge])
    optimizer = torch.optim.SGD(modules.parameters(), lr=0.01)
    with watch(modules, optimizer, tmp_path / "run", every=2):
        for real in [1.0, 0.0] * 16:
            optimizer.zero_grad()
            made = rnn(torch.randn(MANY, STEPS, INPUTS))[0][:, -1]
            asked = logits(judge(made).squeeze(1), torch.full((MANY,), real))
            asked.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    findings = diagnose(tmp_path / "run").findings
    assert "warning" not in {one.severity for one in findings if one.code == "BKS435"}


HALVES = torch.linspace(0, 0.99, MANY)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda z: mse_loss(z(), HALVES.long().float()), ["info"]),
        (lambda z: mse_loss(z(), HALVES), []),
        (lambda z: mse_loss(z() - z(), torch.zeros(MANY)), []),  # a difference that is to vanish
        (lambda z: mse_loss(z(), torch.zeros(MANY)) + mse_loss(z(), HALVES), []),
    ],
)
def test_targets_that_are_the_same_number_are_a_note(
    loss: Callable[[Z], Tensor], told: list[str], tmp_path: Path
) -> None:
    modules: dict[str, nn.Module] = {
        "rnn": nn.GRU(INPUTS, UNITS, batch_first=True), "head": nn.Linear(UNITS, 1),
    }  # fmt: skip

    def whole(m: nn.ModuleDict) -> Tensor:
        x = torch.randn(MANY, STEPS, INPUTS)
        return loss(lambda: m["head"](m["rnn"](x)[0][:, -1])[:, 0])

    severities(whole, tmp_path, modules)
    found = [one for one in diagnose(tmp_path / "run").findings if "number" in one.message]
    assert [one.severity for one in found] == told

"""Weight decay that is too strong, or falls on what it should spare, and what looks like it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding, Judge
from backsight.diagnosis.rules.wiring._decay import StrongDecay
from backsight.diagnosis.rules.wiring._time_constants import FragileParameters

Make = Callable[[list[nn.Parameter]], Optimizer]


def trained(net: nn.Module, make: Make, path: Path, steps: int = 4) -> Run:
    """A regression; every step is sampled."""
    torch.manual_seed(0)
    optimizer = make(list(net.parameters()))
    with watch(net, optimizer, path, every=1):
        for _ in range(steps):
            optimizer.zero_grad()
            (net(torch.randn(16, 4)) - 1).square().mean().backward()
            optimizer.step()
    return Run(path)


def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, 2, dtype=torch.float32)


# -- how strong it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SGD, Adam, RMSprop])
def test_a_decay_that_is_added_to_the_gradient_is_compared_with_it(
    kind: Any, tmp_path: Path
) -> None:
    """By hand, for the first step, in float64."""
    net = linear()
    weights = [p.detach().double() for p in net.parameters()]
    torch.manual_seed(0)
    x = torch.randn(16, 4).double()
    error = x @ weights[0].T + weights[1] - 1
    gradients = [2 * error.T @ x / error.numel(), 2 * error.sum(0) / error.numel()]
    norm = torch.cat([w.flatten() for w in weights]).norm()
    ratio = 0.3 * norm / torch.cat([g.flatten() for g in gradients]).norm()
    run = trained(net, lambda ps: kind(ps, lr=1e-3, weight_decay=0.3), tmp_path / "run")
    assert run["decay_ratio"][0] == pytest.approx(ratio.item(), rel=1e-5)
    assert run["decayed_norm"][0] == pytest.approx(norm.item(), rel=1e-5)


def test_a_decay_apart_from_the_gradient_is_compared_with_the_rest_of_the_step(
    tmp_path: Path,
) -> None:
    """Adam's first step is the learning rate in each direction: 10 parameters make √10 of it."""
    net = linear()
    norm = torch.cat([p.detach().flatten() for p in net.parameters()]).double().norm().item()
    run = trained(net, lambda ps: AdamW(ps, lr=1e-3, weight_decay=0.3), tmp_path / "run")
    assert run["decay_ratio"][0] == pytest.approx(0.3 * norm / 10**0.5, rel=1e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda ps: SGD(ps, lr=1e-3),
        lambda ps: Adam(ps, lr=1e-3),
        lambda ps: AdamW(ps, lr=1e-3, weight_decay=0.0),
    ],
)
def test_without_a_decay_it_is_0_or_not_there(make: Make, tmp_path: Path) -> None:
    run = trained(linear(), make, tmp_path / "run")
    assert "decay_ratio" not in run.names or not run["decay_ratio"].any()


def test_a_group_without_decay_is_left_out(tmp_path: Path) -> None:
    def make(ps: list[nn.Parameter]) -> Optimizer:
        groups: list[dict[str, Any]] = [{"params": ps[:1], "weight_decay": 0.5}, {"params": ps[1:]}]
        return SGD(groups, lr=1e-3)

    net = linear()
    norm = net.weight.detach().norm().item()
    run = trained(net, make, tmp_path / "run")
    assert run["decayed_norm"][0] == pytest.approx(norm, rel=1e-5)


def strong(ratio: list[float], norm: list[float], loss: list[float]) -> list[Finding]:
    """Of rule BKS427, with a sample every tenth iteration."""
    judge = Judge(rules=[StrongDecay()])
    for i, value in enumerate(loss):
        values = {"loss": value}
        if i % 10 == 0:
            values |= {"decay_ratio": ratio[i // 10], "decayed_norm": norm[i // 10]}
        judge.update(i, values)
    assert not judge.failed
    return list(judge.diagnosis().findings)


FLAT = [1.6 + 0.01 * (-1) ** i for i in range(300)]
LEARNS = [1.6 * 0.99**i for i in range(300)]
THROWN = [0.7 * 0.6**i for i in range(120)] + [3.0] * 10 + [0.7] * 170
FAST = [0.7 * 0.6**i for i in range(300)]
SPOILT = LEARNS[:100] + [1.6] * 200
FALLS = [10 * 0.95**i for i in range(30)]
STAYS = [10.0] * 30
GROWS = [10 * 1.05**i for i in range(30)]


@pytest.mark.parametrize(
    ("ratio", "norm", "loss"),
    [
        ([20.0] * 30, FALLS, FLAT),
        ([20.0] * 30, FALLS, SPOILT),
        ([20.0] * 6 + [0.5] * 24, FALLS, FLAT),  # until nothing is left to decay
    ],
)
def test_weights_that_decay_whatever_the_data_say_are_found(
    ratio: list[float], norm: list[float], loss: list[float]
) -> None:
    (found,) = strong(ratio, norm, loss)
    assert (found.severity, found.resolved_at) == ("warning", None)


@pytest.mark.parametrize(("low", "stands"), [(0.5, True), (5.0, False)])
def test_weights_are_back_only_at_half_of_what_they_were(low: float, stands: bool) -> None:
    """Where decay and gradient hold each other, the norm goes up and down far below."""
    fall = [10 * (low / 10) ** (i / 11) for i in range(12)]
    norm = [*fall, *[low * (1.3 + 0.3 * math.sin(i)) for i in range(18)]]
    (found,) = strong([1.2] * 14 + [0.9] * 16, norm, FLAT)
    assert (found.resolved_at is None) is stands
    assert not stands or "from 10" in found.message


@pytest.mark.parametrize(
    ("ratio", "norm", "loss"),
    [
        ([20.0] * 30, FALLS, LEARNS),  # regularised, and learning
        ([20.0] * 30, FALLS, FAST),  # within its first losses
        ([20.0] * 30, FALLS, THROWN),  # where no decay brings it
        ([20.0] * 30, STAYS, FLAT),
        ([20.0] * 30, GROWS, FLAT),
        ([0.9] * 30, FALLS, FLAT),
        ([20.0, 20.0, 0.5] * 10, FALLS, FLAT),
        ([20.0] * 30, FALLS, FLAT[:90]),  # too early to say
    ],
)
def test_a_decay_that_does_no_harm_is_not_accused(
    ratio: list[float], norm: list[float], loss: list[float]
) -> None:
    assert strong(ratio, norm, loss) == []


# -- a penalty in the loss ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "norm",
    [lambda p: p.square().sum(), lambda p: (p * p).sum(), lambda p: p.abs().mean(), torch.norm],
)
def test_a_penalty_on_weights_is_told_apart_from_the_rest(
    norm: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    net, penalties = linear(), []
    optimizer = SGD(net.parameters(), lr=0.01)
    torch.manual_seed(0)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            optimizer.zero_grad()
            loss: Tensor = nn.functional.mse_loss(net(torch.randn(16, 4)), torch.randn(16, 2))
            penalty: Tensor = 0.3 * torch.stack([norm(p) for p in net.parameters()]).sum()
            penalties.append(penalty.item())
            loss = loss + penalty
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    run = Run(tmp_path / "run")
    series = run.series("penalty")
    expected = [penalties[i] for i in series.iterations.tolist()]
    assert len(expected) >= 2
    assert series.values.tolist() == pytest.approx(expected, rel=1e-4)
    assert run["penalty_guess"][-1] == pytest.approx(1.0, abs=0.4)  # the variance of the targets


def test_a_second_loss_is_no_penalty(tmp_path: Path) -> None:
    net = linear()
    optimizer = SGD(net.parameters(), lr=0.01)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            result = net(torch.randn(16, 4))
            error = nn.functional.mse_loss(result, torch.randn(16, 2))
            loss: Tensor = error + result.logsumexp(1).exp().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert "penalty" not in Run(tmp_path / "run").names


@pytest.mark.parametrize(
    ("rest", "norm", "accused"), [(1.0, 0.5, True), (0.4, 0.5, False), (1.0, 0.9, False)]
)
def test_a_penalty_is_too_strong_where_weights_fall_and_nothing_is_learned(
    rest: float, norm: float, accused: bool
) -> None:
    judge = Judge(rules=[StrongDecay()])
    for i in range(140):
        now = {"loss": rest + 5 * 0.97**i, "penalty": 5 * 0.97**i, "penalty_guess": 1.0}
        judge.update(i, now | {"weight_norm/rnn.weight": 1.0 if i < 20 else norm})
    assert bool(judge.diagnosis().lasting) is accused


# -- what it falls on ---------------------------------------------------------------------------


@pytest.mark.parametrize(("rest", "accused"), [(1.0, True), (0.3, False)])
def test_a_penalty_that_has_taken_all_is_remembered(rest: float, accused: bool) -> None:
    """Beside what is left of the loss, it is too small to be seen; and losses vary."""
    judge = Judge(rules=[StrongDecay()])
    for i in range(140):
        penalty = {"penalty": 5 * 0.9**i, "penalty_guess": 1.0} if i < 60 else {}
        loss = rest * (1.0 + 0.25 * (-1) ** i) + penalty.get("penalty", 0.0)
        now = {"loss": loss, "guess_loss": 1.0, "decay_ratio": 0.0} | penalty
        norm = {} if i % 3 else {"weight_norm/rnn.weight": 0.8**i}
        judge.update(i, now | norm)
    assert bool(judge.diagnosis().lasting) is accused


class Fades(nn.Module):
    """A state that fades, whose parameter may be called anything."""

    def __init__(self, name: str, value: float = 0.5, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.head = linear()
        self.name = name
        self.register_parameter(name, nn.Parameter(torch.full((4,), value, dtype=dtype)))

    def forward(self, x: Tensor) -> Tensor:
        fading: Tensor = getattr(self, self.name)
        result: Tensor = self.head(x * torch.exp(-fading.exp()))
        return result


def fragile(net: nn.Module, make: Make, path: Path) -> list[Finding]:
    """Of rule BKS428."""
    diagnosis = diagnose(trained(net, make, path))
    outcomes = {one.code: one.outcome for one in diagnosis.verdicts}
    assert outcomes["BKS428"] in ("finding", "healthy")
    return [one for one in diagnosis.lasting if one.code == "BKS428"]


@pytest.mark.some(2)
@pytest.mark.parametrize("name", ["A_log", "dt_bias", "log_dt", "time_decay", "nu_log", "log_A"])
def test_a_time_constant_under_decay_is_found(name: str, tmp_path: Path) -> None:
    (found,) = fragile(Fades(name), lambda ps: AdamW(ps, weight_decay=0.1), tmp_path / "run")
    assert (found.severity, found.evidence) == ("warning", {"weight decay": 0.1})
    assert f"({name})" in found.message


def test_a_small_decay_is_a_note_unless_the_model_asks_for_none(tmp_path: Path) -> None:
    net = Fades("A_log")
    (found,) = fragile(net, lambda ps: AdamW(ps, weight_decay=0.01), tmp_path / "one")
    assert found.severity == "info"
    net.A_log._no_weight_decay = True  # type: ignore[union-attr]
    (found,) = fragile(net, lambda ps: AdamW(ps, weight_decay=0.01), tmp_path / "two")
    assert found.severity == "warning"
    assert "marked _no_weight_decay" in found.message


def test_half_precision_and_an_overwritten_bias_are_notes(tmp_path: Path) -> None:
    net = Fades("A_log", dtype=torch.bfloat16)
    (found,) = fragile(net, lambda ps: SGD(ps, lr=1e-3), tmp_path / "half")
    assert (found.severity, found.evidence) == ("info", {"fragile_half": 1.0})
    net = Fades("dt_bias", value=0.0)
    (found,) = fragile(net, lambda ps: SGD(ps, lr=0.0), tmp_path / "zero")
    assert (found.severity, found.evidence) == ("info", {"fragile_zero": 1.0})


class Steps(nn.Module):
    """Of whose size a layer tells, as Mamba's ``dt_proj`` does."""

    def __init__(self, *, overwritten: bool) -> None:
        super().__init__()
        self.dt_proj, self.head = nn.Linear(4, 4), linear()
        nn.init.constant_(self.dt_proj.bias, 0.0 if overwritten else -3.0)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(x * nn.functional.softplus(self.dt_proj(x)))
        return result


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_bias_of_the_step_size_that_began_as_zero_is_a_note(
    overwritten: bool, tmp_path: Path
) -> None:
    """The first step moves it: it is told what it began as."""
    each = fragile(Steps(overwritten=overwritten), lambda ps: SGD(ps, lr=0.1), tmp_path / "run")
    assert [(one.severity, one.evidence) for one in each] == [
        ("info", {"fragile_zero": 1.0})
    ] * overwritten


def spared(ps: list[nn.Parameter]) -> Optimizer:
    groups: list[dict[str, Any]] = [{"params": ps[1:]}, {"params": ps[:1], "weight_decay": 0.0}]
    return AdamW(groups, weight_decay=0.1)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("A_log", lambda ps: SGD(ps, lr=1e-3)),
        ("A_log", lambda ps: Adam(ps)),
        ("gain", lambda ps: AdamW(ps, weight_decay=0.1)),
        ("log_alpha", lambda ps: AdamW(ps, weight_decay=0.1)),  # a temperature
        ("dt_bias", lambda ps: SGD(ps, lr=1e-3)),
    ],
)
def test_what_is_spared_or_is_no_time_constant_is_not_accused(
    name: str, make: Make, tmp_path: Path
) -> None:
    assert fragile(Fades(name), make, tmp_path / "run") == []


def test_a_group_of_its_own_spares_it(tmp_path: Path) -> None:
    net = Fades("A_log")
    names = [name for name, _ in net.named_parameters()]
    assert names[0] == "A_log"
    assert fragile(net, spared, tmp_path / "run") == []


def test_the_rule_speaks_of_the_largest_decay() -> None:
    judge = Judge(rules=[FragileParameters()])
    for i in range(4):
        judge.update(
            i, {"fragile_decay": 0.2, "fragile_decay/a.A_log": 0.2, "fragile_decay/b.A_log": 0.0}
        )
    (found,) = judge.diagnosis().findings
    assert "(a.A_log)" in found.message

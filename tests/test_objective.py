"""A loss that is no measure of progress: what rules find in it is a note that says why."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from backsight import Run, watch
from backsight.diagnosis import Diagnosis, Facts, Judge, diagnose, facts_of, timeline
from backsight.signals import Recorder, Series
from tests.test_trainings import observed

COLLAPSED = [4.0] * 60 + [1.0] * 60 + [4.0] * 120
"""BKS204, and BKS202 for the rise."""
NOISE = [0.01 * (-1) ** i for i in range(40)]
"""Of both signs from the start."""


def judged(signals: Mapping[str, Sequence[float]], facts: Facts | None = None) -> Diagnosis:
    """In stretches of 50, and iteration by iteration, which must agree."""
    slow, fast = Judge(facts), Judge(facts)
    size = max(map(len, signals.values()))
    told = []
    for i in range(size):
        told += slow.update(i, {name: float(v[i]) for name, v in signals.items() if i < len(v)})
    for begin in range(0, size, 50):
        part = {n: np.array(v[begin : begin + 50]) for n, v in signals.items() if begin < len(v)}
        fast.update_many({n: Series(np.arange(begin, begin + len(v)), v) for n, v in part.items()})
    found = slow.diagnosis()
    assert fast.diagnosis() == found
    assert {f.code for f in told} == {f.code for f in found.findings}
    return found


def severities(found: Diagnosis) -> set[str]:
    return {finding.severity for finding in found.findings}


@pytest.mark.parametrize(
    ("signals", "facts", "why"),
    [
        ({"loss": COLLAPSED}, Facts(objective=False), "as the run says"),
        ({"loss": COLLAPSED, "adversary": [0.0] * 9 + [1.0]}, None, "against another one"),
        ({"loss": COLLAPSED, "likelihood_weighted": [1.0]}, None, "a policy gradient"),
        ({"loss": COLLAPSED, "target_replaced": [1.0]}, None, "an older copy of it"),
        ({"loss": [*NOISE, *COLLAPSED]}, None, "noise around zero from the start"),
    ],
)
def test_what_is_found_in_a_loss_that_is_no_objective_is_a_note(
    signals: Mapping[str, Sequence[float]], facts: Facts | None, why: str
) -> None:
    found = judged(signals, facts)
    codes = {finding.code for finding in found.findings}
    assert codes & {"BKS202", "BKS203", "BKS204"}
    assert severities(found) == {"info"}
    assert not found.has_errors
    told = {f.code: f.message for f in found.findings if f.code != "BKS207"}
    assert all(why in message for message in told.values())
    assert {v.reason for v in found.verdicts if v.outcome == "finding"} <= set(told.values())


def test_the_same_loss_without_a_doubt_is_an_error() -> None:
    assert judged({"loss": COLLAPSED}).has_errors
    assert judged({"loss": COLLAPSED, "adversary": [0.0] * 9}).has_errors


def test_a_log_density_that_passes_zero_on_its_way_is_an_objective() -> None:
    """It changes its sign with the noise of a few losses, and once for all."""
    down = [1.0 - 0.05 * i for i in range(18)] + [0.02, -0.02, 0.01, -0.1]
    passed = [*down, *[-1.0 - 0.05 * i for i in range(40)], *[-3.0] * 60, *[1.0] * 120]
    assert "BKS204" in {f.code for f in judged({"loss": passed}).lasting if f.severity == "error"}


@pytest.mark.parametrize(
    ("factor", "sick"),
    [(1.12, False), (1.05, True), (1.0, True)],  # 1.12 to the power of 119 is 720,000
)
def test_a_range_test_is_meant_to_go_wrong_in_the_end(factor: float, sick: bool) -> None:
    """A schedule that rises by mistake does not go through five orders of magnitude."""
    lost = [*[4.0] * 40, *[1.0] * 40, *[1e6] * 39, float("nan")]
    rates = [1e-6 * factor**i for i in range(len(lost))]
    found = judged({"loss": lost, "lr": rates, "grad_norm": lost})
    assert {f.code for f in found.lasting} >= {"BKS201", "BKS202"}
    assert found.has_errors == sick
    told = {f.message for f in found.lasting}
    assert all("as in a range test" in message for message in told) != sick


@pytest.mark.some(3)
@pytest.mark.parametrize("rates", [[1e308, 1e-300], [0.0, 1.0], [float("nan"), 1.0], [-1.0, 2.0]])
def test_rates_of_any_size_are_no_range_test(rates: list[float]) -> None:
    assert judged({"loss": COLLAPSED, "lr": rates}).has_errors
    assert judged({"loss": COLLAPSED, "lr": rates[::-1]}).has_errors


def test_what_follows_a_range_test_is_judged() -> None:
    """The training begins with a rate of its own."""
    search, rates = [2.0] * 119, [1e-6 * 1.12**i for i in range(119)]
    found = judged({"loss": search + COLLAPSED, "lr": rates + [0.01] * len(COLLAPSED)})
    assert "BKS204" in {f.code for f in found.lasting if f.severity == "error"}


def test_values_that_are_not_finite_stay_an_error() -> None:
    found = judged({"loss": [*COLLAPSED, float("nan")]}, Facts(objective=False))
    assert [f.code for f in found.lasting if f.severity == "error"] == ["BKS201"]


def test_it_is_about_one_of_several_models(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for name in ("A", "B"):
            recorder.series(f"loss/{name}", range(len(COLLAPSED)), COLLAPSED)
        recorder.scalars(5, {"adversary/A": 1.0})
    found = diagnose(tmp_path / "run")
    severity = {f.module: f.severity for f in found.findings if f.code == "BKS204"}
    assert severity == {"A": "info", "B": "error"}


def test_a_note_ends_no_training(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run", config={"facts": {"objective": False}}) as recorder:
        recorder.series("loss", range(len(COLLAPSED)), COLLAPSED)
    run = Run(tmp_path / "run")
    assert not facts_of(run).objective
    assert timeline(run, diagnose(run)) is None


class Judging(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 4)

    def forward(self, x: Tensor) -> Any:
        return self.rnn(x)[0]


class Making(Judging):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.head(super().forward(x))


def play(tmp_path: Path, *, against: bool, detach: bool = True) -> Run:
    """Two models that take turns: as in a GAN, or each with the same loss and one pass for both."""
    with observed(tmp_path) as process:
        torch.manual_seed(0)
        maker, judge = Making(), Judging()
        makes, judges = (SGD(m.parameters(), lr=0.1) for m in (maker, judge))
        for _ in range(8):
            fake = maker(torch.randn(5, 2, 3))
            if against:
                judges.zero_grad()
                judge(fake.detach() if detach else fake).mean().backward(retain_graph=not detach)
                judges.step()
                fake = maker(torch.randn(5, 2, 3))
            makes.zero_grad()
            (-judge(fake).mean()).backward()
            makes.step()
            if not against:
                judges.step()
                judges.zero_grad()
    (run,) = process.runs
    return run


@pytest.mark.parametrize("detach", [True, False])
def test_models_that_are_trained_against_each_other_are_told(tmp_path: Path, detach: bool) -> None:
    run = play(tmp_path, against=True, detach=detach)
    for name in ("Making", "Judging"):
        assert set(run[f"adversary/{name}"].tolist()) == {1.0}


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("asked", "replaced", "units", "found"),
    [
        (1, 10, 4, True),
        (1, 100, 4, False),  # a teacher that stays as it is
        (1, 1, 4, False),  # an average of weights follows in each step
        (5, 10, 4, False),  # the best model so far is evaluated now and then
        (1, 10, 5, False),  # it is no copy
    ],
)
def test_a_target_network_is_told(
    asked: int, replaced: int, units: int, found: bool, tmp_path: Path
) -> None:
    with observed(tmp_path) as process:
        torch.manual_seed(0)
        model, target = Judging(), Judging()
        target.rnn = nn.GRU(3, units)
        optimizer = SGD(model.parameters(), lr=0.1)
        for step in range(40):
            x = torch.randn(5, 2, 3)
            if step % asked == 0:
                with torch.no_grad():
                    wanted = target(x)[..., :4]
            optimizer.zero_grad()
            (model(x) - wanted).square().mean().backward()
            optimizer.step()
            if step % replaced == replaced - 1:
                with torch.no_grad():
                    for ours in target.parameters():
                        ours.copy_(0.9 * ours)
    (run,) = process.runs
    assert ("target_replaced" in run.names) == found


@pytest.mark.parametrize("trained", [True, False])
def test_a_judge_that_is_frozen_for_its_maker_is_told(tmp_path: Path, trained: bool) -> None:
    with observed(tmp_path) as process:
        torch.manual_seed(0)
        maker, judge = Making(), Judging().requires_grad_(trained)
        makes = SGD(maker.parameters(), lr=0.1)
        judges = SGD(judge.parameters() if trained else [nn.Parameter()], lr=0.1)
        for _ in range(8):
            fake = maker(torch.randn(5, 2, 3))
            if trained:
                judges.zero_grad()
                judge(fake.detach()).mean().backward()
                judges.step()
            judge.requires_grad_(False)
            makes.zero_grad()
            (-judge(fake).mean()).backward()
            makes.step()
            judge.requires_grad_(trained)
    (run,) = process.runs
    told = {name for name in run.names if name.startswith("adversary")}
    assert told == ({"adversary/Making", "adversary/Judging"} if trained else set())


def test_models_that_step_on_the_same_pass_are_no_adversaries(tmp_path: Path) -> None:
    assert not any("adversary" in name for name in play(tmp_path, against=False).names)


def test_a_user_can_say_that_the_loss_is_no_objective(tmp_path: Path) -> None:
    model = Judging()
    optimizer = SGD(model.parameters(), lr=0.0)
    with watch(model, optimizer, tmp_path / "run", every=100, objective=False) as monitor:
        for value in COLLAPSED[:3]:
            model(torch.zeros(2, 1, 3)).sum().backward()
            optimizer.step()
            monitor.log(loss=value)
    run = Run(tmp_path / "run")
    assert facts_of(run) == Facts(objective=False)
    assert diagnose(run).judged == "while training"

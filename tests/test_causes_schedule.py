"""Learning rates that are 0, fall to nothing or grow without end, and every healthy schedule."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as lr

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding, Judge
from backsight.diagnosis.rules.wiring._rate_course import RateCourse
from backsight.signals import Series

Make = Callable[[Optimizer], lr.LRScheduler]
COUNT = 300


def rates(make: Make, count: int = COUNT, *, each: int = 1) -> list[float]:
    """Those of a schedule that is stepped after every ``each``-th step of an optimizer."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule, found = make(optimizer), []
    for i in range(count):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if i % each == each - 1:
            schedule.step()
    return found


def falling(count: int) -> list[float]:
    return [1 + 3 * math.exp(-i / 40) for i in range(count)]


def rising(count: int) -> list[float]:
    return [1 + 3 * math.exp(-i / 40) + math.exp((i - 200) / 20) for i in range(count)]


def findings(*groups: Sequence[float], loss: Sequence[float] | None = None) -> list[Finding]:
    """Of rule BKS423, with a sample every tenth iteration; also of what is over."""
    judge = Judge(rules=[RateCourse()])
    for i in range(len(groups[0])):
        values = {"loss": (loss or falling(len(groups[0])))[i]}
        if i % 10 == 0:
            values |= {f"group_lr/{number}": group[i] for number, group in enumerate(groups)}
        judge.update(i, values)
    diagnosis = judge.diagnosis()
    assert not judge.failed
    assert diagnosis.verdicts[0].outcome in ("finding", "healthy")
    return list(diagnosis.findings)


def test_a_warm_up_that_is_stuck_is_an_error() -> None:
    (found,) = findings([0.0] * COUNT)
    assert (found.severity, found.iteration) == ("error", 60)


@pytest.mark.parametrize("rate", [0.0, 1e-9])
def test_a_group_at_nought_is_a_warning(rate: float) -> None:
    (found,) = findings([0.1] * COUNT, [rate] * COUNT)
    assert (found.severity, found.module) == ("warning", "1")
    assert "group 1 " in found.message
    assert not findings([0.1] * COUNT, [1e-5] * COUNT)
    later = findings([0.1] * COUNT, [0.1] * 100 + [rate] * (COUNT - 100))
    assert all(one.severity == "info" for one in later)


@pytest.mark.parametrize(
    ("make", "each"),
    [
        (lambda o: lr.StepLR(o, 30, 0.1), 1),
        (lambda o: lr.StepLR(o, 10, 0.5), 1),
        (lambda o: lr.ExponentialLR(o, 0.9), 1),
        (lambda o: lr.ExponentialLR(o, 0.95), 1),
        (lambda o: lr.ExponentialLR(o, 0.5), 5),
        (lambda o: lr.MultiStepLR(o, [30, 60, 90], 0.1), 1),
        (lambda o: lr.LambdaLR(o, lambda i: 1 / (1 + 100 * i)), 1),
        (lambda o: lr.LambdaLR(o, lambda i: max(0.0, 1 - i / 50)), 1),
    ],
)
def test_a_rate_that_is_used_up_long_before_the_end_is_found(make: Make, each: int) -> None:
    (found,) = findings(rates(make, each=each))
    assert found.severity == "warning"
    assert found.resolved_at is None


@pytest.mark.parametrize(
    "make",
    [
        lambda o: lr.ExponentialLR(o, 1.03),
        lambda o: lr.LambdaLR(o, lambda i: 1.0 + i),
        lambda o: lr.StepLR(o, 1, 1.1),
        lambda o: lr.StepLR(o, 40, 2.0),  # 7 times, to 128 times
    ],
)
def test_a_rate_that_grows_until_the_loss_does_is_found(make: Make) -> None:
    (found,) = findings(rates(make), loss=rising(COUNT))
    assert found.severity == "warning"
    assert findings(rates(make), loss=[1.0] * 150 + [math.nan] * 150)
    assert findings(rates(make)) == []


@pytest.mark.parametrize(
    ("growth", "learned", "left", "told"),
    [(300, 1.2, 1.51, 1), (300, 1.2, 1.4, 0), (300, 1.49, 1.51, 0), (20, 1.2, 1.51, 0)],
    ids=["forgotten", "some of it is left", "never learned", "as a warm-up"],
)
def test_a_rate_that_grows_until_nothing_is_left(
    growth: float, learned: float, left: float, told: int
) -> None:
    """A loss that layers with a norm keep from rising beyond that of a constant answer."""
    judge = Judge(rules=[RateCourse()])
    for i in range(COUNT):
        share = 1 + growth * i / COUNT
        values = {"loss": learned if 40 < i < 120 else left}
        if i % 10 == 0:
            values |= {"group_lr/0": 1e-3 * share, "group_lr_share": share, "guess_loss": 1.5}
        judge.update(i, values)
    assert not judge.failed
    assert len(judge.diagnosis().findings) == told


@pytest.mark.parametrize("each", [12, 25])
def test_a_rate_that_grows_with_each_epoch_is_found(each: int) -> None:
    """Some samples have the rate of the one before."""
    grown = rates(lambda o: lr.ExponentialLR(o, 1.03**each), each=each)
    (found,) = findings(grown, loss=rising(COUNT))
    assert found.severity == "warning"
    assert findings(grown) == []


@pytest.mark.parametrize("each", [1, 10])
def test_a_warm_up_that_was_over_when_the_loss_rose_is_not_accused(each: int) -> None:
    """To 20 times what it began with, after 100 iterations; the loss is lowest at 190."""
    make = lambda o: lr.LambdaLR(o, lambda i: min(1 + 0.2 * i * each, 20.0))  # noqa: E731
    assert findings(rates(make, each=each), loss=[0.1 * x for x in rising(COUNT)]) == []


@pytest.mark.parametrize(("times", "back"), [(200.0, False), (200.0, True), (20.0, False)])
def test_a_rate_far_above_its_own_stands_until_the_loss_is_back(times: float, back: bool) -> None:
    judge = Judge(rules=[RateCourse()])
    for i in range(COUNT):
        share = times * i / 150 if i < 150 else 1.0
        after = 1.0 if back else 2.0
        values = {"loss": rising(260)[i + 110] if i < 150 else after}
        if i % 10 == 0:
            values |= {"group_lr/0": 0.01 * share, "group_lr_share": share}
        judge.update(i, values)
    (found,) = judge.diagnosis().findings
    assert (found.resolved_at is None) is (times > 100 and not back)


HEALTHY: list[Make] = [
    lambda o: lr.LambdaLR(o, lambda i: 1.0),
    lambda o: lr.LambdaLR(o, lambda i: min(i / 50, 1.0)),
    lambda o: lr.LambdaLR(o, lambda i: min(i / 300, 1.0)),
    lambda o: lr.CosineAnnealingLR(o, COUNT),
    lambda o: lr.CosineAnnealingLR(o, 30),
    lambda o: lr.CosineAnnealingWarmRestarts(o, 30),
    lambda o: lr.OneCycleLR(o, 0.1, COUNT + 1),
    lambda o: lr.CyclicLR(o, 1e-5, 0.1, step_size_up=30),
    lambda o: lr.LambdaLR(o, lambda i: 1 - i / COUNT),
    lambda o: lr.LinearLR(o, 1e-8, 1.0, 100),
    lambda o: lr.PolynomialLR(o, COUNT, 2.0),
    lambda o: lr.LambdaLR(o, lambda i: min(i, 20) ** 0.5 / max(i, 1) if i else 0.0),
    lambda o: lr.StepLR(o, 100, 0.1),
    lambda o: lr.ExponentialLR(o, 0.98),
    lambda o: lr.MultiStepLR(o, [150], 1e-4),  # a phase of its own
    lambda o: lr.LambdaLR(o, lambda i: 1.0 if i < 200 else 0.0),
]


@pytest.mark.some(12)
@pytest.mark.parametrize("make", HEALTHY)
def test_a_healthy_schedule_is_not_accused(make: Make) -> None:
    assert findings(rates(make)) == []


@pytest.mark.some(10)
@pytest.mark.parametrize("make", HEALTHY)
def test_nor_is_it_while_the_run_goes_on(make: Make) -> None:
    """A rule does not know that the end of a schedule is the end of the training."""
    schedule = rates(make)
    for end in (40, 120, 290):
        assert findings(schedule[:end]) == []


def test_a_rate_of_0_at_the_end_that_goes_on_is_found() -> None:
    """Of a cosine that ends in the middle; one that just ends is above."""
    cosine = rates(lambda o: lr.CosineAnnealingLR(o, 100), 101)
    assert findings(cosine) == []
    assert findings(cosine + [0.0] * 150)


def test_a_plateau_that_has_lowered_the_rate_is_a_note() -> None:
    schedule = [0.1] * 400 + [0.01] * 150 + [0.001] * 150 + [0.0001] * 800
    (found,) = findings(schedule)
    assert found.severity == "info"


def test_a_group_that_is_thawed_later_is_not_accused() -> None:
    assert findings([0.1] * COUNT, [0.0] * 100 + [0.01] * 200) == []


def test_a_group_that_is_switched_off_is_a_note_at_most() -> None:
    assert {one.severity for one in findings([0.1] * COUNT, [0.1] * 50 + [0.0] * 250)} <= {"info"}


def test_a_second_optimizer_is_named() -> None:
    judge = Judge(rules=[RateCourse()])
    for i in range(0, 100, 10):
        judge.update(i, {"group_lr/0": 0.1, "group_lr/2.0": 0.0})
    (found,) = judge.diagnosis().findings
    assert (found.severity, "group 0 of optimizer 2" in found.message) == ("error", True)


def test_only_groups_that_are_used_are_recorded(tmp_path: Path) -> None:
    """A part that is frozen, or takes no part, has a rate that nobody reads."""
    rnn, head, frozen = nn.RNN(2, 3), nn.Linear(3, 1), nn.Linear(1, 1).requires_grad_(False)
    model = nn.ModuleList([rnn, head, frozen])
    groups = [{"params": [*m.parameters()]} for m in model]
    groups[1]["lr"] = torch.tensor(0.0)  # type: ignore[assignment]
    optimizer = SGD(groups, lr=0.1)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(2):
            head(rnn(torch.randn(4, 2, 2))[0]).mean().backward()
            optimizer.step()
    run = Run(tmp_path / "run")
    assert [name for name in run.names if name.startswith("group_lr")] == [
        "group_lr/0",
        "group_lr/1",
    ]
    assert run["group_lr/0"].tolist() == [0.1, 0.1]
    assert not diagnose(run).lasting


def epochs(rise: Callable[[int], float], batches: int = 15, count: int = 20) -> list[float]:
    """A rate that depends on the batch within the epoch."""
    return [rise(i) for _ in range(count) for i in range(batches)]


def of_every_iteration(rates: Sequence[float], cuts: Sequence[int] = ()) -> list[Finding]:
    """Of rule BKS423, where ``lr`` is recorded, too; in portions, where there are cuts."""
    judge, losses = Judge(rules=[RateCourse()]), falling(len(rates))
    if not cuts:
        for i, rate in enumerate(rates):
            group = {"group_lr/0": rate} if i % 10 == 0 else {}
            judge.update(i, {"loss": losses[i], "lr": rate} | group)
    for begin, end in pairwise([0, *cuts, len(rates)] if cuts else []):
        at = np.arange(begin, end)
        sampled = at[at % 10 == 0]
        judge.update_many(
            {
                "loss": Series(at, np.array(losses)[at]),
                "lr": Series(at, np.array(rates)[at]),
                "group_lr/0": Series(sampled, np.array(rates)[sampled]),
            }
        )
    assert not judge.failed
    return list(judge.diagnosis().findings)


def test_a_warm_up_that_begins_again_in_each_epoch_is_found() -> None:
    (found,) = of_every_iteration(epochs(lambda i: 1e-6 + 1e-4 * i / 200))
    assert (found.severity, found.iteration, found.resolved_at) == ("warning", 45, None)
    assert found.evidence["iterations"] == 15
    assert of_every_iteration(epochs(lambda i: 1e-4 * i, batches=8))
    uneven = [1e-5 * i for batches in (12, 11, 12, 12) for i in range(batches)]
    assert of_every_iteration(uneven + epochs(lambda i: 1e-5 * i, batches=12))
    multiplied = [0.1**epoch * (0.1 + i / 20) for epoch in range(4) for i in range(9)]
    assert of_every_iteration(multiplied)  # LinearLR, made anew in each epoch


@pytest.mark.parametrize("cuts", [(7, 8, 100, 131), (15, 30, 45, 60)])
def test_it_is_the_same_in_portions(cuts: tuple[int, ...]) -> None:
    rates = epochs(lambda i: 1e-6 + 1e-4 * i / 200)
    assert of_every_iteration(rates, cuts) == of_every_iteration(rates)


@pytest.mark.parametrize(
    "rates",
    [
        epochs(lambda i: min(1.0, i / 10)),  # a warm-up that is over when the epoch is
        epochs(lambda i: 1e-3 * (1 + min(i, 30 - i)), batches=30),  # cyclic
        epochs(lambda i: math.cos(math.pi * i / 30) + 1, batches=30),  # restarts
        epochs(lambda i: 1e-3 * (i % 3 + 1)),
        [1e-5 * i for _ in range(3) for i in range(100)],  # two falls
        [1e-5 * i for n in (10, 30, 20, 50, 25) for i in range(n)],  # phases
        [1e-3 * (1 + 2 * n) * (i + 1) for n in range(6) for i in range(10)],  # ever higher
    ],
)
def test_other_rates_that_fall_back_are_not_accused(rates: list[float]) -> None:
    assert of_every_iteration(rates) == []


def test_a_rate_that_falls_faster_than_it_is_sampled_is_found() -> None:
    """And is no phase of its own."""
    for make in (
        lambda o: lr.ExponentialLR(o, 0.5),
        lambda o: lr.ExponentialLR(o, 0.3),
        lambda o: lr.MultiplicativeLR(o, lambda i: 0.4 + min(0.01 * i, 0.6)),
    ):
        (found,) = findings(rates(make))
        assert (found.severity, found.resolved_at) == ("warning", None)
    assert findings([0.1] * 150 + [1e-4] * 20 + [5e-5] * 130) == []


@pytest.mark.parametrize("gamma", [1e-3, 1e-2])
def test_a_rate_that_drops_again_and_again_is_found(gamma: float) -> None:
    """Each time as far as to another phase, and never up."""
    (found,) = findings(rates(lambda o: lr.StepLR(o, 40, gamma)))
    assert (found.severity, found.resolved_at) == ("warning", None)
    phases = [0.1, 1e-3, 1e-5]  # of what is a training each
    assert findings([rate for rate in phases for _ in range(100)]) == []
    assert findings(([0.1] * 60 + [1e-4] * 60) * 4) == []  # in turns


def of_its_aim(shares: Sequence[float]) -> list[Finding]:
    """Of rule BKS423, with a sample every tenth iteration."""
    judge = Judge(rules=[RateCourse()])
    for i, share in enumerate(shares):
        rate = {"group_lr/0": 0.1 * share, "group_lr_share": share} if i % 10 == 0 else {}
        judge.update(i, {"loss": falling(len(shares))[i]} | rate)
    assert not judge.failed
    return [one for one in judge.diagnosis().findings if one.resolved_at is None]


def test_a_warm_up_in_steps_that_is_moved_by_epochs_is_found() -> None:
    (found,) = of_its_aim([(i // 60) / 6000 for i in range(400)])
    assert (found.severity, found.iteration) == ("warning", 180)
    assert found.evidence["rises left"] == pytest.approx(5994, abs=4)


@pytest.mark.some(5)
@pytest.mark.parametrize(
    "shares",
    [
        [min(1.0, (i // 60) / 10) for i in range(900)],  # ten epochs
        [min(1.0, (i // 60) / 60) for i in range(900)],  # a long one
        [(i // 60 + 1) / 6000 for i in range(170)],  # too early to say
        [i / 6000 for i in range(400)],  # by steps
        [(i // 10) / 6000 for i in range(400)],  # epochs of few steps
        [2 ** (i // 60 - 12) for i in range(700)],
        [1 - (i // 60) / 6000 for i in range(400)],
    ],
)
def test_a_warm_up_that_arrives_is_not_accused(shares: list[float]) -> None:
    assert of_its_aim(shares) == []


# -- a length that does not fit -------------------------------------------------------------------


def of_fit(values: Callable[[int], dict[str, float]], *, learned: bool = False) -> list[Finding]:
    """Of rule BKS423 after 300 iterations, with a sample every tenth."""
    judge = Judge(rules=[RateCourse()])
    for i in range(300):
        rates = {"group_lr/0": 1e-3, "lr": 1e-3} | values(i)
        rates = {name: float(rate) for name, rate in rates.items() if name == "lr" or i % 10 == 0}
        judge.update(i, {"loss": falling(300)[i] if learned else 1.0} | rates)
    assert not judge.failed
    return [one for one in judge.diagnosis().findings if one.resolved_at is None]


def warms(i: int, most: int = 40_000) -> dict[str, float]:
    rate = 1e-6 * (i + 1) * 40_000 / most
    return {"lr": rate, "group_lr/0": rate, "update_ratio/w": 3e-5}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (lambda i: {"schedule_calls": i, "schedule_periods": i / 20}, "T_max"),
        (
            lambda i: {"schedule_calls": 0.0, "schedule_share": 0.0, "group_lr_share": 1e-4},
            "never called",
        ),
        (lambda i: {"schedule_calls": i // 20, "schedule_share": i // 20 / 400}, "once an epoch"),
        (
            lambda i: {
                "schedule_calls": min(i, 24),
                "schedule_share": min(i, 24) / 25,
                "group_lr_share": 1e-4,
            },
            "come to its end",
        ),
        (  # of a cycle that begins at a 25th of its highest rate
            lambda i: {
                "schedule_calls": i,
                "schedule_share": i / 25,
                "group_lr_share": 25.0 if 5 < i < 15 else 0.2,
            },
            "come to its end",
        ),
        (lambda i: {"lr": 1e-6, "group_lr/0": 1e-6, "group_lr_share": 1e-3}, "a factor"),
        (warms, "warm-up is too long"),
    ],
)
def test_a_schedule_whose_length_does_not_fit_is_found(
    values: Callable[[int], dict[str, float]], word: str
) -> None:
    (found,) = of_fit(values)
    assert found.severity == "warning"
    assert word in found.message


@pytest.mark.parametrize(
    ("values", "learned"),
    [
        (lambda i: {"schedule_calls": i, "schedule_periods": i / 100}, False),  # three swings
        (lambda i: {"schedule_calls": i // 20, "schedule_periods": i // 20 / 3}, False),  # by epoch
        (lambda i: {"schedule_calls": i // 20, "schedule_share": i // 20 / 400}, True),
        (lambda i: {"schedule_calls": i // 20, "schedule_share": i // 20 / 20}, False),
        (lambda i: {"schedule_calls": 0.0, "schedule_share": 0.0, "group_lr_share": 1.0}, False),
        (  # a warm-up that is over
            lambda i: {
                "schedule_calls": min(i, 24),
                "schedule_share": min(i, 24) / 25,
                "group_lr_share": min(i + 1, 25) / 25,
            },
            False,
        ),
        (lambda i: {"lr": 1e-6, "group_lr/0": 1e-6, "group_lr_share": 1e-2}, False),
        (warms, True),
    ],
)
def test_a_schedule_that_fits_is_not_accused(
    values: Callable[[int], dict[str, float]], learned: bool
) -> None:
    assert of_fit(values, learned=learned) == []


def climbing(length: float, count: int = 600, aim: float = 0.1, held: int = 1) -> list[Finding]:
    """Of BKS423, where the rate rises for so many iterations and the loss falls."""
    judge = Judge(rules=[RateCourse()])
    for i in range(count):
        share = min(1.0, (i // held + 1) * held / length)
        values = {"loss": falling(count)[i], "lr": aim * share}
        if i % 10 == 0:
            values |= {"group_lr/0": aim * share, "group_lr_share": share}
        judge.update(i, values)
    assert not judge.failed
    return list(judge.diagnosis().findings)


def test_a_warm_up_longer_than_the_run_is_noted() -> None:
    """Only noted: nobody knows how long the run was to be."""
    (found,) = climbing(2880)
    assert (found.severity, found.iteration, found.resolved_at) == ("info", 300, None)
    assert found.evidence["warm-up"] == pytest.approx(2880, rel=0.01)
    assert climbing(2880, count=280) == []  # somebody tries it
    assert climbing(60) == []  # a tenth of the run
    assert climbing(500) == []
    (over,) = climbing(1000)
    assert over.resolved_at == 500
    assert climbing(50_000) == []  # a factor whose highest value is not 1
    assert len(climbing(50_000, aim=3e-3)) == 1  # the rate is one that Adam is given


def test_so_is_one_in_steps_that_is_moved_once_an_epoch() -> None:
    (found,) = climbing(3000, held=50)
    assert (found.severity, found.iteration, found.resolved_at) == ("info", 300, None)
    assert found.evidence["warm-up"] == pytest.approx(3000, rel=0.2)
    assert "moved once an epoch" in found.message
    assert climbing(3000, held=50, count=290) == []  # somebody tries it
    assert climbing(500, held=50) == []  # ten epochs, and at its aim
    assert climbing(3000, held=15) == []  # epochs of few steps
    (over,) = climbing(1000, held=50)  # a long one that arrives
    assert over.resolved_at == 450


def test_a_rate_that_also_falls_or_rises_by_other_amounts_is_not_noted() -> None:
    for step, epochs in ((0.02, [1, 2, 1, 2, 3, 4, 5, 6, 7]), (2e-3, [1, 2, 4, 8, 16, 32, 64])):
        shares = [step * epochs[i // 50] for i in range(50 * len(epochs))]
        judge = Judge(rules=[RateCourse()])
        for i in range(0, len(shares), 10):
            values = {"group_lr/0": shares[i], "lr": shares[i], "group_lr_share": shares[i]}
            judge.update(i, {"loss": falling(len(shares))[i]} | values)
        assert not judge.diagnosis().findings


def test_a_note_does_not_soften_what_is_found_later() -> None:
    judge = Judge(rules=[RateCourse()])
    for i in range(900):
        share = (i + 1) / 3000
        loss = 1 + 3 * math.exp(-i / 40) + math.exp((i - 600) / 20)
        values = {"loss": loss, "lr": 0.1 * share}
        if i % 10 == 0:
            values |= {"group_lr/0": 0.1 * share, "group_lr_share": share}
        judge.update(i, values)
    assert "warning" in {one.severity for one in judge.diagnosis().findings}


@pytest.mark.parametrize(("calls", "told"), [(30, 0), (44, 0), (55, 1), (79, 1)])
def test_a_cosine_that_swings_back_up_is_a_note(calls: int, told: int) -> None:
    """T_max is 40: of half the epochs, or a training that goes on."""
    judge = Judge(rules=[RateCourse()])
    for i in range(calls * 10):
        rate = 0.05 * (1 + math.cos(math.pi * (i // 10) / 40))
        values = {"loss": 1 + math.exp(-i / 50), "lr": rate, "group_lr/0": rate}
        values |= {"schedule_calls": i // 10, "schedule_periods": i // 10 / 40}
        judge.update(i, {name: float(value) for name, value in values.items()})
    found = judge.diagnosis().findings
    assert [one.severity for one in found] == ["info"] * told
    assert all("swings back up" in one.message for one in found)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda o: lr.CosineAnnealingLR(o, T_max=4), "schedule_periods"),
        (
            lambda o: lr.SequentialLR(
                o, [lr.LinearLR(o, total_iters=4), lr.CosineAnnealingLR(o, 4)], milestones=[4]
            ),
            "schedule_periods",
        ),
        (
            lambda o: lr.SequentialLR(
                o, [lr.CosineAnnealingLR(o, 4), lr.LinearLR(o, total_iters=4)], milestones=[4]
            ),
            "",
        ),
        (lambda o: lr.OneCycleLR(o, 0.1, total_steps=40), "schedule_share"),
        (lambda o: lr.LinearLR(o, total_iters=4), "schedule_share"),
        (lambda o: lr.StepLR(o, 4), ""),
    ],
)
def test_the_length_of_a_schedule_is_measured(
    make: Callable[[Optimizer], lr.LRScheduler], name: str, tmp_path: Path
) -> None:
    net = nn.Linear(2, 1)
    optimizer = SGD(net.parameters(), lr=0.1)
    schedule = make(optimizer)
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(12):
            net(torch.ones(3, 2)).sum().backward()
            optimizer.step()
            schedule.step()
    run = Run(tmp_path / "run")
    told = {one for one in run.names if one.startswith("schedule")}
    assert told == ({"schedule_calls", name} if name else set())
    if name:
        length = 40 if isinstance(schedule, lr.OneCycleLR) else 4
        before = 4 if isinstance(schedule, lr.SequentialLR) else 0  # the cosine is behind a warm-up
        assert run["schedule_calls"].tolist() == [calls - before for calls in range(8, 12)]
        assert run[name].tolist() == pytest.approx((run["schedule_calls"] / length).tolist())


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("milestones", "each", "told"), [((8, 12), 1, 1), ((8, 12), 10, 0), ((8, 50), 1, 0)],
    ids=["of epochs, by batch", "of epochs", "of batches"],
)  # fmt: skip
def test_milestones_that_are_all_over_at_once(
    milestones: tuple[int, ...], each: int, told: int, tmp_path: Path
) -> None:
    """To a hundredth of the rate, which the longest training would not make up for."""
    net = nn.Linear(2, 1)
    optimizer = SGD(net.parameters(), lr=1e-3)
    schedule = lr.MultiStepLR(optimizer, milestones, 0.1)
    with watch(net, optimizer, tmp_path / "run", every=10):
        for i in range(180):
            optimizer.zero_grad()
            net(torch.ones(3, 2)).square().mean().backward()
            optimizer.step()
            if i % each == each - 1:
                schedule.step()
    found = [one for one in diagnose(Run(tmp_path / "run")).findings if one.code == "BKS423"]
    assert [one.severity for one in found] == ["warning"] * told
    assert not told or "has come to its end after 12 calls" in found[0].message


@pytest.mark.parametrize("called", [False, True])
def test_a_warm_up_of_any_form_counts_until_it_is_called(called: bool, tmp_path: Path) -> None:
    net = nn.Linear(2, 1)
    optimizer = SGD(net.parameters(), lr=0.1)
    schedule = lr.LambdaLR(optimizer, lambda i: min(1.0, (i + 1) / 1000))
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(10):
            net(torch.ones(3, 2)).sum().backward()
            optimizer.step()
            if called:
                schedule.step()
    run = Run(tmp_path / "run")
    told = {one: run[one].tolist() for one in run.names if one.startswith("schedule")}
    nothing = [0.0, 0.0]
    assert told == ({} if called else {"schedule_calls": nothing, "schedule_share": nothing})


Numbers = Callable[[int, float], float]
"""Of the iteration and its loss."""


def plateau(path: Path, mode: Literal["min", "max"], numbers: Numbers) -> list[Finding]:
    """Of rule BKS423, of a training that learns, and whose plateau is given these numbers."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": nn.RNN(1, 2), "head": nn.Linear(2, 1)})
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = lr.ReduceLROnPlateau(optimizer, mode, factor=0.5, patience=1)
    x, y = torch.randn(3, 4, 1), torch.full((4, 1), 2.0)
    with watch(model, optimizer, path, every=1):
        for i in range(120):
            optimizer.zero_grad()
            loss = (model["head"](model["rnn"](x)[0][-1]) - y).square().mean()
            loss.backward()
            optimizer.step()
            if i % 10 == 9:
                schedule.step(numbers(i, loss.item()))
    return [one for one in diagnose(Run(path)).lasting if one.code == "BKS423"]


@pytest.mark.long
def test_a_plateau_that_waits_for_a_loss_to_rise_is_found(tmp_path: Path) -> None:
    (found,) = plateau(tmp_path / "run", "max", lambda _, loss: 1.1 * loss)
    assert found.severity == "warning"
    assert "go well" in found.message


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "numbers"),
    [
        ("min", lambda i, _: 3.0),  # a validation that is no better
        ("max", lambda i, _: 50 + min(i, 40)),  # an accuracy in percent
        ("max", lambda i, _: min(0.5 + i / 50, 0.9)),
        ("max", lambda i, _: 1.0),
        ("max", lambda i, _: -3 * math.exp(-i / 40)),
    ],
)
def test_other_plateaus_are_not(
    mode: Literal["min", "max"], numbers: Numbers, tmp_path: Path
) -> None:
    assert plateau(tmp_path / "run", mode, numbers) == []

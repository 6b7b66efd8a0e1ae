"""Trainings in several phases: what was usual in one says nothing of the next."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from backsight import Run
from backsight.diagnosis import Diagnosis, Judge
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.signals import Series

Phases = dict[int, float]

FIRST = [0.05 + 2.0 * math.exp(-i / 15) + 0.01 * math.sin(7 * i) for i in range(150)]
SECOND = [0.05 + 25.0 * math.exp(-i / 60) + 0.01 * math.sin(5 * i) for i in range(250)]


def judged(
    losses: Sequence[float],
    phases: Phases,
    cuts: Sequence[int] | None = None,
    ratios: Sequence[float] = (),
) -> Diagnosis:
    """What is found, iteration by iteration or in portions."""
    judge = Judge()
    given = {
        "loss": Series(np.arange(len(losses)), np.array(losses)),
        "phase": Series(np.array([*phases], np.int64), np.array([*phases.values()])),
    }
    if ratios:
        given["update_ratio/w"] = Series(10 * np.arange(len(ratios)), np.array(ratios))
    if cuts is None:
        for i in range(len(losses)):
            judge.update(
                i,
                {
                    n: float(s.values[s.iterations == i][0])
                    for n, s in given.items()
                    if i in s.iterations
                },
            )
    edges = [0, *(cuts or ()), len(losses)]
    for begin, end in pairwise(edges) if cuts is not None else ():
        part = {}
        for name, one in given.items():
            inside = (one.iterations >= begin) & (one.iterations < end)
            if inside.any():
                part[name] = Series(one.iterations[inside], one.values[inside])
        judge.update_many(part)
    assert not judge.failed
    return judge.diagnosis()


def accused(diagnosis: Diagnosis) -> set[str]:
    return {one.code for one in diagnosis.findings if one.severity != "info"}


def test_another_phase_that_begins_with_a_higher_loss_is_no_spike() -> None:
    losses = FIRST + SECOND
    assert accused(judged(losses, {})) >= {"BKS202", "BKS203"}
    for kind in (1.0, 2.0, 3.0):
        assert accused(judged(losses, {150: kind})) == set()
    assert accused(judged(losses + losses, {150: 1.0, 400: 1.0, 550: 1.0})) == set()


def test_a_spike_is_found_all_the_same() -> None:
    """Of an earlier phase, of the newest, and where the loss rises after the phase has begun."""
    losses = FIRST + SECOND
    spoiled = losses[:380] + [x + 30 for x in SECOND[:20]] + [20.0] * 200
    found = [one for one in judged(spoiled, {150: 1.0}).findings if one.code == "BKS202"]
    assert [one.iteration for one in found if one.severity != "info"] == [380]
    early = FIRST[:100] + [x + 6 for x in FIRST[:60]] + [1.0] * 40 + SECOND
    found = [one for one in judged(early, {200: 1.0}).findings if one.code == "BKS202"]
    assert [one.iteration for one in found if one.severity != "info"] == [100]
    assert accused(judged(losses, {149: 1.0})) >= {"BKS202", "BKS203"}
    assert accused(judged(losses, {148: 2.0})) >= {"BKS202", "BKS203"}


def test_a_phase_without_a_higher_loss_forgets_nothing() -> None:
    losses = FIRST + [0.05] * 50 + [x + 6 for x in FIRST]
    assert accused(judged(losses, {150: 2.0})) >= {"BKS202"}
    assert accused(judged(losses, dict.fromkeys(range(20, 200, 20), 2.0))) >= {"BKS202"}


def test_levels_of_losses_that_take_turns_are_notes() -> None:
    """A period of as many iterations as there are tasks; a divergence is one all the same."""
    losses = [(0.4, 0.1)[i % 2] + 0.004 * math.sin(7 * i) for i in range(300)]
    assert accused(judged(losses, {})) == {"BKS205"}
    for cuts in (None, [10], [150]):
        told = judged(losses, {9: 4.0}, cuts)
        assert accused(told) == set()
        assert ["take turns" in one.message for one in told.findings] == [True]
    worse = losses + [one + 0.1 * i for i, one in enumerate(losses)]
    assert "BKS203" in accused(judged(worse, {9: 4.0}))


def test_a_course_of_the_loop_is_no_oscillation() -> None:
    """Three windows of each text, of which the first is read without a state."""
    texts = [0.01 + (0.2 if i % 3 == 0 else 0.0) + 0.004 * math.sin(7 * i) for i in range(300)]
    for cuts in (None, [10, 70, 71, 150]):
        assert accused(judged(texts, {}, cuts)) == set()
    for period in (2, 3.1, 5.3, 9):
        swings = [0.3 + 0.1 * math.cos(2 * math.pi * i / period) for i in range(300)]
        assert accused(judged(swings, {})) == {"BKS205"}, period


def test_a_weak_swing_counts_where_its_frequency_stays_and_is_not_that_of_the_loop() -> None:
    noise = np.random.default_rng(3).standard_normal(600)
    course = 1 + 0.12 * noise

    def accuses(swing: Callable[[int], float]) -> bool:
        return "BKS205" in accused(judged([x + swing(i) for i, x in enumerate(course)], {}))

    assert accuses(lambda i: 0.2 * math.cos(2 * math.pi * i / 3.3))  # 0.58 of the variance
    assert not accuses(lambda i: 0.2 * math.cos(2 * math.pi * i / 3))
    assert not accuses(lambda i: (0.2, 0.1, -0.15, -0.1, 0.0, 0.1, -0.15)[i % 7])
    assert not accuses(lambda i: 0.2 * math.cos(2 * math.pi * i / (3.3 + 0.9 * (i // 90 % 2))))
    assert not accuses(lambda _: 0.0)


def test_steps_of_other_parameters_are_no_growth() -> None:
    ratios = [1e-3] * 15 + [0.05] * 20
    losses = [2.0 + 0.01 * math.sin(i) for i in range(350)]
    assert accused(judged(losses, {}, ratios=ratios)) >= {"BKS207"}
    assert "BKS207" not in accused(judged(losses, {150: 1.0}, ratios=ratios))
    assert accused(judged(losses, {150: 2.0}, ratios=ratios)) >= {"BKS207"}


@pytest.mark.long
@pytest.mark.parametrize("cuts", [[], [150], [151], [60, 149, 150, 151, 300]])
def test_it_is_the_same_in_portions(cuts: list[int]) -> None:
    losses = FIRST + SECOND[:230] + [x + 30 for x in SECOND[:20]] + [20.0] * 200
    for phases in ({}, {150: 1.0}, {0: 3.0, 150: 2.0, 380: 2.0}):
        assert judged(losses, phases, cuts) == judged(losses, phases)


# -- what is recorded ----------------------------------------------------------------------------


def recorded(training: Callable[[], Iterator[tuple[Tensor, Optimizer]]], path: Path) -> Phases:
    torch.manual_seed(0)
    recorder = LateRecorder(path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=10)
    try:
        for loss, optimizer in training():
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    finally:
        monitor.close()
        recorder.close()
    run = Run(path)
    if "phase" not in run.names:
        return {}
    phase = run.series("phase")
    return dict(zip(phase.iterations.tolist(), phase.values.tolist(), strict=True))


Made = Iterator[tuple[Tensor, Optimizer]]


def net() -> tuple[nn.Sequential, Callable[[], Tensor]]:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    return model, lambda: model(torch.randn(6, 3))


def frozen_then() -> Made:
    model, out = net()
    for parameters in (model.parameters(), model[2].parameters()):
        optimizer = Adam(parameters)
        for _ in range(25):
            yield out().square().mean(), optimizer


def anew() -> Made:
    model, out = net()
    for _ in range(2):
        optimizer = Adam(model.parameters())
        for _ in range(25):
            yield out().square().mean(), optimizer


def another_loss() -> Made:
    model, out = net()
    optimizer = Adam(model.parameters())
    for i in range(50):
        loss = (
            out().square().mean()
            if i < 25
            else nn.functional.cross_entropy(out(), torch.arange(6) % 3)
        )
        yield loss, optimizer


def another_term() -> Made:
    model, out = net()
    optimizer = Adam(model.parameters())
    for i in range(50):
        loss = out().square().mean()
        yield loss if i < 25 else loss + out().abs().mean(), optimizer


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("training", "kind"),
    [(frozen_then, 1.0), (anew, 2.0), (another_loss, 3.0), (another_term, 3.0)],
)
def test_a_phase_is_recorded_where_it_begins(
    training: Callable[[], Made], kind: float, tmp_path: Path
) -> None:
    assert recorded(training, tmp_path / "run") == {25: kind}


def in_turns() -> Made:
    model, out = net()
    optimizers = [Adam(model[:2].parameters()), SGD(model[2].parameters(), lr=0.1)]
    for i in range(60):
        yield out().square().mean(), optimizers[i % 2]


def losses_in_turns() -> Made:
    model, out = net()
    optimizer = Adam(model.parameters())
    for i in range(60):
        yield out().square().mean() if i % 5 else out().abs().mean(), optimizer


def heads_in_turns() -> Made:
    body, heads = nn.Linear(3, 4), nn.ModuleList([nn.Linear(4, 1), nn.Linear(4, 1)])
    optimizer = Adam([*body.parameters(), *heads.parameters()])
    for i in range(60):
        out = heads[i // 2 % 2](body(torch.randn(6, 3)))
        yield nn.functional.mse_loss(out[:, 0], torch.zeros(6)), optimizer


def seldom_another() -> Made:
    """As a validation batch, or the last of an epoch."""
    model, out = net()
    optimizer = Adam(model.parameters())
    for i in range(60):
        yield out().square().mean() if i % 10 else out().abs().mean(), optimizer


def anew_in_each_step() -> Made:
    model, out = net()
    for _ in range(50):
        yield out().square().mean(), Adam(model.parameters())


@pytest.mark.some(2)
@pytest.mark.parametrize("training", [in_turns, seldom_another, anew_in_each_step])
def test_what_alternates_is_one_phase(training: Callable[[], Made], tmp_path: Path) -> None:
    assert recorded(training, tmp_path / "run") == {}


@pytest.mark.parametrize(("training", "told_at"), [(losses_in_turns, 11), (heads_in_turns, 10)])
def test_losses_that_take_turns_are_recorded_once(
    training: Callable[[], Made], told_at: int, tmp_path: Path
) -> None:
    assert recorded(training, tmp_path / "run") == {told_at: 4.0}

"""The search for a learning rate that fits, and what a study says of it."""

import math
import re
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backsight.lab import MemoryOrder
from backsight.signals import Recorder, Run
from backsight.studies import (
    Ended,
    RemedyTrial,
    Trial,
    remedies_for_task,
    remedy_study,
    symptoms_of,
)
from backsight.studies.remedies._rate_search import RUNGS, first_rung, fitting_rung, next_rung

RATE = 3.2
"""Of the run that is treated."""


def row(loss: float) -> RemedyTrial:
    outcome: Any = "learned" if loss < 1 else "not finite" if math.isnan(loss) else "lost"
    return RemedyTrial("lr", 0, outcome, loss=loss)


def searched(loss_at: Callable[[float], float], first: int = 2) -> tuple[float | None, list[float]]:
    """What the rate is divided by, and what was tried."""
    tried = {0: row(loss_at(RATE))}
    while (place := next_rung(tried, first)) is not None:
        assert place not in tried
        tried[place] = row(loss_at(RATE / RUNGS[place]))
    found = fitting_rung(tried)
    return (None if found is None else RUNGS[found]), [RUNGS[place] for place in tried]


def valley(best: float) -> Callable[[float], float]:
    """Above the best rate training breaks out; below it, it learns more slowly."""
    return lambda rate: 0.01 * best / rate if rate <= 1.01 * best else 30.0 + math.sin(7 * rate)


@pytest.mark.parametrize("best", [1.0, 0.32, 0.1, 0.05, 0.01, 0.003])
def test_it_finds_the_edge_within_a_quarter_of_a_decade(best: float) -> None:
    times, tried = searched(valley(best))
    assert times is not None
    assert best / 1.85 < RATE / times < 1.1 * best
    assert len(tried) <= 5 + 2 * math.log10(RATE / best) + 1


def test_where_training_breaks_out_the_loss_may_go_up_and_down() -> None:
    """Two rates in a row that end higher than one before end nothing where none has learned."""
    losses = {1.0: 50.0, 3.2: 20.0, 10.0: 40.0, 32.0: 45.0, 100.0: 0.01}
    times, _ = searched(lambda rate: losses.get(float(f"{RATE / rate:.2g}"), 60.0))
    assert times == 100


def test_a_rate_that_fits_is_left_alone() -> None:
    times, tried = searched(valley(RATE))
    assert times is None
    assert tried == [1.0, 3.2, 10.0]


def test_it_ends_where_nothing_learns() -> None:
    times, tried = searched(lambda rate: math.nan)
    assert times is None
    assert max(tried) == 1e6


def test_the_sharpness_of_the_first_step_says_where_to_begin() -> None:
    """And what it has passed over is tried where the first trial is the best one."""
    assert [RUNGS[first_rung(times)] for times in (None, math.nan, -3.0, 5.0, 40.0, 1e9)] == [
        3.2, 3.2, 3.2, 3.2, 32.0, 1e6,
    ]  # fmt: skip
    times, tried = searched(valley(0.1), first_rung(12.0))
    assert times == 32
    assert 3.2 not in tried
    times, tried = searched(valley(1.0), first_rung(12.0))
    assert times == 3.2
    assert tried[1] == 10


# -- in a study --------------------------------------------------------------------------------


class Trainer:
    """An engine that records what a training at that learning rate would."""

    workers = 1

    def __init__(self, loss_at: Callable[[float], float]) -> None:
        self._loss_at = loss_at
        self.trained: list[str] = []

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            self.trained.append(trial.name)
            given = re.search(r"--lr (\S+)", " ".join(trial.command))
            loss = self._loss_at(float(given[1]) if given else 0.002)
            seed = int(trial.name[-1])
            with Recorder(trial.run, config={"iterations": 60}) as recorder:
                recorder.series("loss", range(60), [1.4] * 20 + [loss * (1 + 0.01 * seed)] * 40)
            yield Ended(trial.name, 0, seconds=1.0)


def study_of(loss_at: Callable[[float], float], place: Path) -> tuple[Any, Trainer]:
    settings = MemoryOrder(length=30, hidden=8, iterations=60, lr=RATE, device="cpu")
    trainer = Trainer(loss_at)
    plan = remedies_for_task(settings, seeds=3, only=("lr-fit",))
    return remedy_study(plan, place, trainer), trainer


@pytest.mark.long
def test_it_is_said_only_after_trials_at_the_lower_rate(tmp_path: Path) -> None:
    study, trainer = study_of(valley(0.1), tmp_path / "study")
    assert study.symptoms.lr_times == 32
    (arm,) = study.remedies
    assert (arm.name, arm.change) == ("lr-fit", "--lr 0.1")
    assert "The learning rate is 32 times too high: " in study.verdict.message
    assert trainer.trained.index("lr-over-32-seed0") < trainer.trained.index("lr-fit-seed0")
    again, idle = study_of(valley(0.1), tmp_path / "study")
    assert idle.trained == []
    assert again.verdict == study.verdict


@pytest.mark.long
def test_where_seeds_differ_as_much_it_is_not_said(tmp_path: Path) -> None:
    """The search has one seed, by which a rate may look better than it is."""
    noisy = {0.32: 0.98}
    study, _ = study_of(lambda rate: noisy.get(rate, 1.0), tmp_path / "study")
    assert study.symptoms.lr_times == 10
    assert "times too high" not in study.verdict.message


def test_a_rate_that_fits_gives_no_remedy(tmp_path: Path) -> None:
    study, _ = study_of(valley(RATE), tmp_path / "study")
    assert study.symptoms.lr_times is None
    assert "no trial at a lower learning rate" in study.remedies[0].refusal
    assert "times too high" not in study.verdict.message


def test_the_first_sharpness_of_a_run_is_one_of_its_symptoms(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.series("loss", range(3), [2.0, 1.0, 1.0])
        recorder.series("sharpness", [0, 2], [90.0, 1.0])
        recorder.series("sharpness_limit", [0, 2], [2.0, 2.0])
    assert symptoms_of(Run(tmp_path / "run")).sharpness == 45

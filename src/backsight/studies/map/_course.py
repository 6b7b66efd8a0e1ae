"""What was seen of trainings on a map, and what that makes of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from backsight.signals import measure_reach, reach_share
from backsight.studies.map._outcome import judge, middle
from backsight.studies.map._plan import Cell
from backsight.tasks import NO_LOSS, MemoryTask

__all__ = ["Course", "Trained", "asked_last", "judged", "sampled", "through_time"]

SAMPLES = 11
"""Iterations in which the gradient through time is measured, the first and the last among them."""


@dataclass(frozen=True)
class Course:
    """What was seen of ``K`` trainings of ``N`` iterations, in ``S`` of them a sample."""

    losses: NDArray[np.float64]
    """``(N, K)``; fewer than were asked for where a guard has given up."""
    growth: NDArray[np.float64]
    """``(S, K)``: growth rate ``λ``, see :class:`Trained`."""
    reach: NDArray[np.float64]
    """``(S, K)``: ``R(lag)/P``."""
    held_out: NDArray[np.float64]
    """``(K,)``: loss on the lab's held-out sequences, after training."""
    error: NDArray[np.float64]
    """``(K,)``: share of those that are answered wrong."""


@dataclass(frozen=True)
class Trained:
    """What became of ``K`` trainings, each field ``(K,)``."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    seed: NDArray[np.int64]
    """Which of the plan's seeds, from 0."""
    outcome: NDArray[np.int8]
    """See :class:`MapOutcome`."""
    start: NDArray[np.float64]
    """Loss of the first iteration, before any step."""
    final: NDArray[np.float64]
    """Mean loss of the last tenth of iterations."""
    held_out: NDArray[np.float64]
    """Loss on the lab's held-out sequences, after training."""
    error: NDArray[np.float64]
    """Share of those that are answered wrong."""
    broken: NDArray[np.int64]
    """First iteration (from 0) whose loss is not finite; -1 where none is."""
    growth_start: NDArray[np.float64]
    """``λ`` before any step, see ``growth``."""
    growth: NDArray[np.float64]
    """Growth rate ``λ`` of the gradient through time in nats a step back, the slope of ``ln R(k)``
    of the lowest layer, whose gradient has every way back in it; below 0 it vanishes, above 0 it
    explodes. Median over the sampled iterations of the second half; NaN where none is finite."""
    reach_share: NDArray[np.float64]
    """``R(lag)/P``: what arrives at the lag of the task, relative to the strongest earlier step,
    likewise. Where ``former`` is set it is ``R(lag)``, relative to lag 0."""
    former: NDArray[np.int8]
    """1 where an earlier version trained it: the growth rate was then measured from lag 0 on, and
    ``vanished`` meant that the gradient at the lag was below 1 % of the gradient at lag 0."""

    @classmethod
    def joined(cls, parts: Sequence["Trained"]) -> "Trained":
        """Several after each other; at least one."""
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def sampled(iterations: int) -> list[int]:
    """The iterations, from 0, in which the gradient through time is measured."""
    spread = np.linspace(0, iterations - 1, SAMPLES).round().astype(int)
    return sorted(set(spread.tolist()))


def asked_last(task: MemoryTask, targets: Tensor) -> Tensor:
    """Targets that ask for the last answer alone: ``R(k)`` is of one position."""
    if task.every_step:
        targets = targets.clone()
        targets[:, :-1] = NO_LOSS
    return targets


def through_time(reach: NDArray[np.float64], lag: int) -> tuple[float, float]:
    """Growth rate and ``R(lag)/P`` of a reach; NaN and 0 where no gradient arrived."""
    if measure_reach(reach).outcome == "not enough data":
        return math.nan, 0.0
    return measure_reach(reach).growth_rate, reach_share(reach, lag)


def judged(cells: Sequence[Cell], course: Course) -> Trained:
    """The numbers and the outcome of each training.

    Where a guard acts a loss that is not finite has been met, and may have been dealt with: there
    the last tenth of the iterations decides whether it has.

    Args:
        cells: ``K``, on the same task for as many iterations.
        course: what was seen of them.
    """
    settings = cells[0].settings
    task, iterations = settings.task, settings.iterations
    finite = np.isfinite(course.losses)
    last = math.ceil(iterations / 10)
    start, final = course.losses[0], course.losses[-last:].mean(0)
    counted = finite if settings.guard is None else finite[-last:]
    sound = np.array(counted.all(0))
    late = np.array(sampled(iterations)[: len(course.growth)]) >= iterations // 2
    growth, reach = (middle(taken[late], 0) for taken in (course.growth, course.reach))
    outcome = [
        judge(
            finite=bool(sound[k]),
            start=float(start[k]),
            final=float(final[k]),
            held_out=float(course.held_out[k]),
            solved=task.criterion.met(float(course.error[k])),
            reach=float(reach[k]),
            chance=task.baseline,
            short_memory=task.near_baseline,
        )
        for k in range(len(cells))
    ]
    return Trained(
        row=np.array([cell.row for cell in cells]),
        column=np.array([cell.column for cell in cells]),
        seed=np.array([cell.seed for cell in cells]),
        outcome=np.array(outcome, np.int8),
        start=start,
        final=final,
        held_out=course.held_out,
        error=course.error,
        broken=np.where(finite.all(0), -1, finite.argmin(0)),
        growth_start=course.growth[0],
        growth=growth,
        reach_share=reach,
        former=np.zeros(len(cells), np.int8),
    )

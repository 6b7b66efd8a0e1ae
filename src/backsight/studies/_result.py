"""What a training came to, from the signals of its run: learned, lost, given up, and the loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis import diagnose, facts_of
from backsight.signals import Run
from backsight.studies._runs import gave_up

__all__ = ["MARGIN", "Result", "TrialOutcome", "read_result", "values_of"]

TrialOutcome = Literal[
    "learned", "nothing learned", "lost", "not finite", "given up", "not enough data", "failed",
    "not run",
]  # fmt: skip

MARGIN = 0.05
"""Of what a guess costs: a loss must be that much below it to have learned. Held-out sequences are
a sample (see ``report``'s words on memory tasks, which use the same)."""

LAST = 0.1
"""The share of the iterations whose median is the loss at the end, where nothing was validated."""

FEWEST = 10
"""Losses below which a trial says nothing."""

LOST = "BKS204"
"""What was learned is gone again."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run; what was not recorded is None, and what is not finite stays so."""

    outcome: TrialOutcome
    reason: str
    """In words, where there is no result, or an unusual one."""
    loss: float | None
    """Validation loss at the end, else the median of the last tenth of the training losses."""
    baseline: float | None
    """What a guess without memory costs; else the loss at the beginning."""
    lag: int | None
    """How far back the task asks, where that is known."""
    findings: tuple[str, ...]
    """Codes of what is wrong with the run and lasts, without what only costs time."""


def read_result(run: Run) -> Result:
    """What a run came to; where a guard gave up, that, unless the loss is not finite.

    Raises:
        RunError: the run cannot be read.
    """
    facts = facts_of(run)
    losses = values_of(run, "loss")
    loss = _ending(run, losses)
    guess = facts.baseline if facts.baseline is not None else _beginning(losses)
    codes = tuple(f.code for f in diagnose(run).lasting if f.severity != "info")
    outcome, why = _outcome(loss, guess, losses, codes)
    if gave_up(run) and outcome != "not finite":
        outcome, why = "given up", str(run.info["reason"])
    return Result(outcome, why, loss, guess, facts.lag, codes)


def values_of(run: Run, name: str) -> NDArray[np.float64]:
    """Of the one scalar signal of that name, or of the first model where there are several."""
    members = run.members(name, profile=False)
    if not members:
        return np.empty(0)
    return run[members[0]].astype(np.float64)


def _outcome(
    loss: float | None,
    guess: float | None,
    losses: NDArray[np.float64],
    codes: Sequence[str],
) -> tuple[TrialOutcome, str]:
    if loss is None or (losses.size < FEWEST and math.isfinite(loss)):
        return "not enough data", f"{losses.size} losses were recorded, and {FEWEST} are needed"
    if not math.isfinite(loss):
        return "not finite", "the loss at the end is not finite"
    if guess is None or not math.isfinite(guess):
        return "not enough data", "what a guess costs is not known"
    if LOST in codes:
        return "lost", "what had been learned was lost"
    return ("learned", "") if guess - loss > MARGIN * abs(guess) else ("nothing learned", "")


def _ending(run: Run, losses: NDArray[np.float64]) -> float | None:
    checked = values_of(run, "val_loss")
    if checked.size:
        return float(checked[-1])
    if not losses.size:
        return None
    # A median of the last losses with a NaN among them is one: it must not read as healthy.
    return float(np.median(losses[-max(1, math.ceil(LAST * losses.size)) :]))


def _beginning(losses: NDArray[np.float64]) -> float | None:
    first = losses[: max(1, min(FEWEST, losses.size // 20))]
    return float(np.median(first)) if first.size else None

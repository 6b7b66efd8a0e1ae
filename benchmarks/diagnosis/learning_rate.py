"""How many times too high is a learning rate? A study's answer beside a stability map's.

    python -m benchmarks.diagnosis.learning_rate             # some 15 minutes on one core
    python -m benchmarks.diagnosis.learning_rate --only echo

Each column of four maps is a setting of its own. A training of that setting begins with a learning
rate that is 10 to 100 times the best one of its column, and a study of the remedy ``lr-fit`` looks
for a lower one; it sees nothing of the map.
"""

import contextlib
import io
import logging
import math
import tempfile
import warnings
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backsight.cli import main as command
from backsight.lab import TASKS, Memory
from backsight.studies import (
    Ended,
    MapPlan,
    RemedyStudy,
    StabilityMap,
    Trial,
    parse_axis,
    remedies_for_task,
    remedy_study,
    run_map,
)
from benchmarks._shared.harness import option_parser, publish, show

RATES = "lr=log:1e-4:100:25"
TIMES = (10.0, 18.0, 32.0, 56.0, 100.0)
WITHIN = 3.0

SMALL: dict[str, Any] = {
    "hidden": 16, "batch": 16, "iterations": 300, "validate_sequences": 500, "device": "cpu",
    "report": False, "checkpoint_every": 0, "sharpness_every": 300, "every": 100,
    "validate_every": 300,
}  # fmt: skip

COLUMNS: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "first-symbol",
        {"length": 8, "symbols": 3, "optimizer": "momentum"},
        "gain=0.6,0.8,1,1.2,1.4",
    ),
    (
        "echo",
        {"length": 10, "lag": 2, "symbols": 6, "optimizer": "adam"},
        "batch=4,8,16,32,64",
    ),
    (
        "echo",
        {"length": 14, "lag": 4, "symbols": 3, "optimizer": "sgd", "cell": "rnn-relu"},
        "hidden=8,12,16,24,32",
    ),
    (
        "first-symbol",
        {"length": 8, "symbols": 4, "optimizer": "adamw"},
        "weight_decay=0,0.001,0.01,0.1,0.3",
    ),
)
"""Task, settings, and what tells the five columns apart."""

METHOD = (
    "Stability maps of tanh and ReLU networks, 25 learning rates a column, 3 seeds, 300 "
    "iterations: 'best' is the rate with the lowest median held-out loss of those that learned. "
    "'began' is the rate of the run that is treated, 'times' what the study says it is too high "
    "by ('–': nothing), after 3 seeds at the lower rate ended lower than all unchanged ones, "
    "'fits' the rate that is left, and 'off' that over the best, or its inverse if that is more. "
    "'limits': the sharpness of the first step, in limits."
)


class Here:
    """Runs trials in this process: a fresh one takes longer than the training."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """One after the other."""
        for trial in trials:
            quiet = contextlib.redirect_stdout(io.StringIO())
            with quiet, contextlib.redirect_stderr(io.StringIO()):
                status = command(trial.command[3:])
            yield Ended(trial.name, status, seconds=1.0)


def best_of(found: StabilityMap, row: int) -> float | None:
    """The best learning rate of a setting; None where none learned."""
    learned = (found.outcomes[row] == 0) & np.isfinite(found.loss[row])
    losses = np.where(learned, found.loss[row], np.inf)
    return found.plan.x.values[int(losses.argmin())] if learned.any() else None


def treated(settings: Memory, rate: float) -> RemedyStudy:
    """A study of a training that begins at that rate."""
    plan = remedies_for_task(replace(settings, lr=float(f"{rate:.3g}")), 3, ("lr-fit",))
    with tempfile.TemporaryDirectory() as place:
        return remedy_study(plan, Path(place) / "study", Here())


def row_of(name: str, settings: Memory, best: float | None, times: float) -> dict[str, Any]:
    """What the study says of one column."""
    found: dict[str, Any] = {"what": name, "best": best or "–", "began": "–", "limits": "–",
                             "times": "–", "fits": "–", "off": "–"}  # fmt: skip
    if best is None:
        return found
    study = treated(settings, times * best)
    symptoms = study.symptoms
    found |= {"began": times * best, "limits": symptoms.sharpness or "–"}
    if symptoms.lr_times is not None and "times too high" in study.verdict.message:
        fits = times * best / symptoms.lr_times
        off = max(fits / best, best / fits)
        found |= {"times": symptoms.lr_times, "fits": fits, "off": off}
    return found


def main() -> None:
    """Train the maps, then the studies."""
    parser = option_parser(__doc__)
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = []
    for number, (task, changes, axis) in enumerate(COLUMNS):
        if options.only not in task:
            continue
        settings: Any = TASKS[task](**SMALL | changes)
        plan = MapPlan(settings, parse_axis(RATES), parse_axis(axis), seeds=3)
        with tempfile.TemporaryDirectory() as place:
            found = run_map(plan, Path(place) / "map")
        for row, value in enumerate(plan.y.values):
            own = replace(settings, **{plan.y.name: value})
            name = f"{task}, {settings.optimizer}, {plan.y.name} {value:g}"
            times = TIMES[(row + number) % len(TIMES)]
            rows.append(row_of(name, own, best_of(found, row), times))
            show(rows[-1])
    publish("learning-rate", METHOD, [*rows, in_all(rows)])


def in_all(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many of the columns in which anything learned are within a factor of three."""
    learned = [one for one in rows if one["best"] != "–"]
    near = [one for one in learned if one["off"] != "–" and one["off"] <= WITHIN * (1 + 1e-6)]
    share = len(near) / len(learned) if learned else math.nan
    return {
        "what": f"within ×{WITHIN:g}: {len(near)} of {len(learned)}",
        **dict.fromkeys(list(rows[0])[1:-1], ""),
        "off": share,
    }


if __name__ == "__main__":
    main()

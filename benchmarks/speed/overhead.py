"""What observing adds to a training at the default settings: ``watch`` and ``backsight run`` apart.

python -m benchmarks.speed.overhead                  # every model
python -m benchmarks.speed.overhead --models lstm --rounds 5
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.speed._training import MODELS

METHOD = (
    "Each figure is of a process of its own that trains one model with Adam on one thread: plain, "
    "within watch(), or under backsight run, all at the default settings. A round starts all three "
    "one after the other, in an order that turns. 'watch' and 'run': a step by a plain step of the "
    "same round, samples and the recorder's thread included, the first 20 steps left out; the "
    "median over rounds, and its 95 % interval, 'from' and 'to', of 2,000 resamples of the "
    "rounds. 'cpu' is the same of CPU time, which other processes disturb less. 'whole' is in "
    "seconds from the start of Python to its end. 'calls', 'ops' and 'copies' are Python calls in "
    "the thread that trains (the fewest of some steps: what several have left is recorded in one "
    "or the other), operations of PyTorch and copies that a step of watch() adds to a plain one."
)
STEPS = {"lstm": 300, "lstm12": 300, "gru": 1500, "cells": 200, "layers": 60, "tensors": 60}
ARMS = ("plain", "watch", "run")
COUNTED = 6
"""Steps that are counted, right after the first 20: no sample is among them."""


def train(arm: str, model: str, steps: int, folder: Path, *options: str) -> dict[str, float]:
    """One process; what it prints, and ``whole``, the seconds from its start to its end."""
    script = [str(Path(__file__).with_name("_training.py")), model, str(steps), *options]
    place = str(folder / f"{model}-{time.monotonic_ns()}")
    commands = {
        "plain": [sys.executable, *script],
        "watch": [sys.executable, *script, "--watch", place],
        "run": [sys.executable, "-m", "backsight", "run", "--run", place, *script],
    }
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    done = subprocess.run(
        commands[arm], env=one_thread, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    whole = time.perf_counter() - began
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "whole": whole}


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the medians of resampled ratios."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def measure(model: str, rounds: int, folder: Path) -> dict[str, Any]:
    """One row."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for number in range(rounds):
        turn = number % len(ARMS)
        for arm in (*ARMS[turn:], *ARMS[:turn]):
            found[arm].append(train(arm, model, STEPS[model], folder))
    row: dict[str, Any] = {
        "what": model,
        "plain ms": 1e3 * statistics.median(one["seconds"] for one in found["plain"]),
    }

    def ratios(arm: str, of: str) -> list[float]:
        pairs = zip(found[arm], found["plain"], strict=True)
        return [one[of] / plain[of] for one, plain in pairs]

    for arm in ARMS[1:]:
        each = ratios(arm, "seconds")
        low, high = interval(each)
        row[arm] = statistics.median(each)
        row[f"{arm} from"], row[f"{arm} to"] = low, high
        row[f"{arm} cpu"] = statistics.median(ratios(arm, "cpu"))
    for arm in ARMS:
        row[f"whole {arm}"] = statistics.median(one["whole"] for one in found[arm])
    plain, watched = (train(arm, model, COUNTED, folder, "--count") for arm in ARMS[:2])
    row |= {name: watched[name] - plain[name] for name in ("calls", "ops", "copies")}
    return row


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            rows.append(measure(model, options.rounds, Path(folder)))
            show(rows[-1])
    publish("overhead", METHOD, rows)


if __name__ == "__main__":
    main()

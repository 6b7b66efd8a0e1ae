"""What a callback adds to a training of its library's, beside what ``watch`` adds to the same."""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import ROOT
from benchmarks.speed.overhead import interval

__all__ = ["OVERHEAD", "measure"]

OVERHEAD = (
    "Each figure is of a process of its own, in which the library trains an LSTM of 256 units on "
    "50 steps (batch 12) with Adam on one thread: plain, within watch(), or with the callback, "
    "all at the default settings. Keras trains its own LSTM of 32 units on 20 steps, and sb3 "
    "RecurrentPPO with 64 units on rollouts of 128 steps, whose time counts. "
    "A round starts all three one after the other, in an order that "
    "turns. 'watch' and 'callback': a step by a plain step of the same round, the first 20 left "
    "out; 'by watch': the callback's by that of watch. The median over rounds; 'from' and 'to' "
    "are the 95 % interval of 'by watch', of 2,000 resamples of the rounds. 'cpu' is the same "
    "ratio of CPU time."
)
ARMS = ("plain", "watch", "callback")
STEPS = 300


def measure(library: str, python: Path, rounds: int) -> dict[str, Any]:
    """One row."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for number in range(rounds):
        turn = number % len(ARMS)
        for arm in (*ARMS[turn:], *ARMS[:turn]):
            found[arm].append(_train(library, arm, python))

    def ratios(arm: str, to: str, of: str = "seconds") -> list[float]:
        return [one[of] / other[of] for one, other in zip(found[arm], found[to], strict=True)]

    low, high = interval(ratios("callback", "watch"))
    return {
        "what": library,
        "plain ms": 1e3 * statistics.median(one["seconds"] for one in found["plain"]),
        "watch": statistics.median(ratios("watch", "plain")),
        "callback": statistics.median(ratios("callback", "plain")),
        "by watch": statistics.median(ratios("callback", "watch")),
        "from": low,
        "to": high,
        "cpu": statistics.median(ratios("callback", "watch", "cpu")),
    }


def _train(library: str, arm: str, python: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-m", "benchmarks.wild._timed_training", library, arm, str(STEPS), folder],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found

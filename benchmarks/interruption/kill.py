"""Kill real trainings at random moments and see what is left of them.

    python -m benchmarks.interruption.kill                 # 20 times

Each training is a process of its own that reports every finished iteration, with its time, on
a pipe. It is killed (SIGKILL) after a random time, then its run is read back.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Run
from benchmarks._shared.harness import option_parser, publish
from benchmarks.interruption._training import TrainingProcess

METHOD = (
    "A tanh RNN of 64 units on the standard library's source, killed with SIGKILL 0–6 s after its "
    "first iteration. 'lost' is the time from the first iteration that is missing in the run to "
    "the last one that was finished; every signal that is recorded once an iteration counts."
)
TRAIN = """
from backsight import Chars, train
train(Chars(run=Path(sys.argv[1]), iterations=10**6, hidden=64, every=10, validate_every=200,
            sample_chars=50, report=False), view=View())
"""
EACH = ("loss", "grad_norm", "grad_norm_applied", "lr", "hidden_norm_mean", "tokens_per_second")


def kill_one(path: Path, seconds: float) -> dict[str, Any]:
    """Train, kill, read back; a row of the table."""
    training = TrainingProcess(TRAIN, path)
    training.reach(1)
    time.sleep(seconds)
    training.kill()
    finished = training.finished
    run = Run(path)
    kept = []
    for name in EACH:
        values = run.series(name) if name in run else None
        kept.append(0 if values is None else len(values.iterations))
        if values is not None:
            assert values.iterations.tolist() == list(range(kept[-1])), f"{name} has holes"
            assert np.isfinite(values.values).all()
    for name in run.names:
        assert len(run[name])
    missing = finished[min(kept) :]
    return {
        "after s": round(seconds, 2),
        "status": run.status,
        "finished": len(finished),
        "kept": min(kept),
        "lost s": round(finished[-1] - missing[0], 3) if missing else 0.0,
    }


def main() -> None:
    """Kill, measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            kill_one(Path(folder) / str(i), moments.uniform(0, 6)) for i in range(options.times)
        ]
    publish("kill", METHOD, rows)
    worst = max(row["lost s"] for row in rows)
    print(f"{len(rows)} killed, all read back; the most lost is {worst} s")


if __name__ == "__main__":
    main()

"""What recording an iteration costs, and how fast a long run is read and drawn.

python -m benchmarks.speed.recorder
python -m benchmarks.speed.recorder --iterations 2000 --read-iterations 20000 --repeats 1
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backsight.report import summary
from backsight.report.figures import FIGURES
from backsight.signals import Recorder, Run
from benchmarks._shared.harness import option_parser, publish

LOSS = next(entry for entry in FIGURES if entry.key == "loss")

METHOD = (
    "Recording: iterations back to back; 'on the loop' is the loop's own wall time, 'amortised' "
    "ends only when everything is on disk and the run is closed. A bare loop that builds the same "
    "dictionaries is subtracted. Reading: a finished run of 10⁶ iterations with 10 scalars and a "
    "200-wide profile every 50, in a warm process, imports not counted. Median (min–max) of the "
    "repeats."
)
SCALARS = [f"scalar_{k}" for k in range(9)]


def record(path: Path, iterations: int, *, scalars: bool, profile: bool) -> tuple[float, float]:
    """Seconds in the loop, and until everything is on disk."""
    row = np.linspace(0, 1, 200, dtype=np.float32)
    began = time.perf_counter()
    recorder = Recorder(path)
    for i in range(iterations):
        values = dict.fromkeys(SCALARS, i * 0.5)
        values["loss"] = i * 0.25
        if scalars:
            recorder.scalars(i, values)
        if profile and i % 50 == 0:
            recorder.profile("hidden_norm/rnn.l0", i, row)
    looped = time.perf_counter() - began
    recorder.close()
    return looped, time.perf_counter() - began


def long_run(path: Path, iterations: int) -> None:
    """A run of ``iterations`` with a realistic curve, a spike and a NaN."""
    random = np.random.default_rng(0)
    with Recorder(path, kind="train chars", config={"clip": 1.0}) as recorder:
        for start in range(0, iterations, 10_000):
            at = np.arange(start, min(start + 10_000, iterations))
            for name in (*SCALARS[:7], "loss", "grad_norm", "grad_norm_applied"):
                curve = 1 + np.exp(-at / iterations * 5) + random.normal(0, 0.05, len(at))
                curve[at == iterations // 2] = 50.0
                curve[at == iterations // 3] = np.nan
                recorder.series(name, at, curve.astype(np.float32))
            for i in at[::50]:
                recorder.profile("hidden_norm/rnn.l0", int(i), random.random(200, np.float32))


def times(what: Callable[[], Any], repeats: int) -> list[float]:
    """Wall seconds of each call."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return seconds


def row(what: str, values: list[float], unit: str) -> dict[str, Any]:
    """A line of the table."""
    return {
        "what": what,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "unit": unit,
    }


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--iterations", type=int, default=200_000)
    parser.add_argument("--read-iterations", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    n = options.iterations
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for profile in (False, True):
            looped, whole = [], []
            for repeat in range(options.repeats):
                bare = record(root / f"bare-{profile}-{repeat}", n, scalars=False, profile=False)
                full = record(root / f"full-{profile}-{repeat}", n, scalars=True, profile=profile)
                looped.append((full[0] - bare[0]) / n * 1e6)
                whole.append((full[1] - bare[1]) / n * 1e6)
            label = "10 scalars" + (" + 200-wide profile every 50" if profile else "")
            rows.append(row(f"{label}: on the loop", looped, "µs/iteration"))
            rows.append(row(f"{label}: amortised", whole, "µs/iteration"))

        path = root / "long"
        long_run(path, options.read_iterations)
        mib = (path / "signals.db").stat().st_size / 2**20
        rows.append(row("size of the run read below", [mib], "MiB"))

        def first_look() -> None:
            run = Run(path)
            summary(run)
            LOSS.draw(run).to_json()

        parts: dict[str, Callable[[], Any]] = {
            "read one signal": lambda: Run(path)["loss"],
            "summary in words": lambda: summary(Run(path)),
            "loss figure, drawn to JSON": lambda: LOSS.draw(Run(path)).to_json(),
            "open + summary + first figure": first_look,
        }
        rows += [row(name, times(part, options.repeats), "s") for name, part in parts.items()]
    publish("recorder", METHOD, rows)


if __name__ == "__main__":
    main()

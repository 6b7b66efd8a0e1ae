"""How long the commands take on a long run, and how much memory: runs, diagnose and report.

python -m benchmarks.speed.long_runs                          # up to 10⁶ iterations × 10 signals
python -m benchmarks.speed.long_runs --lengths 10000 --commands report
python -m benchmarks.speed.long_runs --keep runs/long         # keeps the runs for the next call
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.monitor.sinks import JudgingSink
from backsight.signals import Recorder
from benchmarks._shared.harness import option_parser, publish, show

METHOD = (
    "Each command in a process of its own, so that imports count; wall seconds, CPU seconds and "
    "peak resident memory (ru_maxrss) of that process, once. The long runs have 10 scalars in "
    "every iteration: a loss that falls, with noise, a spike of 50 in the middle and a NaN after a "
    "third, norms, settings and an accuracy; and a sample every 100 iterations: a reach and a "
    "hidden norm of 100 steps, and two update ratios. The wide run has 2,000 scalars, norms and "
    "update ratios of 999 parameters beside a loss and a gradient norm, in each of 1,000 "
    "iterations. All were judged as they were recorded, as watch() does it. 'import' is the time "
    "of 'backsight version', which none of them can undercut."
)

SCALARS = (
    "loss",
    "grad_norm",
    "grad_norm_applied",
    "hidden_norm_mean/rnn.l0",
    "hidden_norm_max/rnn.l0",
    "lr",
    "momentum",
    "seq_len",
    "tokens_per_second",
    "accuracy",
)
"""Of a long run, in every iteration."""

SAMPLE = 100
"""Iterations between samples: what watch() takes at its budget of 1 % of the time."""

BATCH = 1_000
"""Iterations that are recorded together, as the monitor collects its values."""

PARAMETERS = 999
"""Of the wide run: two signals each."""

LENGTHS = (10_000, 100_000, 1_000_000)
WIDE = 1_000
"""Iterations of the wide run."""

LAUNCHER = """
import os, sys
child = os.fork()
if not child:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
"""
"""A process begins with the peak of the one that forked it: so a small one forks it."""

COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "runs": lambda run: ["runs", str(run.parent)],
    "diagnose": lambda run: ["diagnose", str(run), "--json"],
    "diagnose --rejudge": lambda run: ["diagnose", str(run), "--json", "--rejudge"],
    "report": lambda run: ["report", str(run), "--out", str(run.parent / "report.html")],
}
"""The words after ``backsight``, for a run."""


def write_long_run(path: Path, iterations: int) -> None:
    """A run of ``iterations`` × 10 scalars and two profiles, judged as it is recorded."""
    random = np.random.default_rng(0)
    with Recorder(path, kind="watch", config={"clip": 1.0}) as recorder:
        sink = JudgingSink(recorder, lambda finding: None)
        for start in range(0, iterations, BATCH):
            at = np.arange(start, min(start + BATCH, iterations))
            for name in SCALARS:
                sink.series(name, at, _curve(name, at, iterations, random).astype(np.float32))
            for sampled in at[::SAMPLE].tolist():
                sink.profile("reach/rnn.l0", sampled, np.exp(-np.arange(100) / 30))
                sink.profile("hidden_norm/rnn.l0", sampled, 1 + random.random(100))
                ratios = 1e-3 * np.exp(random.normal(0, 0.05, 2))
                names = ("update_ratio/rnn.weight_hh_l0", "update_ratio/head.weight")
                sink.scalars(sampled, dict(zip(names, ratios.tolist(), strict=True)))
            _pace(recorder, sink, start + len(at))
        sink.settle(before=iterations)
        sink.end(iterations - 1)


def write_wide_run(path: Path, iterations: int) -> None:
    """A run of ``iterations`` × 2,000 scalars, judged as it is recorded."""
    random = np.random.default_rng(0)
    names = [
        "loss",
        "grad_norm",
        *(f"grad_norm/part.{n}.weight" for n in range(PARAMETERS)),
        *(f"update_ratio/part.{n}.weight" for n in range(PARAMETERS)),
    ]
    with Recorder(path, kind="watch") as recorder:
        sink = JudgingSink(recorder, lambda finding: None)
        for start in range(0, iterations, 100):
            at = np.arange(start, min(start + 100, iterations))
            for name in names:
                sink.series(name, at, _curve(name, at, iterations, random).astype(np.float32))
            _pace(recorder, sink, start + len(at))
        sink.settle(before=iterations)
        sink.end(iterations - 1)


def _pace(recorder: Recorder, sink: JudgingSink, before: int) -> None:
    """Judge, and write what waits: memory stays as small as that of a real training."""
    sink.settle(before=before)
    recorder.flush()


def _curve(
    name: str, at: NDArray[np.int64], iterations: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Values of one signal, of the size that is usual for it."""
    noise = random.normal(0, 0.05, len(at))
    match name.partition("/")[0]:
        case "loss":
            curve = 1 + np.exp(-at / iterations * 5) + noise
            curve[at == iterations // 2] = 50.0
            curve[at == iterations // 3] = np.nan
            return np.asarray(curve)
        case "lr":
            return 1e-3 * (1 - 0.9 * at / iterations)
        case "momentum":
            return np.full(len(at), 0.9)
        case "seq_len":
            return np.full(len(at), 100.0)
        case "tokens_per_second":
            return 1e5 * (1 + noise)
        case "update_ratio":
            return 1e-3 * np.exp(noise)
        case "grad_norm_applied":
            return np.minimum(1.0, np.exp(noise))
    return np.exp(noise)


def measure(words: Sequence[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak resident MB of one command.

    Raises:
        SystemExit: it failed otherwise than by a lasting error in the run.
    """
    began = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, sys.executable, "-m", "backsight", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    status, peak, busy = told.stdout.split()
    if status not in ("0", "1"):
        raise SystemExit(f"backsight {' '.join(words)}: {told.stderr}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return seconds, float(busy), int(peak) * unit / 1e6


def main() -> None:
    """Write the runs, measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--lengths", type=int, nargs="*", default=list(LENGTHS))
    parser.add_argument("--wide", type=int, default=WIDE, help="its iterations; 0: without it")
    parser.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--keep", type=Path, help="a folder that keeps the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        rows = [_row("import", ["version"])]
        show(rows[0])
        jobs = [(f"{n:,} × 10", root / f"long-{n}" / "run", n) for n in options.lengths]
        if options.wide:
            wide = root / f"wide-{options.wide}" / "run"
            jobs.append((f"{options.wide:,} × 2,000", wide, options.wide))
        for title, path, iterations in jobs:
            began = time.perf_counter()
            if not path.exists():
                half = path.with_name("half")
                shutil.rmtree(half, ignore_errors=True)
                half.parent.mkdir(parents=True, exist_ok=True)
                (write_wide_run if "2,000" in title else write_long_run)(half, iterations)
                half.rename(path)
                print(f"{title}: written in {time.perf_counter() - began:.1f} s", flush=True)
            for name in options.commands:
                rows.append(_row(f"{title}: {name}", COMMANDS[name](path)))
                show(rows[-1])
    publish("long_runs", METHOD, rows)


def _row(what: str, words: Sequence[str]) -> dict[str, Any]:
    seconds, busy, megabytes = measure(words)
    return {"what": what, "seconds": seconds, "CPU seconds": busy, "peak MB": megabytes}


if __name__ == "__main__":
    main()

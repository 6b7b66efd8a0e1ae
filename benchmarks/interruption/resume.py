"""Kill one training again and again, go on each time, and compare it with one left alone.

    python -m benchmarks.interruption.resume               # 50 times in 1,500 iterations

Every process is killed with SIGKILL from outside. Where it is hit is drawn: while it runs, while it
starts (torch is loaded, the checkpoint read, the record cut), or while the file of a checkpoint is
half written.
"""

import random
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import RunError
from backsight.signals import Run
from backsight.state import Checkpoints
from benchmarks._shared.harness import option_parser, publish
from benchmarks.interruption._training import TrainingProcess
from tests.guarded import same

METHOD = (
    "A 2-layer GRU of 48 units with dropout and a carried state, on text, with Adam at a rate so "
    "high that the --safe guard acts, an adaptive curriculum and a checkpoint every 10 "
    "iterations; each process is killed with SIGKILL and the next one goes on. "
    "'again' is how many iterations were trained twice. At the end everything is compared, bit for "
    "bit, with a training that was never interrupted."
)
TRAIN = """
from backsight.state import Checkpoints
from backsight.lab import Chars, resume, train
path, text, iterations = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if Checkpoints(path / "checkpoints").paths:
    resume(path, view=View())
else:
    train(Chars(run=path, text=text, iterations=iterations, cell="gru", layers=2, dropout=0.2,
                safe=True, curriculum="adaptive", curriculum_start=8, lr=0.03, hidden=48,
                seq_len=24, batch=8, every=50, validate_every=iterations // 8,
                validate_chars=2000, sample_chars=50, checkpoint_every=10, device="cpu",
                report=False), view=View())
"""
STARTING, RUNNING, WRITING = "starting", "running", "writing a checkpoint"
EACH = ("loss", "grad_norm", "grad_norm_applied", "hidden_norm_mean", "hidden_norm_max", "lr")
"""Signals of every iteration that depend on nothing but the training."""


def start(path: Path, text: Path, iterations: int) -> TrainingProcess:
    """Begin the training, or go on with it."""
    return TrainingProcess(TRAIN, path, text, iterations)


def wait_for_checkpoint(path: Path, training: TrainingProcess) -> None:
    """Wait until it is writing one, or has ended."""
    while not any((path / "checkpoints").glob(".*.half")) and training.running:
        time.sleep(0.0003)


def halves(path: Path) -> set[tuple[str, int]]:
    """Half written files of a run, told apart from those an earlier kill left."""
    found = (path / "checkpoints").glob(".*.half")
    return {(file.name, file.stat().st_mtime_ns) for file in found}


def kill_one(path: Path, text: Path, iterations: int, share: int, draw: random.Random) -> Any:
    """Go on, kill; where it was hit, whether a half file was left, iterations to do again."""
    where = draw.choices((RUNNING, STARTING, WRITING), (0.5, 0.2, 0.3))[0]
    left = halves(path)
    training = start(path, text, iterations)
    if where == STARTING:
        time.sleep(draw.uniform(0.0, 4.0))
    else:
        training.reach(draw.randint(1, share))
        if where == WRITING:
            wait_for_checkpoint(path, training)
        else:
            time.sleep(draw.uniform(0.0, 0.02))
    training.kill()
    half = bool(halves(path) - left)
    try:
        recorded = Run(path).iterations
    except RunError:
        return where, half, 0  # killed before there was a run
    kept = Checkpoints(path / "checkpoints").paths
    return where, half, recorded - Checkpoints(path / "checkpoints").load().iteration if kept else 0


def compare(alone: Path, killed: Path) -> dict[str, bool]:
    """What is the same in both."""
    one, other = Run(alone), Run(killed)
    states = [Checkpoints(path / "checkpoints").load().state for path in (alone, killed)]
    whole = list(range(one.iterations))
    checks: dict[str, Callable[[], bool]] = {
        "weights": lambda: same(*(s["shared"]["model"] for s in states)),
        "optimizer, data, random numbers, carried state": lambda: all(
            same(*(s[part] for s in states)) for part in ("shared", "processes")
        ),
        "every iteration recorded once": lambda: all(
            run.series("loss").iterations.tolist() == whole for run in (one, other)
        ) and all(  # a step that the guard undid has applied no gradient
            other.series(name).iterations.tolist() == one.series(name).iterations.tolist()
            for name in (*EACH, "tokens_per_second")
        ),
        "recorded values": lambda: all(
            one[name].tobytes() == other[name].tobytes() for name in (*EACH, "val_loss", "horizon")
            if name in one
        ),
        "events": lambda: [(e.iteration, e.kind, e.body) for e in one.events()]
        == [(e.iteration, e.kind, e.body) for e in other.events()],
    }  # fmt: skip
    return {what: check() for what, check in checks.items()}


def main() -> None:
    """Kill, go on, compare and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=1500)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    text = Path(sysconfig.get_paths()["stdlib"]) / "json"
    share = options.iterations // options.times
    hits: dict[str, list[tuple[bool, int]]] = {STARTING: [], RUNNING: [], WRITING: []}
    with tempfile.TemporaryDirectory() as folder:
        alone, killed = Path(folder) / "alone", Path(folder) / "killed"
        start(alone, text, options.iterations).end()
        for _ in range(options.times):
            where, half, again = kill_one(killed, text, options.iterations, share, draw)
            hits[where].append((half, again))
        if Run(killed).status != "finished":  # the last kill may have come after the last iteration
            start(killed, text, options.iterations).end()
        verdict = compare(alone, killed)
        resumed = len(Run(killed).info["resumed"])
        acted = sum(event.kind == "act" for event in Run(killed).events())
    rows: list[dict[str, Any]] = [
        {
            "what": f"killed while {where}",
            "times": len(found),
            "half files left": sum(half for half, _ in found),
            "again, mean": float(np.mean([n for _, n in found])) if found else 0.0,
            "again, most": max((n for _, n in found), default=0),
            "identical": "",
        }
        for where, found in hits.items()
    ]
    empty = dict.fromkeys(("times", "half files left", "again, mean", "again, most"), "")
    rows += [
        {"what": what, **empty, "identical": "yes" if good else "NO"}
        for what, good in verdict.items()
    ]
    publish("resume", METHOD, rows)
    print(
        f"{options.times} kills, {resumed} resumptions, {options.iterations} iterations, "
        f"{acted} acts of the guard"
    )
    if not all(verdict.values()):
        sys.exit("the interrupted training is not the same as the one left alone")


if __name__ == "__main__":
    main()

"""One example, run plain and observed: what each printed, and what was recorded."""

import ast
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Run, natural_order
from benchmarks._shared.harness import ROOT

__all__ = [
    "Example",
    "Outcome",
    "all_applied",
    "compare",
    "execute",
    "reaches",
    "verdict",
    "words",
]

LIMIT = 300
"""Seconds for one run of an example."""


@dataclass(frozen=True)
class Example:
    """A script in ``examples/libraries`` that says what is to be found in it."""

    path: Path
    iterations: list[int]
    """Optimizer steps of each training in it, those of several optimizers that take turns as one.
    """
    layers: int
    """Recurrent layers of its first model: states whose reach there is to record, or the input."""

    @classmethod
    def read(cls, path: Path) -> "Example":
        """Its constants, without running it."""
        told: dict[str, Any] = {}
        for line in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(line, ast.Assign):
                name = ast.unparse(line.targets[0])
                if name in ("ITERATIONS", "LAYERS"):
                    told[name] = ast.literal_eval(line.value)
        return cls(path, told["ITERATIONS"], told["LAYERS"])


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, what it printed, and how long it took."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def compare(example: Example, python: Path, folder: Path) -> dict[str, Any]:
    """Run it plain and observed, each in an empty folder; a row of the table.

    Args:
        example: the script.
        python: of the environment that has its library.
        folder: an empty one.
    """
    plain = execute(example.path, [python], folder / "plain")
    ours = [python, "-m", "backsight", "run", "--every", "3", "--run", "../run"]
    observed = execute(example.path, ours, folder / "observed")
    runs = [Run(path) for path in sorted(folder.glob("run*"), key=natural_order)]
    counts = [run.iterations for run in runs]
    said = [line for line in observed.stderr.splitlines() if line.startswith("backsight:")]
    return {
        "what": example.path.stem,
        "plain s": round(plain.seconds, 1),
        "observed s": round(observed.seconds, 1),
        "status": verdict(plain.status == 0, plain.status == observed.status),
        "stdout": verdict(bool(plain.stdout), plain.stdout == observed.stdout),
        "iterations": f"{words(counts)} of {words(example.iterations)}",
        "applied": "yes" if runs and all(map(all_applied, runs)) else "NO",
        "reach": f"{reaches(runs[0]) if runs else 0} of {example.layers}",
        "said": said,
        "failed": plain.stderr[-2000:] if plain.status else "",
    }


def execute(
    script: Path, command: list[Any], folder: Path, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run a script by a command in a folder that is made for it, on the CPU and on one thread."""
    folder.mkdir(parents=True)
    whole = os.environ | (environment or {}) | {
        "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [*map(str, command), str(script)],
            cwd=folder, env=whole, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(-1, "", f"it took more than {LIMIT} s", LIMIT)
    return Outcome(done.returncode, done.stdout, done.stderr, time.perf_counter() - began)


def verdict(there: bool, same: bool) -> str:
    """``same``, ``NO``, or ``failed`` where there was nothing to compare with."""
    return "same" if there and same else "NO" if there else "failed"


def words(counts: list[int]) -> str:
    """``4+4+8``."""
    return "+".join(map(str, counts)) or "none"


def all_applied(run: Run) -> bool:
    """Whether each iteration has an applied gradient, of any model."""
    seen: set[int] = set()
    for name in run.names:
        if name.split("/")[0] == "grad_norm_applied":
            series = run.series(name)
            seen.update(series.iterations[np.isfinite(series.values)].tolist())
    return len(seen) == run.iterations


def reaches(run: Run) -> int:
    """Layers whose reach was recorded."""
    return sum(name.startswith("reach/") for name in run.names)

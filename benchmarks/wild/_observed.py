"""One example, run plain and observed: what each printed, and what was recorded."""

import ast
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Run, natural_order
from benchmarks._shared.harness import ROOT

__all__ = ["Example", "compare"]

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
class _Outcome:
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
    plain = _execute(example, [python], folder / "plain")
    ours = [python, "-m", "backsight", "run", "--every", "3", "--run", "../run"]
    observed = _execute(example, ours, folder / "observed")
    runs = [Run(path) for path in sorted(folder.glob("run*"), key=natural_order)]
    counts = [run.iterations for run in runs]
    said = [line for line in observed.stderr.splitlines() if line.startswith("backsight:")]
    return {
        "what": example.path.stem,
        "plain s": round(plain.seconds, 1),
        "observed s": round(observed.seconds, 1),
        "status": _verdict(plain.status == 0, plain.status == observed.status),
        "stdout": _verdict(bool(plain.stdout), plain.stdout == observed.stdout),
        "iterations": f"{_words(counts)} of {_words(example.iterations)}",
        "applied": "yes" if runs and all(map(_all_applied, runs)) else "NO",
        "reach": f"{_reaches(runs[0]) if runs else 0} of {example.layers}",
        "said": said,
        "failed": plain.stderr[-2000:] if plain.status else "",
    }


def _execute(example: Example, command: list[Any], folder: Path) -> _Outcome:
    folder.mkdir(parents=True)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [*map(str, command), str(example.path)],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _Outcome(-1, "", f"it took more than {LIMIT} s", LIMIT)
    return _Outcome(done.returncode, done.stdout, done.stderr, time.perf_counter() - began)


def _verdict(there: bool, same: bool) -> str:
    return "same" if there and same else "NO" if there else "failed"


def _words(counts: list[int]) -> str:
    """``4+4+8``."""
    return "+".join(map(str, counts)) or "none"


def _all_applied(run: Run) -> bool:
    """Whether each iteration has an applied gradient, of any model."""
    seen: set[int] = set()
    for name in run.names:
        if name.split("/")[0] == "grad_norm_applied":
            series = run.series(name)
            seen.update(series.iterations[np.isfinite(series.values)].tolist())
    return len(seen) == run.iterations


def _reaches(run: Run) -> int:
    """Layers whose reach was recorded."""
    return sum(name.startswith("reach/") for name in run.names)

"""An environment of its own for libraries that Backsight does not depend on."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks._shared.harness import ROOT

__all__ = ["install", "python_of", "versions"]

# 2.6.2 and 2.6.3 of Lightning were compromised releases: never install them.
CONSTRAINTS = ["lightning!=2.6.2,!=2.6.3", "pytorch-lightning!=2.6.2,!=2.6.3",
               "lightning-fabric!=2.6.2,!=2.6.3"]  # fmt: skip
LIST = (
    "import json; from importlib.metadata import distributions as d; "
    "print(json.dumps({x.name.lower().replace('_', '-'): x.version for x in d()}))"
)


def install(venv: Path, packages: Iterable[str]) -> None:
    """All of them into one environment, one after the other: one that conflicts is left out."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    torch = next(line for line in pins if line.startswith("torch=="))
    venv.mkdir(parents=True, exist_ok=True)
    (venv / "constraints.txt").write_text("\n".join([torch, *CONSTRAINTS]) + "\n")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # torch first and by itself: as a mere dependency pip may pick a build with gigabytes of CUDA.
    for package in (torch, str(ROOT), *sorted(set(packages))):
        began = time.perf_counter()
        pip = [f"{venv}/bin/pip", "install", "-q", "-c", f"{venv}/constraints.txt", package]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        seconds, size = time.perf_counter() - began, _megabytes(venv)
        print(f"{package}: {seconds:.0f} s, {size:,} MB in all", flush=True)
        if done.returncode:
            print(f"  not installed: {done.stderr[-500:]}", flush=True)


def _megabytes(folder: Path) -> int:
    return sum(f.lstat().st_size for f in folder.rglob("*") if f.is_file()) // 10**6


def python_of(venv: Path | None) -> Path:
    """The interpreter of an environment; this one where there is none."""
    return Path(sys.executable) if venv is None else venv.absolute() / "bin" / "python"


def versions(python: Path) -> dict[str, str]:
    """What is installed there, by name."""
    listed = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(listed.stdout)
    return found

"""Sequence models of other libraries, found by themselves: is the reach right, what does it cost?

    python -m benchmarks.wild.models --install VENV                # install the libraries there
    python -m benchmarks.wild.models --venv VENV --only Mamba T5

Nothing is named by hand: neither the embedded input nor blocks nor the layout.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import ROOT, option_parser, publish, show
from benchmarks.wild._environment import install, python_of, versions
from benchmarks.wild._zoo import CASES

METHOD = (
    "Small models with random weights, 4 sequences of 48 steps, backsight.watch(model, optimizer) "
    "without further arguments, one process per model. 'input', 'blocks': what the run holds, "
    "'missing' what it should hold besides. 'differs': the largest relative difference of any "
    "lag of any input or block (down to 1e-6 of lag 0) from autograd, which is asked for the loss "
    "of one position of one sequence after the other, in 'dtype'. 'loss alone': the same where "
    "the model returns only its loss, or what is said instead. 'unharmed': losses, weights and "
    "random numbers after four steps are those of the bare loop. 'sample adds': CPU time of a "
    "step with a sample less a bare step, in bare steps; median of 9 interleaved rounds on one "
    "thread, the first 3 left out."
)
LIMIT = 600
"""Seconds for one model."""


def main() -> None:
    """Measure them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--venv", type=Path, help="an environment that has the libraries")
    parser.add_argument("--install", type=Path, metavar="VENV", help="make it first")
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=CASES, metavar="MODEL")
    options = parser.parse_args()
    if options.install:
        install(options.install, {case.package for case in CASES.values()})
    python = python_of(options.install or options.venv)
    installed = versions(python)
    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name in options.only:
        package = CASES[name].package
        version = installed.get(package.lower())
        if version is None:
            print(f"{name}: skipped, {package} is not installed", flush=True)
            continue
        row, error = measured(name, python)
        if row is None:
            failed[name] = error
            print(f"{name}: failed: {error}", flush=True)
            continue
        rows.append({"what": name, "library": f"{package} {version}", **row})
        show(rows[-1])
    if not rows:
        print("no library is installed here: python -m benchmarks.wild.models --install VENV")
        return
    notes = {row["what"]: row.pop("said") for row in rows}
    if set(options.only) == set(CASES):
        publish("models", METHOD, [_in_words(row) for row in rows])
    for name, lines in (notes | {name: [error] for name, error in failed.items()}).items():
        if lines:
            print(name, *lines, sep="\n    ")


def measured(
    name: str, python: Path, program: str = "_sequence_model"
) -> tuple[dict[str, Any] | None, str]:
    """The row of one model, or None and how it failed.

    Args:
        name: of the model.
        python: of the environment that has its library.
        program: what measures it, a module of this package.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    command = [str(python), "-W", "ignore", "-m", f"benchmarks.wild.{program}", name]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"it took more than {LIMIT} s"
    if done.returncode:
        return None, done.stderr[-1500:]
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row, ""


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """Lists as a table shows them: blocks are counted."""
    words = row | {key: ", ".join(row[key]) or "-" for key in ("inputs", "missing")}
    return words | {"blocks": len(row["blocks"])}


if __name__ == "__main__":
    main()

"""BKS301 in scripts that nobody has changed: is short memory found, and is nobody accused?

    python -m benchmarks.memory.short_term                     # the half for tuning
    python -m benchmarks.memory.short_term --half held-out
    python -m benchmarks.memory.short_term --only two_echoes_rnn

Scripts in ``scripts/short`` learn from the recent past what it tells, and no more, though the task
has more to give; those in ``scripts/healthy`` do as well as they can, with a short memory where
that is enough. What a script's loss could be, it prints. Some minutes on two cores.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import ROOT, option_parser, publish

METHOD = (
    "backsight run SCRIPT at its default settings, then backsight diagnose --json. '301': the "
    "severity of BKS301, if it was found, and whether it was resolved since; 'others': what else "
    "was, notes left out; 'samples': of memory. The last rows count scripts with BKS301, those of "
    "them with a warning, and scripts with any warning or error. What is sampled depends on the "
    "machine's speed."
)
FOLDER = ROOT / "benchmarks" / "memory" / "scripts"
CODE = "BKS301"
RESOLVED = ", resolved"
LIMIT = 300
"""Seconds for one run."""

HELD_OUT = frozenset(
    {"adding_rnn", "brackets_forgetful_lstm", "two_echoes_open_gru", "moving_average_cells"}
    | {"windows_of_eight", "stack_two_signs"}
    | {"markov_lstm", "first_sign", "noisy_last", "brackets_near", "majority_gru", "xor_of_two"}
    | {"first_sign_orthogonal"}
)
"""Scripts that nothing was chosen by."""


def main() -> None:
    """Run them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--half", choices=("tuning", "held-out", "all"), default="tuning")
    parser.add_argument("--only", nargs="+", help="names of scripts")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    halves = {"tuning": (False,), "held-out": (True,), "all": (False, True)}[options.half]
    scripts = [
        path
        for kind in ("short", "healthy")
        for path in sorted((FOLDER / kind).glob("*.py"))
        if (path.stem in options.only if options.only else (path.stem in HELD_OUT) in halves)
    ]
    with ThreadPoolExecutor(options.workers) as pool:
        rows = []
        for row in pool.map(row_of, scripts):
            print(row, flush=True)
            rows.append(row)
    if options.only:
        return
    for kind in ("short", "healthy"):
        own = [row for row in rows if row["what"].startswith(f"{kind}/")]
        found = [row["301"] for row in own if row["301"]]
        accused = sum(bool(row["others"]) or row["301"].startswith("warning") for row in own)
        later = sum(one.endswith(RESOLVED) for one in found)
        warned = sum(not one.startswith("info") for one in found)
        rows.append(
            {
                "what": f"{kind}, {len(own)} scripts",
                "301": f"{len(found)} ({later} resolved, {warned} warned)",
                "others": f"{accused} with a warning or an error",
                "samples": "",
                "loss": "",
            }
        )
    publish(f"short term, {options.half}", METHOD, rows)


def row_of(script: Path) -> dict[str, Any]:
    """What one script's run comes to."""
    tool = [sys.executable, "-m", "backsight"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        said = _said([*tool, "run", "--run", "run", str(script)], folder, environment)
        told = _said([*tool, "diagnose", "run", "--json"], folder, environment)
        samples = _samples(Path(folder) / "run")
    findings = json.loads(told)["findings"]
    own = [
        one["severity"] + (RESOLVED if one["resolved_at"] is not None else "")
        for one in findings
        if one["code"] == CODE
    ]
    others = [one["code"] for one in findings if one["code"] != CODE and one["severity"] != "info"]
    return {
        "what": f"{script.parent.name}/{script.stem}",
        "301": own[0] if own else "",
        "others": " ".join(dict.fromkeys(others)),
        "samples": samples,
        "loss": said.splitlines()[-1] if said else "",
    }


def _said(command: list[str], folder: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    return done.stdout


def _samples(path: Path) -> str:
    """Iterations of them."""
    from backsight.signals import Run

    run = Run(path)
    names = run.members("memory", profile=True)
    if not names:
        return "none"
    at = run.profile(names[0]).iterations.tolist()
    return " ".join(map(str, at)) if len(at) < 9 else f"{len(at)}, until {at[-1]}"


if __name__ == "__main__":
    main()

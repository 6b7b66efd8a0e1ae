"""Broken scripts, their fixed twins, and healthy scripts: is the cause named?

    python -m benchmarks.causes.causes                       # the half for tuning
    python -m benchmarks.causes.causes --half held-out
    python -m benchmarks.causes.causes --half draw-4         # a later draw, in a folder of its own
    python -m benchmarks.causes.causes --only clip_tiny
    python -m benchmarks.causes.causes --half draw-4 --reseed 100   # other weights and data

A broken run is ``first`` where its first finding names the cause, ``named`` where another one
does, ``symptom`` where it has findings that do not, ``silent`` where it has none, and ``failed``
where there is no diagnosis to read.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks._shared.harness import ROOT, option_parser, publish
from benchmarks.causes._names import NAMES

METHOD = (
    "backsight run --every 10 SCRIPT, then backsight diagnose --json of each training. 'first', "
    "'named', 'symptom', 'silent', 'failed': broken scripts of a kind, by their verdict. "
    "'accused': fixed twins, or healthy scripts, with a warning or an error."
)
FOLDER = ROOT / "benchmarks" / "causes"
DRAWS = {f"draw-{path.name[4:]}": path for path in sorted(FOLDER.glob("draw[0-9]*"))}
GRAVITY = ("error", "warning", "info")
VERDICTS = ("first", "named", "symptom", "silent", "failed")
SEED = re.compile(r"\b(manual_seed|default_rng|RandomState|seed)\((\d+)\)")
LIMIT = 180
"""Seconds of processor time for one run, so that a busy machine makes no run fail."""


def findings_of(script: Path, *arguments: str) -> list[dict[str, Any]] | None:
    """Those of one run in an empty folder, or None where it left no diagnosis.

    Of a script that trains several times, those of the training with the gravest first finding
    come first, and then the others'.
    """
    tool = [sys.executable, "-m", "backsight"]
    each: list[list[dict[str, Any]]] = []
    with TemporaryDirectory() as folder:
        try:
            _output(
                [*tool, "run", "--run", "run", "--every", "10", str(script), *arguments], folder
            )
            for run in sorted(Path(folder).glob("run*"), key=lambda path: (len(path.name), path)):
                told = _output([*tool, "diagnose", run.name, "--json"], folder)
                each.append(json.loads(told)["findings"])
        except (subprocess.TimeoutExpired, InterruptedError, ValueError, KeyError):
            return None
    each.sort(key=lambda found: GRAVITY.index(found[0]["severity"]) if found else len(GRAVITY))
    return [finding for found in each for finding in found] if each else None


def _output(command: list[str], folder: str) -> bytes:
    """What a command prints.

    Raises:
        InterruptedError: it took too long.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=20 * LIMIT
    )
    if done.returncode == -signal.SIGXCPU:
        raise InterruptedError
    return done.stdout


def reseeded(script: Path, by: int, folder: Path) -> Path:
    """A copy in ``folder``, with ``by`` added to each number that it seeds a generator with."""
    text = script.read_text(encoding="utf-8")
    copy = folder / script.parent.name / script.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(SEED.sub(lambda m: f"{m[1]}({int(m[2]) + by})", text), encoding="utf-8")
    return copy


def verdict(kind: str, findings: list[dict[str, Any]] | None) -> str:
    """One of ``VERDICTS``."""
    if findings is None:
        return "failed"
    codes = [finding["code"] for finding in findings]
    names = NAMES.get(kind, frozenset())
    if not codes:
        return "silent"
    if codes[0] in names:
        return "first"
    return "named" if names.intersection(codes) else "symptom"


def accused(findings: list[dict[str, Any]] | None) -> list[str]:
    """Codes of warnings and errors; a run without a diagnosis counts, too."""
    if findings is None:
        return ["failed"]
    return [f["code"] for f in findings if f["severity"] in ("warning", "error")]


def main() -> None:
    """Run them and publish the table."""
    parser = option_parser(__doc__)
    choices = ("tuning", "held-out", "all", *DRAWS)
    parser.add_argument("--half", choices=choices, default="tuning")
    parser.add_argument("--only", nargs="+", help="names of scripts")
    parser.add_argument("--reseed", type=int, default=0, help="added to every seed of the scripts")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    # Inherited by each process that is started from here.
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, resource.RLIM_INFINITY))
    folder = DRAWS.get(options.half, FOLDER)
    pairs = tomllib.loads((folder / "pairs.toml").read_text(encoding="utf-8"))
    halves = {"tuning": (False,), "held-out": (True,)}.get(options.half, (False, True))
    chosen = {
        name: pair["kind"]
        for name, pair in pairs.items()
        if (name in options.only if options.only else pair.get("held_out", True) in halves)
    }
    healthy = [
        path
        for path in sorted((folder / "healthy").glob("*.py"))
        if not options.only or path.stem in options.only
    ]
    scripts = [folder / "scripts" / f"{name}.py" for name in chosen]
    with TemporaryDirectory() as copies, ThreadPoolExecutor(options.jobs) as pool:
        if options.reseed:
            scripts = [reseeded(script, options.reseed, Path(copies)) for script in scripts]
            healthy = [reseeded(script, options.reseed, Path(copies)) for script in healthy]
        broken = [pool.submit(findings_of, script) for script in scripts]
        fixed = [pool.submit(findings_of, script, "--fixed") for script in scripts]
        sound = [pool.submit(findings_of, script) for script in healthy]
        counts: dict[str, Counter[str]] = {}
        for (name, kind), bad, good in zip(chosen.items(), broken, fixed, strict=True):
            reached, blamed = verdict(kind, bad.result()), accused(good.result())
            codes = [finding["code"] for finding in bad.result() or []]
            print(f"{name}: {reached} {' '.join(codes)}; fixed: {' '.join(blamed)}", flush=True)
            counts.setdefault(kind, Counter()).update([reached, *(["accused"] if blamed else [])])
        blamed_healthy = 0
        for path, future in zip(healthy, sound, strict=True):
            blamed = accused(future.result())
            blamed_healthy += bool(blamed)
            print(f"healthy {path.stem}: {' '.join(blamed)}", flush=True)
    columns = (*VERDICTS, "accused")
    rows: list[dict[str, Any]] = [
        {"what": kind, **{column: count[column] for column in columns}}
        for kind, count in sorted(counts.items())
    ]
    if rows:
        total = {column: sum(row[column] for row in rows) for column in columns}
        rows.append({"what": "all kinds", **total})
    if healthy:
        label = f"healthy ({len(healthy)})"
        rows.append({"what": label, **dict.fromkeys(VERDICTS, 0), "accused": blamed_healthy})
    if rows and not options.only:
        reseed = f"-reseed-{options.reseed}" if options.reseed else ""
        publish(f"causes-{options.half}{reseed}", METHOD, rows)


if __name__ == "__main__":
    main()

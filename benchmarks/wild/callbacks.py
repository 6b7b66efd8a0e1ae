"""Libraries with one more line, a callback of Backsight's, beside ``backsight run``.

    python -m benchmarks.wild.callbacks                      # those that are installed here
    python -m benchmarks.wild.callbacks --install VENV       # install all of them there first
    python -m benchmarks.wild.callbacks --venv VENV --only lightning darts
    python -m benchmarks.wild.callbacks --venv VENV --overhead   # beside watch, in place of that

Each script of ``examples/callbacks`` is seeded and prints what it has learned.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from backsight.signals import Run, natural_order
from benchmarks._shared.harness import ROOT, option_parser, publish, show
from benchmarks.wild._environment import install, python_of, versions
from benchmarks.wild._observed import (
    Example,
    Outcome,
    all_applied,
    execute,
    reaches,
    verdict,
    words,
)
from benchmarks.wild._overhead import OVERHEAD, measure
from benchmarks.wild._timed_training import TRAININGS

METHOD = (
    "Each script four times, in an empty folder each: with BACKSIGHT=off; as it is; under "
    "backsight run, where the callback steps aside; and with guard='clip=0.001' and to='jsonl' in "
    "the call of the callback. 'lines': those of the script that name Backsight. 'status' and "
    "'learned' (what it prints last): whether they are the same with the callback as without. "
    "'iterations': those that the runs hold, of the optimizer steps of each training. 'applied': "
    "whether each iteration holds the gradient that the optimizer read. 'reach': recurrent layers "
    "whose reach is recorded, of those that the (first) model has. 'run': iterations and reaches "
    "under backsight run. 'guard': whether its acts are recorded. 'sink': whether the file has "
    "exactly the scalars of the run. Accelerate has no callbacks: its script trains in "
    "backsight.watch."
)
FOLDER = ROOT / "examples" / "callbacks"
PACKAGES = {
    "accelerate": "accelerate",
    "darts": "darts",
    "gluonts": "gluonts",
    "ignite": "pytorch-ignite",
    "keras": "keras",
    "lightning": "lightning",
    "neuralforecast": "neuralforecast",
    "optuna": "optuna",
    "pytorch_forecasting": "pytorch-forecasting",
    "sb3": "sb3-contrib",
    "skorch": "skorch",
    "transformers": "transformers",
}
"""What a script needs, by the beginning of its name."""

CALL = re.compile(r"\b(BacksightCallback|BacksightHandler)\(")
IMPORT = re.compile(r"^(import|from) ", re.MULTILINE)


def package_of(script: Path) -> str:
    """The one that it needs."""
    return next(PACKAGES[name] for name in PACKAGES if script.stem.startswith(f"{name}_"))


def row_of(script: Path, python: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """A row of the table, and what was said in the training with the callback."""
    example, text = Example.read(script), script.read_text(encoding="utf-8")
    more = CALL.sub(r"\1(guard='clip=0.001', to=JsonLines(), every=3, ", text)
    more = IMPORT.sub(r"from backsight.integrations import JsonLines\n\g<0>", more, count=1)
    once = CALL.sub(r"\1(every=3, ", text)
    (folder / "more").mkdir(parents=True)
    (folder / "once").mkdir()
    for name, content in (("more", more), ("once", once)):
        (folder / name / script.name).write_text(content)

    plain = execute(script, [python], folder / "plain", {"BACKSIGHT": "off"})
    ours = execute(folder / "once" / script.name, [python], folder / "callback")
    command = [python, "-m", "backsight", "run", "--every", "3", "--run", "runs/observed"]
    whole = execute(script, command, folder / "run")
    guarded = execute(folder / "more" / script.name, [python], folder / "guarded")

    runs, observed = runs_in(folder / "callback"), runs_in(folder / "run")
    row = {
        "what": script.stem,
        "lines": sum("acksight" in line for line in text.splitlines()[1:]),
        "status": verdict(plain.status == 0, plain.status == ours.status),
        "learned": verdict(bool(plain.stdout), last_line(plain) == last_line(ours)),
        "iterations": of(runs, example),
        "applied": "yes" if runs and all(map(all_applied, runs)) else "NO",
        "reach": f"{reaches(runs[0]) if runs else 0} of {example.layers}",
        "run": f"{of(observed, example)}, {reaches(observed[0]) if observed else 0}",
        "guard": acted(runs_in(folder / "guarded")) if CALL.search(text) else "-",
        "sink": sunk(runs_in(folder / "guarded")) if CALL.search(text) else "-",
    }
    return row, said(plain, ours, whole, guarded)


def last_line(outcome: Outcome) -> str:
    """What the script printed; before it, progress bars may have told how long they took."""
    return outcome.stdout.strip().rpartition("\n")[2]


def said(*outcomes: Outcome) -> list[str]:
    """What Backsight said, and how each that failed ended."""
    lines = dict.fromkeys(
        line for one in outcomes for line in one.stderr.splitlines() if "backsight:" in line
    )
    return [*lines, *(one.stderr[-2000:] for one in outcomes if one.status)]


def runs_in(folder: Path) -> list[Run]:
    """In the order in which they were made."""
    return [Run(path) for path in sorted(folder.glob("runs/*"), key=natural_order)]


def of(runs: list[Run], example: Example) -> str:
    """``12 of 12``."""
    return f"{words([run.iterations for run in runs])} of {words(example.iterations)}"


def acted(runs: list[Run]) -> str:
    """Whether every run has acts of a guard."""
    return "yes" if runs and all("act_before/clip" in run.names for run in runs) else "NO"


def sunk(runs: list[Run]) -> str:
    """Whether the lines of each run are its scalars, no more and no less."""
    return "same" if runs and all(_lines(run) == _scalars(run) for run in runs) else "NO"


def _lines(run: Run) -> dict[tuple[str, int], float]:
    path = run.path / "values.jsonl"
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        (name, line["iteration"]): float(value)
        for line in read
        for name, value in line.get("scalars", {}).items()
    }


def _scalars(run: Run) -> dict[tuple[str, int], float]:
    return {
        (name, int(iteration)): float(value)
        for name in run.names
        if not run.is_profile(name)
        for iteration, value in zip(*_points(run, name), strict=True)
    }


def _points(run: Run, name: str) -> tuple[Any, Any]:
    series = run.series(name)
    return series.iterations, series.values


def main() -> None:
    """Run them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--venv", type=Path, help="an environment that has the libraries")
    parser.add_argument("--install", type=Path, metavar="VENV", help="make it first")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of scripts' names")
    parser.add_argument("--overhead", action="store_true", help="what a callback adds to a step")
    parser.add_argument("--rounds", type=int, default=15, help="of --overhead")
    options = parser.parse_args()
    if options.install:
        install(options.install, PACKAGES.values())
    python = python_of(options.install or options.venv)
    if options.overhead:
        timed = [name for name in TRAININGS if name.startswith(tuple(options.only))]
        costs = [measure(name, python, options.rounds) for name in timed]
        if options.only == [""]:
            publish("callbacks_overhead", OVERHEAD, costs)
        else:
            for row in costs:
                show(row)
        return
    installed = versions(python)
    rows: list[dict[str, Any]] = []
    told: dict[str, list[str]] = {}
    for script in sorted(FOLDER.glob("[!_]*.py")):
        version = installed.get(package_of(script))
        if not script.stem.startswith(tuple(options.only)):
            continue
        if version is None:
            print(f"{script.stem}: skipped, {package_of(script)} is not installed", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            row, told[script.stem] = row_of(script, python, Path(folder))
        rows.append({"what": row.pop("what"), "version": version, **row})
        show(rows[-1])
    if not rows:
        print("no library is installed here: python -m benchmarks.wild.callbacks --install VENV")
        return
    if options.only == [""]:
        publish("callbacks", METHOD, rows)
    for name, lines in told.items():
        print(name, *lines, sep="\n    ")


if __name__ == "__main__":
    main()

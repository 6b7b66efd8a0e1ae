"""Libraries with one more line, a callback of Backsight's, beside ``backsight run``.

    python -m benchmarks.wild.callbacks                      # those that are installed here
    python -m benchmarks.wild.callbacks --install VENV       # install all of them there first
    python -m benchmarks.wild.callbacks --venv VENV --only lightning darts   # into the same JSON
    python -m benchmarks.wild.callbacks --venv VENV --overhead   # beside watch, in place of that

Each script of ``examples/callbacks`` is seeded and prints what it has learned.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from backsight.signals import Run, natural_order
from benchmarks._shared.harness import RESULTS, ROOT, machine, option_parser, publish, show
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
from benchmarks.wild._read_back import SINKS
from benchmarks.wild._timed_training import TRAININGS

METHOD = (
    "Each script four times, in an empty folder each: with BACKSIGHT=off; as it is; under "
    "backsight run, where the callback's run is the record; and with guard='clip=0.001' and "
    "to=[…], every "
    "sink that is installed, in the call of the callback. 'lines': those of the script that name "
    "Backsight. 'status' and 'learned' (what it prints last): whether they are the same with the "
    "callback as without. "
    "'iterations': those that the runs hold, of the optimizer steps of each training. 'applied': "
    "whether each iteration holds the gradient that the optimizer read. 'reach': recurrent layers "
    "whose reach is recorded, of those that the (first) model has. 'run': iterations and reaches "
    "under backsight run. 'guard': whether its acts are recorded. 'jsonl' to 'trackio': whether "
    "the sink, read by the tool's own client, has exactly the scalars of the runs at their "
    "iterations (TensorBoard in single precision; MLflow in a SQLite database, without infinity; "
    "W&B offline). Accelerate has no callbacks: its script trains in "
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

CLIENTS = ["tensorboard", "wandb", "mlflow", "trackio"]
"""What sinks need, by the names of the sinks."""

CALL = re.compile(r"\b(BacksightCallback|BacksightHandler)\(")


def package_of(script: Path) -> str:
    """The one that it needs."""
    return next(PACKAGES[name] for name in PACKAGES if script.stem.startswith(f"{name}_"))


def row_of(
    script: Path, python: Path, folder: Path, sinks: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """A row of the table, and what was said in the training with the callback."""
    example, text = Example.read(script), script.read_text(encoding="utf-8")
    more = CALL.sub(rf"\1(guard='clip=0.001', to={sinks!r}, every=3, ", text)
    once = CALL.sub(r"\1(every=3, ", text)
    (folder / "more").mkdir(parents=True)
    (folder / "once").mkdir()
    for name, content in (("more", more), ("once", once)):
        (folder / name / script.name).write_text(content)

    plain = execute(script, [python], folder / "plain", {"BACKSIGHT": "off"})
    ours = execute(folder / "once" / script.name, [python], folder / "callback")
    command = [python, "-m", "backsight", "run", "--every", "3", "--run", "runs/observed"]
    whole = execute(script, command, folder / "run")
    sunk_in = folder / "guarded"
    guarded = execute(folder / "more" / script.name, [python], sunk_in, places(sunk_in))

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
        **(sunk(sunk_in, python, sinks) if CALL.search(text) else dict.fromkeys(SINKS, "-")),
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


def sunk(folder: Path, python: Path, sinks: list[str]) -> dict[str, str]:
    """What each sink has, read by its own client in its own process; ``-`` where it is missing."""
    command = [str(python), "-m", "benchmarks.wild._read_back", *sinks]
    path = f"{ROOT / 'src'}:{ROOT}"
    environment = os.environ | places(folder) | {"PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    told = json.loads(lines[-1]) if lines else dict.fromkeys(sinks, "NO")
    return {sink: told.get(sink, "-") for sink in SINKS}


def places(folder: Path) -> dict[str, str]:
    """Where the tools write that have a place of their own."""
    return {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "TRACKIO_DIR": str(folder / "trackio"),
        "WANDB_MODE": "offline",
    }


def merged(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows in place of those of the same name in the JSON, if it is of this machine."""
    file = RESULTS / f"{name}.json"
    earlier: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    before = earlier["rows"] if earlier.get("machine") == machine() else []
    known = {row["what"]: row for row in [*before, *rows] if row.keys() == rows[0].keys()}
    return [known[what] for what in sorted(known)]


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
        install(options.install, [*PACKAGES.values(), *CLIENTS])
    python = python_of(options.install or options.venv)
    if options.overhead:
        timed = [name for name in TRAININGS if name.startswith(tuple(options.only))]
        for name in timed:
            show(row := measure(name, python, options.rounds))
            publish("callbacks_overhead", OVERHEAD, merged("callbacks_overhead", [row]))
        return
    installed = versions(python)
    sinks = [sink for sink in SINKS if sink not in CLIENTS or sink in installed]
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
            row, told[script.stem] = row_of(script, python, Path(folder), sinks)
        rows.append({"what": row.pop("what"), "version": version, **row})
        show(rows[-1])
    if not rows:
        print("no library is installed here: python -m benchmarks.wild.callbacks --install VENV")
        return
    publish("callbacks", METHOD, rows if options.only == [""] else merged("callbacks", rows))
    for name, lines in told.items():
        print(name, *lines, sep="\n    ")


if __name__ == "__main__":
    main()

"""Quickstarts of libraries that train recurrent networks, each run plain and observed.

    python -m benchmarks.wild.libraries                      # those that are installed here
    python -m benchmarks.wild.libraries --install VENV       # install all of them there first
    python -m benchmarks.wild.libraries --venv VENV --only lightning darts

Each script of ``examples/libraries`` is seeded and prints its losses and a digest of its weights.
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import ROOT, option_parser, publish, show
from benchmarks.wild._environment import install, python_of, versions
from benchmarks.wild._observed import Example, compare

METHOD = (
    "python SCRIPT, then python -m backsight run --every 3 SCRIPT, each in an empty folder. "
    "'status' and 'stdout' (losses, digest of the weights): whether both are the same. "
    "'iterations': those that the runs hold, of the optimizer steps of each training of the "
    "script. 'applied': whether each iteration holds the gradient that the optimizer read. "
    "'reach': recurrent layers of the (first) model whose reach is recorded, of those it has; "
    "Mamba, RWKV and RecurrentGemma count as one, their embedded input."
)
FOLDER = ROOT / "examples" / "libraries"
PACKAGES = {
    "accelerate": "accelerate",
    "darts": "darts",
    "flair": "flair",
    "gluonts": "gluonts",
    "ignite": "pytorch-ignite",
    "keras": "keras",
    "lightning": "lightning",
    "ncps": "ncps",
    "neuralforecast": "neuralforecast",
    "optuna": "optuna",
    "pytorch_forecasting": "pytorch-forecasting",
    "ray": "ray[train]",
    "sb3": "sb3-contrib",
    "skorch": "skorch",
    "snntorch": "snntorch",
    "torchmetrics": "torchmetrics",
    "transformers": "transformers",
}
"""What a script needs, by the beginning of its name."""


def package_of(script: Path) -> str:
    """The one that it needs."""
    return next(PACKAGES[name] for name in PACKAGES if script.stem.startswith(f"{name}_"))


def main() -> None:
    """Run them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--venv", type=Path, help="an environment that has the libraries")
    parser.add_argument("--install", type=Path, metavar="VENV", help="make it first")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of scripts' names")
    parser.add_argument("--quick", action="store_true", help="one script of each library")
    options = parser.parse_args()
    if options.install:
        install(options.install, PACKAGES.values())
    python = python_of(options.install or options.venv)
    installed = versions(python)
    rows: list[dict[str, Any]] = []
    tried: set[str] = set()
    for script in sorted(FOLDER.glob("[!_]*.py")):
        package = package_of(script)
        version = installed.get(package.partition("[")[0])
        if not script.stem.startswith(tuple(options.only)) or (options.quick and package in tried):
            continue
        if version is None:
            print(f"{script.stem}: skipped, {package} is not installed", flush=True)
            continue
        tried.add(package)
        with tempfile.TemporaryDirectory() as folder:
            row = compare(Example.read(script), python, Path(folder))
        rows.append({"what": row.pop("what"), "version": version, **row})
        show({key: value for key, value in rows[-1].items() if key != "said"})
    if not rows:
        print("no library is installed here: python -m benchmarks.wild.libraries --install VENV")
        return
    said = {row["what"]: row.pop("said") for row in rows}
    failed = {row["what"]: row.pop("failed") for row in rows}
    if options.only == [""] and not options.quick:
        publish("libraries", METHOD, rows)
    for name, lines in said.items():
        print(name, *lines, *filter(None, [failed[name]]), sep="\n    ")


if __name__ == "__main__":
    main()

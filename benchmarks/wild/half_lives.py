"""How fast do the layers of other libraries forget, and are their gates read right?

python -m benchmarks.wild.half_lives --install VENV            # install the libraries there
python -m benchmarks.wild.half_lives --venv VENV --only Mamba S5
"""

from pathlib import Path
from typing import Any

from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.wild._environment import install, python_of, versions
from benchmarks.wild._half_lives_of import MODELS
from benchmarks.wild._zoo import CASES
from benchmarks.wild.models import measured

METHOD = (
    "Small models with random weights, 4 sequences of 48 steps; backsight.probe on one loss. "
    "'5 %', '50 %', '95 %': quantiles over the channels of a layer, in steps; 'beyond 64', "
    "'beyond T': the share of channels with a longer half-life; layer by layer. 'bound': whether "
    "the transition is a matrix, so that these are upper bounds. 'differs': the largest relative "
    "difference of a decay (one step, one channel) from what the library hands to its own scan, in "
    "the dtype that the library computes it in. 'gradient': that of the product of all steps from "
    "the gradient through the library's own scan, or on the initial state (minGRU, minLSTM, S5, "
    "LRU), in float64. 'memory': the memory lengths of the blocks that a run records, in steps."
)
PACKAGES = {name: CASES[name].package if name in CASES else "lru-pytorch" for name in MODELS}


def main() -> None:
    """Measure them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--venv", type=Path, help="an environment that has the libraries")
    parser.add_argument("--install", type=Path, metavar="VENV", help="make it first")
    parser.add_argument("--only", nargs="+", default=list(MODELS), choices=MODELS, metavar="MODEL")
    options = parser.parse_args()
    if options.install:
        install(options.install, set(PACKAGES.values()))
    python = python_of(options.install or options.venv)
    installed = versions(python)
    rows: list[dict[str, Any]] = []
    for name in options.only:
        package = PACKAGES[name]
        version = installed.get(package.lower())
        if version is None:
            print(f"{name}: skipped, {package} is not installed", flush=True)
            continue
        row, error = measured(name, python, "_half_lives_of")
        if row is None:
            print(f"{name}: failed: {error}", flush=True)
            continue
        rows.append({"what": name, "library": f"{package} {version}", **row})
        show(rows[-1])
    if rows and set(options.only) == set(MODELS):
        publish("half_lives", METHOD, rows)


if __name__ == "__main__":
    main()

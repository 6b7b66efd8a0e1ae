"""Which block of a sequence model looks how far back, before and after it learns a memory task?

    python -m benchmarks.wild.layers_lags --install VENV           # install transformers there
    python -m benchmarks.wild.layers_lags --venv VENV --picture docs/pictures/sequence-models.png

The picture needs playwright, and the Chromium on the path.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from backsight.signals import reach_shares
from benchmarks._shared.harness import ROOT, option_parser, publish, show
from benchmarks._shared.picture import WIDTH, save
from benchmarks.wild._environment import install, python_of, versions
from benchmarks.wild._trained_model import BATCH, ITERATIONS, LR, MODELS, TASK

METHOD = (
    f"Four blocks of 32 features, trained for {ITERATIONS} iterations on the task {TASK.name} "
    f"with {TASK.length} steps ({BATCH} sequences a batch, Adam, lr {LR:g}, one seed, one thread, "
    f"one process per model). The answer is {TASK.lag} steps back, and guessing costs "
    f"{TASK.baseline:.2f} nats. 'loss': of the last ten iterations. The other columns: R at lag "
    f"{TASK.lag} of each block, relative to the strongest earlier step at any block (P), in the "
    "last iteration; 'before' that of the first block in the first iteration."
)
LIMIT = 900
"""Seconds for one model."""
FLOOR = 1e-3
"""Of P: below it all is equally dark."""
ROW = 150
"""CSS pixels of a model."""


def main() -> None:
    """Train them, publish the table and draw the picture."""
    parser = option_parser(__doc__)
    parser.add_argument("--venv", type=Path, help="an environment that has transformers")
    parser.add_argument("--install", type=Path, metavar="VENV", help="make it first")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the picture, too")
    options = parser.parse_args()
    if options.install:
        install(options.install, ["transformers"])
    python = python_of(options.install or options.venv)
    version = versions(python).get("transformers")
    if version is None:
        print("transformers is not installed: python -m benchmarks.wild.layers_lags --install VENV")
        return
    found: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for name in MODELS:
        found[name] = one = trained(name, python)
        before, after = (shares(one[when])[:, TASK.lag].tolist() for when in ("before", "after"))
        blocks = {f"block {n}": share for n, share in enumerate(after)}
        loss = float(np.mean(one["losses"][-10:]))
        rows.append({"what": name, "version": version, "loss": loss, "before": before[0], **blocks})
        show(rows[-1])
    publish("layers_lags", METHOD, rows)
    if options.picture:
        save(figure(found), options.picture)


def trained(name: str, python: Path) -> dict[str, Any]:
    """What ``_trained_model`` prints of one model.

    Raises:
        subprocess.CalledProcessError: it failed; its own message is on standard error.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [str(python), "-W", "ignore", "-m", "benchmarks.wild._trained_model", name],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        timeout=LIMIT, check=True,
    )  # fmt: skip
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def shares(blocks: list[list[float]]) -> NDArray[np.float64]:
    """``R(k)/P`` by block and lag."""
    return reach_shares(np.asarray(blocks), together=True)


def figure(found: dict[str, dict[str, Any]]) -> go.Figure:
    """A row a model: untrained on the left, trained on the right."""
    titles = []
    for name, one in found.items():
        first, last = one["losses"][0], float(np.mean(one["losses"][-10:]))
        titles += [
            f"<b>{name}</b>, untrained: loss {first:.2f}",
            f"after {len(one['losses'])} iterations: loss {last:#.2g}",
        ]
    fig = make_subplots(
        rows=len(found), cols=2, subplot_titles=titles, shared_xaxes=True, shared_yaxes=True,
        vertical_spacing=0.075, horizontal_spacing=0.035,
    )  # fmt: skip
    for row, one in enumerate(found.values(), start=1):
        for col, when in enumerate(("before", "after"), start=1):
            table = np.log10(np.maximum(shares(one[when]), FLOOR))
            fig.add_heatmap(z=table, coloraxis="coloraxis", row=row, col=col)
            fig.add_annotation(
                x=TASK.lag, y=-0.5, ax=0, ay=13, text="", arrowcolor="#d1242f", arrowwidth=2,
                arrowhead=2, row=row, col=col,
            )  # fmt: skip
        fig.update_yaxes(title={"text": "block", "font": {"size": 13}}, row=row, col=1)
    count = len(next(iter(found.values()))["after"])
    fig.update_yaxes(tickvals=list(range(count)), range=[-0.5, count - 0.5])
    fig.update_xaxes(
        tickvals=[*range(0, TASK.lag - 3, 5), TASK.lag],
        ticks="",
        ticklabelstandoff=12,
        showgrid=False,
    )
    lags = "lag: steps back from the loss (arrow: the symbol to recall)"
    fig.update_xaxes(title={"text": lags, "font": {"size": 13}}, row=len(found))
    powers = np.arange(np.log10(FLOOR), 1)
    texts = [f"{10.0**power:g}" for power in powers]
    colorbar = {"title": {"text": "R/P"}, "thickness": 14, "len": 0.5, "tickvals": powers,
                "ticktext": [f"≤ {texts[0]}", *texts[1:]]}  # fmt: skip
    fig.update_layout(
        template="none", width=WIDTH, height=ROW * len(found) + 90, font={"size": 13},
        margin={"l": 52, "r": 20, "t": 36, "b": 54},
        coloraxis={"colorscale": "Viridis", "cmin": powers[0], "cmax": 0, "colorbar": colorbar},
    )  # fmt: skip
    fig.update_annotations(font={"size": 14})
    return fig


if __name__ == "__main__":
    main()

"""Which cell learns what at five lengths, and how far back does it reach and remember?

    python -m benchmarks.memory.poster                               # a sketch
    python -m benchmarks.memory.poster --iterations 600 --picture docs/pictures/cells.png
    python -m benchmarks.memory.poster --redraw docs/pictures/cells.png

Five cells of 64 units, and minGRU with ``--init chrono`` besides, on temporal order, copying and
text, each at five lengths: 90 trainings by Adam at 0.005, the norm clipped at 1, batches of 20, one
seed, without a guard or a curriculum. The picture, which ``--redraw`` makes from the results of the
last run, needs playwright, and the Chromium on the path.
"""

import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backsight.lab import TASKS, Memory, Training, train
from backsight.signals import Lag, Run, measure_memory, measure_reach
from benchmarks._shared.harness import RESULTS, option_parser, publish, show, worker_pool
from benchmarks._shared.picture import WIDTH, save

CELLS = ("rnn", "gru", "lstm", "mingru", "mingru chrono", "lru")
LENGTHS = {
    "temporal-order": (10, 20, 40, 60, 100),
    "copying": (22, 30, 40, 60, 100),
    "chars": (10, 20, 40, 60, 100),
}
TITLES = {
    "temporal-order": "Temporal order: which two symbols, and in which order",
    "copying": "Copying: ten symbols, after a wait of T − 20 steps",
    "chars": "Text: the next character of Python's standard library",
}
METHOD = (
    "Each row is one training of 64 units, one seed. gained: how much of the loss of a guess is "
    "gone at the last validation; a guess knows the task, or how often each character occurs, but "
    "nothing of the sequence. solved: the task's criterion on 2,000 held-out sequences. reach: the "
    "horizon, in steps back from the loss; memory: the memory length; each the median of the last "
    "five samples. ≥: the window ends first; –: undefined. seconds: of processor time."
)
LAST = 5
"""Samples at the end of which the reach and the memory are the middle."""
ROW = 262
"""CSS pixels of a task."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all, publish the table and draw the picture."""
    parser = option_parser(__doc__)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--tasks", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=CELLS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the picture, too")
    parser.add_argument("--redraw", type=Path, metavar="PNG", help="only draw the last results")
    options = parser.parse_args(arguments)
    if options.redraw:
        save(figure(json.loads((RESULTS / "poster.json").read_text())["rows"]), options.redraw)
        return
    keys = [
        (task, cell, length, options.iterations)
        for task in options.tasks
        for length in LENGTHS[task]
        for cell in options.cells
    ]
    rows = []
    with worker_pool(options.workers) as pool:
        for row in pool.map(trained, keys):
            rows.append(row)
            show(row)
    publish("poster", METHOD, rows)
    if options.picture:
        save(figure(rows), options.picture)


def trained(key: tuple[str, str, int, int]) -> dict[str, Any]:
    """The row of a training: task, cell, length and iterations."""
    logging.disable(logging.WARNING)
    task, cell, length, iterations = key
    begun = process_time()
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(task, cell, length, iterations, Path(folder) / "run")
        run = train(settings)
        (setup,) = run.events("setup")
        baselines = setup.body["baselines"]
        guess = baselines["unigram" if task == "chars" else "memoryless"]
        loss = float(run["val_loss"][-1])
        solved = False
        if isinstance(settings, Memory):
            solved = settings.task.criterion.met(float(run["val_sequence_error"][-1]))
        return {
            "what": f"{task}, {cell}",
            "length": length,
            "iterations": iterations,
            "guess": guess,
            "loss": loss,
            "gained": 1 - loss / guess,
            "solved": solved,
            "reach": str(reach_of(run) or "–"),
            "memory": str(memory_of(run) or "–"),
            "seconds": process_time() - begun,
        }


def _settings(task: str, cell: str, length: int, iterations: int, run: Path) -> Training:
    kind, _, init = cell.partition(" ")
    chosen: dict[str, Any] = {"seq_len" if task == "chars" else "length": length}
    if init:
        chosen["init"] = init
    return TASKS[task](
        cell=kind, hidden=64, lr=0.005, batch=20, iterations=iterations, validate_every=iterations,
        device="cpu", checkpoint_every=0, report=False, run=run, **chosen,
    )  # fmt: skip


def reach_of(run: Run) -> Lag | None:
    """The horizon of its one layer."""
    (name,) = run.members("reach", profile=True)
    return _middle([measure_reach(row).horizon for row in run.profile(name).rows[-LAST:]])


def memory_of(run: Run) -> Lag | None:
    """The memory length of its one layer."""
    names = [*run.members("memory_lag", profile=True), *run.members("memory", profile=True)]
    if not names:  # a short training may have none of its few samples
        return None
    pairs = zip(*(run.profile(name).rows for name in names), strict=True)
    return _middle([measure_memory(*pair).length for pair in list(pairs)[-LAST:]])


def _middle(lags: Sequence[Lag | None]) -> Lag | None:
    """The lower of two in the middle; None where nothing is known."""
    known = sorted((lag for lag in lags if lag is not None), key=lambda lag: lag.steps)
    return known[(len(known) - 1) // 2] if known else None


def figure(rows: Sequence[dict[str, Any]]) -> go.Figure:
    """A panel a task: a row for each cell, a column for each length."""
    tasks = [task for task in LENGTHS if any(row["what"].startswith(task) for row in rows)]
    fig = make_subplots(
        rows=len(tasks), cols=1, subplot_titles=[f"<b>{TITLES[task]}</b>" for task in tasks],
        vertical_spacing=0.075,
    )  # fmt: skip
    for place, task in enumerate(tasks, start=1):
        cells = [cell for cell in CELLS if any(row["what"] == f"{task}, {cell}" for row in rows)]
        found = {(row["what"], row["length"]): row for row in rows}
        grid = [[found[f"{task}, {cell}", length] for length in LENGTHS[task]] for cell in cells]
        columns = [f"T = {length}" for length in LENGTHS[task]]
        fig.add_heatmap(
            z=[[max(0.0, one["gained"]) for one in line] for line in grid],
            text=[[_words(one) for one in line] for line in grid],
            x=columns, y=[cell.replace(" ", "<br>") for cell in cells], row=place, col=1,
            texttemplate="%{text}", textfont={"size": 12}, coloraxis="coloraxis", xgap=2, ygap=2,
        )  # fmt: skip
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    fig.update_xaxes(showgrid=False, ticks="", side="bottom")
    shares = np.linspace(0, 1, 5)
    colorbar = {
        "title": {"text": "gained"}, "thickness": 14, "len": 0.3, "tickvals": shares,
        "ticktext": ["0, a guess", *(f"{s:g}" for s in shares[1:-1]), "1, perfect"],
    }  # fmt: skip
    fig.update_layout(
        template="none", width=WIDTH, height=ROW * len(tasks) + 40, font={"size": 13},
        margin={"l": 72, "r": 20, "t": 36, "b": 34},
        coloraxis={"colorscale": "Blues", "cmin": 0, "cmax": 1.25, "colorbar": colorbar},
    )  # fmt: skip
    fig.update_annotations(font={"size": 14})
    return fig


def _words(row: dict[str, Any]) -> str:
    outcome = "<b>✓</b>" if row["solved"] else f"{max(0.0, row['gained']):.0%}"
    return f"{outcome} · reach {row['reach']}<br>memory {row['memory']}"


if __name__ == "__main__":
    main()

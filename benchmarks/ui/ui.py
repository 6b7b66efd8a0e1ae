"""When the live page shows 1,000 runs, a run of 10⁶ iterations and one of 2,000 signals.

python -m benchmarks.ui.ui --keep runs/ui         # keeps the runs for the next call
python -m benchmarks.ui.ui --tensorboard PYTHON   # beside TensorBoard, of a Python that has it
python -m benchmarks.ui.ui --mlflow PYTHON        # beside MLflow, too
python -m benchmarks.ui.ui --runs 60 --iterations 20000 --wide 50 --idle 3 --live 4 --repeats 1

Whole, it takes more than six minutes: some ten on an idle machine, most of them of waiting beside
open pages, and with both peers as many again, for which MLflow's database of the runs takes some
gigabytes. The last of these commands takes one or two.
"""

import math
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.ui._browser import Opened, chromium, open_page
from benchmarks.ui._collections import make, write_many, write_one_long, write_one_wide
from benchmarks.ui._latency import Training, latencies
from benchmarks.ui._mlflow import mlflow_version, serve_mlflow, write_mlflow
from benchmarks.ui._server import Server, server
from benchmarks.ui._tensorboard import serve_tensorboard, version, write_events
from benchmarks.ui._undisturbed import undisturbed

METHOD = (
    "The server in a process of its own, and a headless Chromium without a cache on the same "
    "machine; medians of {repeats}. Times are those of the browser, from calling the address: "
    "'byte' of the page; 'picture' when the first curve is painted (of the table, of the strip), "
    "and 'cold' the same when the server has just started; 'figure' when plotly.js has drawn the "
    "loss. That is with a debugger, which measures and slows plotly.js down; 'alone' is the figure "
    "in a browser that nobody looks at, on its first visit, and 'again' on its third, with "
    "the start of the browser in both. MB are those that arrived. While the page is open and "
    "nothing happens, 'server %' and 'page %' are shares of a core, of the server and of all "
    "processes of Chromium. 'latency' is from the call that records a value to the page that "
    "counts its iteration, so that it has the writer's half second in it: the median, and the "
    "largest. TensorBoard {tensorboard}; its 'picture' is the grid of its first chart, which it "
    "draws before the curve, and 'ready' how long after its start it has read all runs, with the "
    "settings that it comes with. MLflow {mlflow}, with one worker and its database; its 'picture' "
    "is the first row of the table, which has no curves, and of a run the first curve."
)

LIST = {"picture": ".runs svg.spark path"}
RUN = {"picture": ".strip svg.spark path", "figure": "#loss .main-svg .js-line"}
BOARD = {"picture": "line-chart-grid-view svg line"}
ML_LIST = {"picture": ".ag-row, tbody tr"}
ML_RUN = {"picture": ".js-line"}


def main() -> None:
    """Write the runs, measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--wide", type=int, default=1_000, help="iterations of 2,000 signals")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    parser.add_argument("--live", type=float, default=30.0, help="seconds")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the runs")
    parser.add_argument("--tensorboard", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--mlflow", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    board, flow = version(options.tensorboard), mlflow_version(options.mlflow)
    rows: list[dict[str, Any]] = []

    def measured(row: dict[str, Any]) -> None:
        rows.append(row)
        show(row)

    with tempfile.TemporaryDirectory() as made, chromium() as browser:
        root = options.keep or Path(made)
        collections: dict[str, tuple[Path, str]] = {}
        for name, path, write, page in (
            (f"{options.runs:,} runs", f"many-{options.runs}",
             partial(write_many, runs=options.runs), "/"),
            (f"{options.iterations:,} × 10", f"long-{options.iterations}",
             partial(write_one_long, iterations=options.iterations), "/run/long"),
            (f"{options.wide:,} × 2,000", f"wide-{options.wide}",
             partial(write_one_wide, iterations=options.wide), "/run/wide"),
        ):  # fmt: skip
            collections[name] = make(root / path, write), page
        pages = _Pages(browser, options.repeats, options.idle)
        for name, (folder, page) in collections.items():
            with server(folder) as running:
                wanted = LIST if page == "/" else RUN
                measured({"what": name, **pages.measure(running, page, wanted)})
        with tempfile.TemporaryDirectory() as live, server(Path(live)) as running:
            measured({"what": "a run that trains", **pages.live(running, Path(live), options.live)})
        for name, (folder, _) in collections.items() if board else ():
            logs = make(
                root / f"{folder.name}-tensorboard",
                partial(write_events, options.tensorboard, folder),
            )
            runs = sum(1 for _ in folder.iterdir())
            with serve_tensorboard(options.tensorboard, logs, runs) as (running, ready):
                told = pages.measure(running, "/#timeseries", BOARD)
                measured({"what": f"{name}, TensorBoard", **told, "ready s": ready})
        for name, (folder, page) in collections.items() if flow else ():
            kept = make(
                root / f"{folder.name}-mlflow", partial(write_mlflow, options.mlflow, folder)
            )
            with serve_mlflow(options.mlflow, kept) as (running, ready, listed, charts):
                told = (
                    pages.measure(running, listed, ML_LIST)
                    if page == "/"
                    else pages.measure(running, charts, ML_RUN)
                )
                measured({"what": f"{name}, MLflow", **told, "ready s": ready})
    missing = "is not installed there (--{0} PYTHON names a Python that has it)"
    peers = {
        name: found or missing.format(name)
        for name, found in (("tensorboard", board), ("mlflow", flow))
    }
    publish("ui", METHOD.format(repeats=options.repeats, **peers), rows)


class _Pages:
    """Opens pages, so often, and leaves them open, so long."""

    def __init__(self, browser: Browser, repeats: int, idle: float) -> None:
        self._browser, self._repeats, self._idle = browser, repeats, idle

    def measure(self, running: Server, page: str, wanted: Mapping[str, str]) -> dict[str, Any]:
        """A row of the table. The first time, nothing has been read by the server yet."""
        address = running.address + page
        times: dict[str, list[float]] = {}
        row = dict(EMPTY)
        for repeat in range(self._repeats):
            with open_page(self._browser, address, wanted) as opened:
                seen = {"byte": opened.first_byte, **opened.seen}
                for name, at in seen.items():
                    times.setdefault(name, []).append(math.nan if at is None else at)
                if repeat == self._repeats - 1:
                    row["MB"] = opened.megabytes
                    row |= self._idled(running, opened)
        for name, seconds in times.items():
            row[f"{name} s"] = float(np.median(seconds))
        row["cold s"] = times["picture"][0]
        if "figure" in wanted:
            visits = [undisturbed(self._browser, address) for _ in range(self._repeats)]
            row["alone s"] = float(np.median([one[0] for one in visits]))
            row["again s"] = float(np.median([one[-1] for one in visits]))
        return row

    def _idled(self, running: Server, opened: Opened) -> dict[str, float]:
        """After the rest of the runs has been read and drawn."""
        opened.page.wait_for_timeout(1000 * min(10.0, self._idle))
        before = running.cpu_seconds, opened.cpu()
        opened.page.wait_for_timeout(1000 * self._idle)
        used = running.cpu_seconds - before[0], opened.cpu() - before[1]
        server_share, page_share = (100 * seconds / self._idle for seconds in used)
        return {"server %": server_share, "page %": page_share}

    def live(self, running: Server, folder: Path, seconds: float) -> dict[str, Any]:
        """A row of the table."""
        training = Training(folder / "live")
        with (
            training.recorder,
            open_page(self._browser, f"{running.address}/run/live", RUN) as opened,
        ):
            opened.page.wait_for_timeout(2000)
            took = latencies(training, opened, seconds)
        return {**EMPTY, "latency s": float(np.median(took)), "largest s": max(took)}


EMPTY: Mapping[str, Any] = dict.fromkeys(
    ("ready s", "byte s", "cold s", "picture s", "figure s", "alone s", "again s", "MB",
     "server %", "page %", "latency s", "largest s"), ""
)  # fmt: skip


if __name__ == "__main__":
    main()

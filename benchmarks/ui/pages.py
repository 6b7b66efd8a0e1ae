"""How long the live page takes: a table of 1,000 runs, a run of 10⁶ iterations, 2,000 signals.

python -m benchmarks.ui.pages
python -m benchmarks.ui.pages --runs 100 --iterations 10000 --signals 100 --idle 5
"""

import shutil
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from backsight.signals import Recorder
from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.ui._server import Server, server

METHOD = (
    "backsight ui in a process of its own and Chromium on the same machine. 'first byte' is the "
    "answer of the server, asked alone, the first time; 'seen' is from opening the address in a "
    "new tab to the first row of the table, or to the curve of the loss on the page of a run. "
    "'latency' is from the return of Recorder.flush, to when the page of the run has drawn that "
    "iteration, in the median of 20. 'idle' is the CPU time of the server while the page is open "
    "and nothing happens, as a share of a core."
)

ROW = ".runs td.who"
CURVE = "#loss .scatterlayer path.js-line"
DRAWN = "document.querySelector('#loss .plot')?._fullData?.[0].x.at(-1)"


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--signals", type=int, default=2_000)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        many, large = root / "many", root / "large"
        _short(many / "run-0")
        for number in range(1, options.runs):
            shutil.copytree(many / "run-0", many / f"run-{number}")
        _long(large / "long", options.iterations)
        _wide(large / "wide", options.signals)
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with server(many) as running:
            row = _opened(running, browser.new_page(), "/", "/api/runs", ROW, options.idle)
            rows.append({"what": f"{options.runs:,} runs", **row, "latency s": float("nan")})
            show(rows[-1])
        with server(large) as running:
            for name, what in (("long", options.iterations), ("wide", options.signals)):
                path, asked = f"/run/{name}", f"/api/figure?run={name}&figure=loss"
                row = _opened(running, browser.new_page(), path, asked, CURVE, options.idle)
                unit = "iterations" if name == "long" else "signals"
                rows.append({"what": f"{what:,} {unit}", **row, "latency s": float("nan")})
                show(rows[-1])
            rows.append(_live(running, browser.new_page(), large / "live"))
            show(rows[-1])
        browser.close()
    publish("ui-pages", METHOD, rows)


def _opened(
    running: Server, page: Page, path: str, asked: str, seen: str, idle: float
) -> dict[str, Any]:
    began = time.perf_counter()
    with urllib.request.urlopen(running.address + asked) as answer:
        size = len(answer.read(1))
        first = time.perf_counter() - began
        size += len(answer.read())
    began = time.perf_counter()
    page.goto(running.address + path, wait_until="commit")
    page.locator(seen).first.wait_for(state="attached")
    drawn = time.perf_counter() - began
    used = -1.0
    while running.cpu_seconds - used > 0.1:  # the rest of the table is read, the run is judged
        used = running.cpu_seconds
        page.wait_for_timeout(2000)
    used = running.cpu_seconds
    page.wait_for_timeout(idle * 1000)
    share = (running.cpu_seconds - used) / idle
    page.close()
    return {"first byte s": first, "kB": size / 1000, "seen s": drawn, "idle %": 100 * share}


def _live(running: Server, page: Page, path: Path) -> dict[str, Any]:
    took = []
    with Recorder(path) as recorder:
        recorder.series("loss", range(1000), [1.0] * 1000)
        recorder.flush()
        page.goto(f"{running.address}/run/live", wait_until="commit")
        page.locator(CURVE).first.wait_for(state="attached")
        page.wait_for_timeout(2000)
        for i in range(1000, 1020):
            recorder.scalars(i, {"loss": 0.5})
            recorder.flush()
            began = time.perf_counter()
            while page.evaluate(DRAWN) != i:
                page.wait_for_timeout(10)
            took.append(time.perf_counter() - began)
    page.close()
    nothing = dict.fromkeys(("first byte s", "kB", "seen s", "idle %"), float("nan"))
    return {"what": "a run that trains", **nothing, "latency s": float(np.median(took))}


def _short(path: Path) -> None:
    with Recorder(path, kind="run", config={"facts": {"baseline": 3.0}}) as recorder:
        at = np.arange(1000)
        for name in ("loss", "grad_norm", "grad_norm_applied", "lr"):
            recorder.series(name, at, 1 + np.exp(-at / 200))
        recorder.profile("reach/rnn.l0", 999, 0.9 ** np.arange(50))


def _long(path: Path, iterations: int) -> None:
    at, draw = np.arange(iterations), np.random.default_rng(0)
    with Recorder(path) as recorder:
        for name in ("loss", "grad_norm", "grad_norm_applied", "lr", "hidden_norm_mean/rnn.l0"):
            recorder.series(name, at, 1 + draw.random(iterations))
        for i in range(0, iterations, max(1, iterations // 1000)):
            recorder.profile("reach/rnn.l0", i, 0.9 ** np.arange(100))


def _wide(path: Path, signals: int) -> None:
    names = [f"update_ratio/layer{number}.weight" for number in range(signals - 2)]
    with Recorder(path) as recorder:
        for i in range(300):
            recorder.scalars(i, {"loss": 2.0, "grad_norm": 1.0, **dict.fromkeys(names, 1e-3)})


if __name__ == "__main__":
    main()

"""MLflow on the same data, by a Python that has it."""

import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.ui._collections import DISTINCT
from benchmarks.ui._scalars import scalars_of
from benchmarks.ui._server import Server, running

__all__ = ["mlflow_version", "serve_mlflow", "write_mlflow"]

WRITE = """
import sqlite3, sys
from pathlib import Path
import numpy as np
from mlflow import MlflowClient

folder, database = Path(sys.argv[1]), sys.argv[2]
names = (folder / "names").read_text().split()
files = sorted(folder.glob("*.npz"))
client = MlflowClient("sqlite:///" + database)
experiment = client.create_experiment("runs")
runs = [client.create_run(experiment, run_name=name).info.run_id for name in names]
for run in runs:
    client.set_terminated(run)

# A million iterations are too many for its own functions, which take some 10,000 values a second.
store = sqlite3.connect(database)
for table in ("metrics", "latest_metrics"):
    found = {row[1] for row in store.execute(f"PRAGMA table_info({table})")}
    assert {"key", "value", "timestamp", "run_uuid", "step", "is_nan"} <= found, found
columns = "(key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"
for number, run in enumerate(runs):
    signals = np.load(files[number % len(files)])
    for name in (name[2:] for name in signals if name.startswith("v ")):
        values = signals["v " + name].astype(float)
        broken = np.isnan(values)
        values = np.nan_to_num(values, nan=0.0).tolist()
        steps = signals["i " + name].tolist()
        rows = [
            (name, value, 1_700_000_000_000 + step, step, int(nan), run)
            for value, step, nan in zip(values, steps, broken.tolist())
        ]
        store.executemany("INSERT INTO metrics " + columns, rows)
        store.execute("INSERT INTO latest_metrics " + columns, rows[-1])
    store.commit()
print(experiment, runs[0])
"""

DATABASE = "mlflow.db"
WRITTEN = "written"
"""The file that tells which experiment and which run there is to look at."""

READY = 300.0
"""Seconds that it may take to answer."""


def mlflow_version(python: str) -> str | None:
    """Of the MLflow that this Python has, if any."""
    words = [python, "-c", "from importlib.metadata import version as v; print(v('mlflow'))"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return told.stdout.strip() or None


def write_mlflow(python: str, runs: Path, folder: Path) -> None:
    """A database with all scalars of the runs in a folder."""
    paths = sorted(runs.iterdir())
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "names").write_text("\n".join(path.name for path in paths))
        for number, path in enumerate(paths[:DISTINCT]):
            np.savez(Path(made) / f"{number:04}.npz", **scalars_of(path))
        words = [python, "-c", WRITE, made, str(folder / DATABASE)]
        told = subprocess.run(words, check=True, capture_output=True, text=True)
    (folder / WRITTEN).write_text(told.stdout.splitlines()[-1])


@contextmanager
def serve_mlflow(python: str, folder: Path) -> Iterator[tuple[Server, float, str, str]]:
    """Its server with one worker; the seconds until it answers, and its pages of all runs and of
    the charts of the first.

    Raises:
        SystemExit: it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = f"sqlite:///{(folder / DATABASE).resolve()}"
    words = [python, "-m", "mlflow", "server", "--backend-store-uri", store,
             "--port", str(port), "--workers", "1"]  # fmt: skip
    experiment, run = (folder / WRITTEN).read_text().split()
    began = time.monotonic()
    with running(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and time.monotonic() - began < READY:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                    break
            except OSError:
                time.sleep(0.2)
        else:
            raise SystemExit("MLflow did not answer")
        listed = f"/#/experiments/{experiment}/runs"
        ready = time.monotonic() - began
        yield Server(port, process.pid), ready, listed, f"{listed}/{run}/model-metrics"

"""TensorBoard on the same data, by a Python that has it."""

import shutil
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

__all__ = ["serve_tensorboard", "version", "write_events"]

WRITE = """
import sys
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

signals = dict(np.load(sys.argv[1]))
names = [name[2:] for name in signals if name.startswith("v ")]
columns = {name: (signals["i " + name].tolist(), signals["v " + name].tolist()) for name in names}
writer = EventFileWriter(sys.argv[2], max_queue_size=1000)
for row in range(max(len(at) for at, _ in columns.values())):
    told = {}
    for name, (at, values) in columns.items():
        if row < len(at):
            told.setdefault(at[row], []).append(Summary.Value(tag=name, simple_value=values[row]))
    for at, values in told.items():
        writer.add_event(Event(wall_time=1.7e9 + row, step=at, summary=Summary(value=values)))
writer.close()
"""

READY = 3600.0
"""Seconds that it may take to load everything."""


def version(python: str) -> str | None:
    """Of the TensorBoard that this Python has, if any."""
    words = [python, "-c", "import tensorboard.version as v; print(v.VERSION)"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return told.stdout.strip() or None


def write_events(python: str, runs: Path, logs: Path) -> None:
    """Event files with all scalars of the runs in a folder."""
    for number, path in enumerate(sorted(runs.iterdir())):
        if number >= DISTINCT:  # a copy
            shutil.copytree(logs / sorted(runs.iterdir())[number % DISTINCT].name, logs / path.name)
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "signals.npz"
            np.savez(file, **scalars_of(path))
            subprocess.run([python, "-c", WRITE, file, logs / path.name], check=True)


@contextmanager
def serve_tensorboard(python: str, logs: Path, runs: int) -> Iterator[tuple[Server, float]]:
    """TensorBoard with its settings as they come, and the seconds until it knows all runs.

    Raises:
        SystemExit: it does not get there.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [python, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(port)]
    began = time.monotonic()
    with running(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and time.monotonic() - began < READY:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/runs") as told:
                    if told.read().count(b'"') >= 2 * runs:
                        break
            except OSError:
                pass
            time.sleep(0.2)
        else:
            raise SystemExit("TensorBoard did not load the runs")
        yield Server(port, process.pid), time.monotonic() - began

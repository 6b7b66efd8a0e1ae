"""What a server under load does: requests while a run is written, idle pages, no reader.

python -m benchmarks.ui.load
python -m benchmarks.ui.load --seconds 5 --streams 20
"""

import http.client
import itertools
import json
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Recorder, Run
from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.ui._server import Server, server

METHOD = (
    "backsight ui in a process of its own. Requests go out at a fixed rate for a minute, whether "
    "earlier ones were answered or not, to the table, the page and three figures of a run that is "
    "written 20 times per second meanwhile; afterwards the run must hold every iteration. Idle "
    "streams are pages that wait for news of the table. The client that never reads asks for the "
    "largest file on 20 connections and takes no byte. Memory is resident, before and after; "
    "with the requests, half-way and after."
)

ASKED = (
    "/api/runs", "/api/run?run=live", "/api/findings?run=live",
    "/api/figure?run=live&figure=loss", "/api/figure?run=live&figure=reach",
    "/api/figure?run=live&figure=reach-time",
)  # fmt: skip


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second")
    parser.add_argument("--streams", type=int, default=200)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as running:
        rows.append(_requests(running, Path(folder) / "live", options.seconds, options.rate))
        show(rows[-1])
        rows.append(_streams(running, options.streams, options.seconds / 2))
        show(rows[-1])
        rows.append(_never_read(running, options.seconds / 2))
        show(rows[-1])
    publish("ui-load", METHOD, rows)


def _row(
    what: str, running: Server, before: tuple[float, float], seconds: float, **more: Any
) -> dict[str, Any]:
    memory, used = before
    return {
        "what": what,
        **{"answers": "", "errors": "", "median ms": "", "99 % ms": "", **more},
        "CPU %": 100 * (running.cpu_seconds - used) / seconds,
        "MB before": memory,
        "MB after": running.memory_mb,
    }


def _requests(running: Server, path: Path, seconds: float, rate: float) -> dict[str, Any]:
    took: list[float] = []
    errors: list[str] = []

    def ask(asked: str) -> None:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        try:
            connection.request("GET", asked)
            answer = connection.getresponse()
            json.loads(answer.read())
            if answer.status != 200:
                errors.append(f"{asked} {answer.status}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            errors.append(f"{asked} {error!r}")
        finally:
            connection.close()
        took.append(time.perf_counter() - began)

    written = 0
    with Recorder(path) as recorder, ThreadPoolExecutor(64) as pool:
        recorder.scalars(0, {"loss": 1.0})
        recorder.profile("reach/rnn.l0", 0, 0.9 ** np.arange(100))
        recorder.flush()
        for asked in ASKED:
            ask(asked)
        took.clear()
        before = (running.memory_mb, running.cpu_seconds)
        began = time.perf_counter()
        asked_for = itertools.cycle(ASKED)
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            pool.submit(ask, next(asked_for))
            if number == int(seconds * rate) // 2:
                before = (running.memory_mb, before[1])
            if number % max(1, round(rate / 20)) == 0:
                written += 1
                recorder.scalars(written, {"loss": 1.0, "grad_norm": 0.5})
                recorder.profile("reach/rnn.l0", written, 0.9 ** np.arange(100))
        pool.shutdown(wait=True)
        elapsed = time.perf_counter() - began
    lost = written + 1 - Run(path).series("loss").iterations.size
    return _row(
        f"{rate:g} requests per second, {lost} iterations lost", running, before, elapsed,
        answers=len(took), errors=len(errors),
        **{"median ms": 1000 * float(np.median(took)),
           "99 % ms": 1000 * float(np.quantile(took, 0.99))},
    )  # fmt: skip


def _streams(running: Server, count: int, seconds: float) -> dict[str, Any]:
    before = (running.memory_mb, running.cpu_seconds)
    request = b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    opened = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(count)]
    for one in opened:
        one.sendall(request)
        one.settimeout(10)
    answered = sum(b"200 OK" in one.recv(4096) for one in opened)
    before = (before[0], running.cpu_seconds)
    time.sleep(seconds)
    row = _row(f"{count} idle streams", running, before, seconds, answers=answered)
    for one in opened:
        one.close()
    return row


def _never_read(running: Server, seconds: float) -> dict[str, Any]:
    before = (running.memory_mb, running.cpu_seconds)
    opened = []
    for _ in range(20):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", running.port))
        one.sendall(b"GET /static/plotly.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
        opened.append(one)
    done = threading.Event()
    done.wait(seconds)
    row = _row("20 clients that never read", running, before, seconds)
    for one in opened:
        one.close()
    return row


if __name__ == "__main__":
    main()

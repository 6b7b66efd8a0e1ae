"""What a server under load does: requests while a run is written, open pages, no reader.

python -m benchmarks.ui.load
python -m benchmarks.ui.load --seconds 8 --streams 20
"""

import asyncio
import itertools
import json
import re
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Recorder, Run
from benchmarks._shared.harness import option_parser, publish, show
from benchmarks.ui._server import Server, server

METHOD = (
    "backsight ui in a process of its own. Requests go out at a fixed rate, whether earlier ones "
    "were answered or not, to the table, a page, the page of a run and three figures of it, while "
    "it is written 20 times per second. An error is another status, or a body that is not what "
    "was asked for. 'lost' counts: of requests, an answer that tells fewer iterations than one "
    "that was received before it was asked for, and iterations that the run or its page lacks in "
    "the end; of streams, those that have not told of the last change five seconds after it. The "
    "streams wait for news of the run and of the table, while nothing is written and then while "
    "the run goes on. Clients that never read ask for the largest file over and over and take no "
    "byte; 'lost' are those that are still connected after a minute without reading. Memory is "
    "resident memory."
)

RUN_PAGE = "/api/run?run=live"
ASKED = (
    "/api/runs", "/run/live", RUN_PAGE, "/api/findings?run=live",
    "/api/figure?run=live&figure=loss", "/api/figure?run=live&figure=reach",
    "/api/figure?run=live&figure=reach-time",
)  # fmt: skip
DROPPED = 60.0
"""Seconds by which a client that never reads must be gone."""


@dataclass
class _Writer:
    """A run that is written while the server is asked."""

    path: Path
    written: int = 0
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.path)
        self.write()
        self.recorder.flush()

    def write(self) -> None:
        self.recorder.scalars(self.written, {"loss": 1.0, "grad_norm": 0.5})
        self.recorder.profile("reach/rnn.l0", self.written, 0.9 ** np.arange(100))
        self.written += 1

    async def go_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.write()
            await asyncio.sleep(0.05)
        self.recorder.flush()


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--deaf", type=int, default=20, help="clients that never read")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []

    async def measure(folder: Path, running: Server) -> None:
        writer = _Writer(folder / "live")
        with writer.recorder:
            rows.append(await _requests(running, writer, options.seconds, options.rate))
            show(rows[-1])
            for live in (False, True):
                rows.append(await _streams(running, writer, options.streams, options.seconds, live))
                show(rows[-1])
        rows.append(await _never_read(running, options.deaf))
        show(rows[-1])

    with tempfile.TemporaryDirectory() as made, server(Path(made)) as running:
        asyncio.run(measure(Path(made), running))
    publish("ui-load", METHOD, rows)


class _Cost:
    """What the server uses from now on."""

    def __init__(self, running: Server) -> None:
        self._running, self._memory = running, running.memory_mb
        self._used, self._began = running.cpu_seconds, time.monotonic()
        self._half = 0.0

    def half_way(self) -> None:
        """Note the memory now."""
        self._half = self._running.memory_mb

    def row(self, what: str, **more: Any) -> dict[str, Any]:
        seconds = time.monotonic() - self._began
        return {
            "what": what,
            **{"answers": "", "errors": "", "lost": "", "median ms": "", "99 % ms": ""},
            **more,
            "CPU %": 100 * (self._running.cpu_seconds - self._used) / seconds,
            "MB before": self._memory,
            "MB half-way": self._half or "",
            "MB after": self._running.memory_mb,
        }


async def _ask(port: int, path: str) -> bytes:
    """The body of an answer that is as it should be.

    Raises:
        OSError: there is none.
        ValueError: it is another.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        words = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        writer.write(words.encode())
        async with asyncio.timeout(30):
            answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    if not head.startswith(b"HTTP/1.1 200 ") or (length and int(length.group(1)) != len(body)):
        raise ValueError(f"{path}: {head[:40]!r}")
    if path.startswith("/api/"):
        json.loads(body)
    return body


async def _requests(
    running: Server, writer: _Writer, seconds: float, rate: float
) -> dict[str, Any]:
    took: list[float] = []
    errors: list[str] = []
    most = lost = 0

    async def ask(path: str) -> None:
        nonlocal most, lost
        known, began = most, time.perf_counter()
        try:
            body = await _ask(running.port, path)
            if path == RUN_PAGE:
                told = json.loads(body)["strip"]["iterations"]
                lost += told < known
                most = max(most, told)
        except (OSError, ValueError) as error:
            errors.append(repr(error))
        took.append(time.perf_counter() - began)

    for path in ASKED:
        await ask(path)
    took.clear()
    cost = _Cost(running)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(writer.go_on(seconds))
        began = time.perf_counter()
        for number, path in zip(range(int(seconds * rate)), itertools.cycle(ASKED), strict=False):
            if number == int(seconds * rate) // 2:
                cost.half_way()
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.create_task(ask(path))
        await writing
    row = cost.row(
        f"{rate:g} requests per second",
        answers=len(took), errors=len(errors),
        **{"median ms": 1000 * float(np.median(took)),
           "99 % ms": 1000 * float(np.quantile(took, 0.99))},
    )  # fmt: skip
    await ask(RUN_PAGE)
    recorded = Run(writer.path).series("loss").iterations.size
    row["lost"] = lost + abs(writer.written - recorded) + abs(writer.written - most)
    for words in errors[:5]:
        print(words, flush=True)
    return row


@dataclass
class _Stream:
    """An open page, as far as the server can tell."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    word: bytes = b""
    events: int = 0
    ended: bool = False

    async def read(self) -> None:
        try:
            while line := await self.reader.readline():
                if line.startswith(b"data: "):
                    self.word, self.events = line.strip(), self.events + 1
        except OSError:
            pass
        self.ended = True


async def _open_stream(port: int, path: str) -> _Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return _Stream(reader, writer)


async def _streams(
    running: Server, writer: _Writer, count: int, seconds: float, live: bool
) -> dict[str, Any]:
    cost = _Cost(running)
    paths = ("/api/stream", "/api/stream?run=live")
    opened = [await _open_stream(running.port, paths[n % 2]) for n in range(count)]
    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(one.read()) for one in opened]
        await asyncio.sleep(5)  # for the first look
        if not live:
            cost = _Cost(running)
        await (writer.go_on(seconds) if live else asyncio.sleep(seconds))
        row = cost.row(f"{count} streams, {'of a run that trains' if live else 'idle'}")
        if live:
            await asyncio.sleep(5)
        late = [await _open_stream(running.port, path) for path in paths]
        reading += [tasks.create_task(one.read()) for one in late]
        await asyncio.sleep(3)
        newest = [one.word for one in late]
        lost = sum(not one.word or one.word != newest[n % 2] for n, one in enumerate(opened))
        row |= {
            "answers": sum(one.events for one in opened),
            "errors": sum(one.ended for one in opened),
            "lost": lost,
        }
        for one in (*opened, *late):
            one.writer.close()
        for task in reading:
            task.cancel()
    return row


async def _never_read(running: Server, count: int) -> dict[str, Any]:
    cost = _Cost(running)
    opened = []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", running.port))
        one.sendall(b"GET /static/plotly.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
        opened.append(one)
    await asyncio.sleep(5)
    peak = running.memory_mb
    await asyncio.sleep(DROPPED)
    body = await _ask(running.port, "/api/runs")  # it still answers the others
    row = cost.row(f"{count} clients that never read (at most {peak:.0f} MB)")
    connected = _connected(running)
    row |= {"answers": 1, "errors": int(not body), "lost": connected}
    for one in opened:
        one.close()
    return row


def _connected(running: Server) -> int:
    """Connections that the server holds; the socket of a client cannot tell."""
    sockets = set()
    for file in Path(f"/proc/{running.pid}/fd").iterdir():
        try:
            name = str(file.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            sockets.add(name[8:-1])
    established = 0
    for line in Path(f"/proc/{running.pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        established += fields[3] in ("01", "08") and fields[9] in sockets
    return established


if __name__ == "__main__":
    main()

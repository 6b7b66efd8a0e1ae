"""A dashboard in a thread, and a plain client that sends what it is told to."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from backsight.ui import UiSettings
from backsight.ui._server import bind, server_of


class Dashboard:
    """Where it listens, and how to ask it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body; the path goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, name: str, **params: object) -> Any:
        """What the part of the interface answers, which must be standard JSON."""
        status, _, body = self.ask(f"/api/{name}?{urlencode(params)}")
        told = json.loads(body, parse_constant=_refuse)
        assert status == 200, told
        return told

    def rows(self) -> dict[str, Any]:
        """All rows by key, as soon as all were read."""
        for _ in range(200):
            rows = {row["key"]: row for row in self.json("runs")["rows"]}
            if all(row["state"] != "reading" for row in rows.values()):
                return rows
            time.sleep(0.02)
        raise AssertionError("the runs were not read")


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


@contextmanager
def dashboard(*folders: Path, **settings: Any) -> Iterator[Dashboard]:
    """One that shows these folders, at a port of its own."""
    wanted = UiSettings(folders, port=0, **settings)
    with bind(wanted) as listening:
        listening.listen(64)
        server = server_of(wanted)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        try:
            yield Dashboard(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(10)

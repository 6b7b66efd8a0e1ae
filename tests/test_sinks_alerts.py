"""A finding of the severity asked for calls a webhook or starts a command; nothing else does."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from backsight.errors import SettingError
from backsight.integrations import CommandAlert, WebhookAlert, _alerts
from backsight.monitor.sinks import Forwarding, sinks_of
from backsight.signals import Recorder

FINDING = {
    "code": "BKS201", "title": "not finite", "severity": "error", "message": "NaN in the loss",
    "value": "NaN",
}  # fmt: skip
TEXT = "mine: BKS201 not finite: NaN in the loss"


class Server(HTTPServer):
    """Answers with the statuses it is given, then 200; keeps what was posted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.posted: list[Any] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/geheim"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(json.loads(body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_alerts, "PAUSES", (0.0, 0.0))


def test_a_webhook_gets_the_finding(server: Server, tmp_path: Path) -> None:
    (sink,) = sinks_of([f"webhook:{server.url}"])
    sink.open(tmp_path / "mine")
    sink.event("models", 0, {})
    sink.event("finding", 7, FINDING)
    sink.event("finding", 7, FINDING | {"severity": "warning"})
    assert server.posted == [{"text": TEXT, "run": str(tmp_path / "mine"), "finding": FINDING}]


def test_a_severity_takes_in_what_is_graver(server: Server) -> None:
    sink = WebhookAlert(server.url, "warning", message=lambda text, finding: finding["severity"])
    for severity in ("info", "warning", "error"):
        sink.event("finding", 7, FINDING | {"severity": severity})
    assert server.posted == ["warning", "error"]


def test_what_may_pass_is_tried_three_times_and_what_is_refused_once(server: Server) -> None:
    sink = WebhookAlert(server.url)
    server.statuses = [503, 429]
    sink.event("finding", 7, FINDING)
    assert len(server.posted) == 3
    server.statuses = [500, 500, 500]
    with pytest.raises(OSError, match="500"):
        sink.event("finding", 7, FINDING)
    assert len(server.posted) == 6
    server.statuses = [404]
    with pytest.raises(RuntimeError, match="the server answered 404 Not Found"):
        sink.event("finding", 7, FINDING)
    assert len(server.posted) == 7


def test_alerts_are_bounded_and_the_last_says_so(server: Server) -> None:
    sink = WebhookAlert(server.url, at_most=2)
    for _ in range(4):
        sink.event("finding", 7, FINDING)
    assert len(server.posted) == 2
    assert server.posted[1]["text"].endswith("(the last of 2 alerts of this run)")


def test_the_address_is_written_nowhere(
    server: Server, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.statuses = [403]
    forwarding = Forwarding([WebhookAlert(server.url)], run_path)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.scalars(0, {"loss": 2.0})
        recorder.event("finding", 0, FINDING, urgent=True)
        recorder.scalars(1, {"loss": 2.0})  # of numbers, an alert misses nothing
    forwarding.close()
    assert forwarding.missed == 1
    assert "the sink WebhookAlert missed 1 event of run" in caplog.text
    assert "the sink WebhookAlert failed (RuntimeError: the server answered 403" in caplog.text
    assert "geheim" not in caplog.text
    assert all(b"geheim" not in file.read_bytes() for file in run_path.iterdir())


def test_a_server_that_is_not_there() -> None:
    with Server() as server:
        gone = server.url
    with pytest.raises(OSError, match="refused"):
        WebhookAlert(gone).event("finding", 7, FINDING)


def test_a_command_reads_the_finding(tmp_path: Path) -> None:
    sink = CommandAlert(["tee", str(tmp_path / "said")])
    sink.open(tmp_path / "mine")
    sink.event("finding", 7, FINDING)
    said = json.loads((tmp_path / "said").read_text())
    assert said == {"text": TEXT, "run": str(tmp_path / "mine"), "finding": FINDING}


def test_a_command_that_fails_hangs_or_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_alerts, "PAUSES", ())
    code = "import sys; sys.exit('no bell')"
    with pytest.raises(OSError, match="the command ended with exit status 1: no bell"):
        CommandAlert([sys.executable, "-c", code]).event("finding", 7, FINDING)
    with pytest.raises(RuntimeError, match="there is no command 'ring-a-bell'"):
        CommandAlert("ring-a-bell --loud").event("finding", 7, FINDING)
    monkeypatch.setattr(_alerts, "TIMEOUT", 0.05)
    with pytest.raises(RuntimeError, match=r"the command took more than 0\.05 seconds"):
        CommandAlert("sleep 60").event("finding", 7, FINDING)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WebhookAlert("ftp://host/geheim"), "a webhook needs a URL that begins with https"),
        (
            lambda: WebhookAlert("https://host", cast(Any, "fatal")),
            "severity is one of error, warning, info",
        ),
        (lambda: WebhookAlert("https://host", at_most=0), "at_most is 1 or more, not 0"),
        (lambda: sinks_of("webhook"), "a webhook needs a URL"),
        (lambda: CommandAlert(""), "an alert needs a command"),
        (lambda: CommandAlert("'half"), "cannot read the command"),
    ],
)
def test_bad_arguments_are_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words) as told:
        make()
    assert "geheim" not in str(told.value)

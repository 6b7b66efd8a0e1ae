"""Numbers arrive as they are; pages are told of news, and slow readers are dropped."""

import asyncio
import base64
import itertools
import json
import math
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from backsight.errors import RunError
from backsight.report import Kept
from backsight.report.figures import FIGURES
from backsight.signals import Recorder, Run
from backsight.ui._delivery import DeliveryMiddleware
from backsight.ui._figure_view import AnswerCache
from backsight.ui._panels import panels_of
from backsight.ui._run_view import run_view
from backsight.ui._streams import EventStreams, TooManyStreamsError
from backsight.ui._wire import figure_dict, json_bytes
from tests.dashboard import Dashboard, dashboard


def unpacked(coded: dict[str, str]) -> list[float]:
    """As plotly.js does: little-endian numbers of that type."""
    letter = {"f8": "d", "f4": "f", "i1": "b", "i2": "h", "i4": "i", "u1": "B", "u2": "H"}[
        coded["dtype"]
    ]
    data = base64.b64decode(coded["bdata"])
    return list(struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data))


def test_an_array_with_a_nan_arrives_as_it_is() -> None:
    values = np.array([1.5, math.nan, math.inf, -math.inf, 5e-324, 1e308])
    figure = go.Figure(go.Scatter(x=np.arange(6), y=values))
    told = json.loads(json_bytes(figure_dict(figure)))
    got = unpacked(told["data"][0]["y"])
    assert got[0] == 1.5
    assert math.isnan(got[1])
    assert got[2:] == [math.inf, -math.inf, 5e-324, 1e308]
    assert unpacked(told["data"][0]["x"]) == [0, 1, 2, 3, 4, 5]


def test_a_list_with_a_nan_arrives_as_it_is() -> None:
    """Plotly's own encoder would write ``null``."""
    told = figure_dict(go.Figure(go.Scatter(x=[0, 1], y=[math.nan, 2.0])))
    assert math.isnan(unpacked(told["data"][0]["y"])[0])
    assert told["data"][0]["x"] == [0, 1]


def test_a_table_keeps_its_shape() -> None:
    told = figure_dict(go.Figure(go.Heatmap(z=np.array([[1.0, math.nan, 3.0], [4, 5, 6]]))))
    z = told["data"][0]["z"]
    assert z["shape"] == "2, 3"
    assert unpacked(z)[2:] == [3, 4, 5, 6]


def test_iterations_beyond_32_bits_are_not_cut() -> None:
    told = figure_dict(go.Figure(go.Scatter(x=np.array([0, 2**40 + 1]), y=[0, 1])))
    assert told["data"][0]["x"] == [0, 2**40 + 1]


def test_a_single_number_is_spelled_out() -> None:
    told = json_bytes({"loss": math.nan, "up": math.inf, "down": -math.inf, "name": "é\ud800"})
    assert (
        told == b'{"loss": "NaN", "up": "Infinity", "down": "-Infinity", "name": "\\u00e9\\ud800"}'
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 iterations with one spike and a stretch of NaN; and a run without anything."""
    folder = tmp_path_factory.mktemp("runs")
    loss = np.ones(10_000)
    loss[5_001], loss[7_000:7_100] = 99.0, math.nan
    with Recorder(folder / "long") as recorder:
        recorder.series("loss", np.arange(10_000), loss)
        recorder.series("grad_norm", np.arange(10_000), np.ones(10_000))
        for i in range(0, 10_000, 1000):
            recorder.profile("reach/l0", i, [1.0, (i + 1) / 10_000, 0.5])
    Recorder(folder / "empty").close()
    return folder


@pytest.fixture(scope="module")
def board(runs: Path) -> Iterator[Dashboard]:
    with dashboard(runs) as running:
        yield running


def test_a_spike_of_one_iteration_survives_thinning_and_a_zoom_is_finer(board: Dashboard) -> None:
    whole = board.json("figure", run="long", figure="loss")
    assert whole["over_iterations"] is True
    line = whole["data"][0]
    y = unpacked(line["y"])
    assert len(y) < 5000
    assert 99.0 in y
    assert any(math.isnan(value) for value in y)  # the gap, which no line bridges
    part = board.json("figure", run="long", figure="loss", **{"from": 5_000, "to": 5_100})
    x = unpacked(part["data"][0]["x"])
    assert x == list(range(4_899, 5_202))  # every sample, and a window's width on either side
    assert unpacked(part["data"][0]["y"])[x.index(5_001)] == 99.0


def test_the_slider_shows_a_profile_as_it_was(board: Dashboard) -> None:
    told = board.json("figure", run="long", figure="reach", until=3_500)
    last = next(one for one in told["data"] if one["name"].startswith("l0 last"))
    assert last["name"] == "l0 last (3,000)"
    assert unpacked(last["y"])[1] == pytest.approx(3001 / 10_000)
    assert board.json("run", run="long")["moments"] == list(range(0, 10_000, 1000))


def test_every_figure_of_an_empty_run_and_its_page_can_be_asked_for(board: Dashboard) -> None:
    view = board.json("run", run="empty")
    assert view["panels"] == []
    assert {"Loss", "Reach of the gradient"} <= {one["title"] for one in view["missing"]}
    assert all(one["how"].endswith(".") for one in view["missing"])
    for entry in FIGURES:
        board.json("figure", run="empty", figure=entry.key)
    assert board.json("findings", run="empty")["cards"] == []


def test_findings_come_with_evidence_remedies_and_the_place_in_a_picture(board: Dashboard) -> None:
    told = board.json("findings", run="long", thorough=1)
    (card,) = (one for one in told["cards"] if one["code"] == "BKS201")
    assert card["iteration"] == 7_000
    assert card["severity"] == "error"
    assert card["remedies"]
    assert ["loss", "loss"] in card["pictures"]
    assert told["thorough"] is True


def test_a_run_that_was_removed_is_one_sentence(tmp_path: Path) -> None:
    with Recorder(tmp_path / "one") as recorder:
        recorder.scalars(0, {"loss": 1.0})
    with dashboard(tmp_path) as running:
        assert running.json("run", run="one")["name"] == "one"
        for file in (tmp_path / "one").iterdir():
            file.unlink()
        status, _, body = running.ask("/api/run?run=one")
        assert status in (404, 422)
        assert "one" in json.loads(body)["error"]
        (tmp_path / "one").rmdir()
        running.json("runs")
        status, _, body = running.ask("/api/run?run=one")
        assert status == 404
        assert "it was removed or renamed" in json.loads(body)["error"]


def test_an_answer_that_has_not_changed_is_not_sent_again(board: Dashboard) -> None:
    path = "/api/figure?run=long&figure=loss"
    _, headers, body = board.ask(path)
    status, _, again = board.ask(path, {"If-None-Match": headers["ETag"]})
    assert body
    assert (status, again) == (304, b"")


def test_an_error_of_ours_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run, kept: Kept) -> None:
        raise ValueError("a mistake of ours")

    Recorder(tmp_path / "one").close()
    with dashboard(tmp_path) as running:
        with monkeypatch.context() as patch:
            patch.setattr("backsight.ui._app.run_view", fail)
            status, headers, body = running.ask("/api/run?run=one")
        assert status == 500
        assert json.loads(body)["error"] == "this cannot be shown: ValueError: a mistake of ours"
        assert headers["Content-Security-Policy"]
        assert running.json("run", run="one")["name"] == "one"


def test_a_run_that_has_ended_is_read_once_and_one_that_trains_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time and what is new are told of each answer."""
    read: list[str] = []

    def counted(run: Run, kept: Kept) -> dict[str, Any]:
        read.append(run.status)
        return run_view(run, kept)

    monkeypatch.setattr("backsight.ui._app.run_view", counted)
    with Recorder(tmp_path / "one") as recorder, dashboard(tmp_path) as running:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        first = running.json("run", run="one")
        recorder.scalars(1, {"loss": 0.5})
        recorder.flush()
        second = running.json("run", run="one")
        recorder.close()
        third, fourth = (running.json("run", run="one") for _ in range(2))
    assert [one["strip"]["iterations"] for one in (first, second, third, fourth)] == [1, 2, 2, 2]
    assert first["news"] != second["news"] != third["news"] == fourth["news"]
    assert third["now"] < fourth["now"]
    assert read == ["running", "running", "finished"]


def test_a_page_that_has_the_newest_is_told_nothing_new(tmp_path: Path) -> None:
    """The word of its first answer is that of the stream, so that it need not ask again."""
    with Recorder(tmp_path / "one") as recorder:
        recorder.scalars(0, {"loss": 1.0})
    with dashboard(tmp_path) as running:
        news = running.json("run", run="one")["news"]
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as page:
            page.sendall(b"GET /api/stream?run=one HTTP/1.1\r\nHost: localhost\r\n\r\n")
            told = b""
            while b"\ndata: " not in told:
                told += page.recv(4096)
    assert f"data: {news}\n\n".encode() in told


def test_what_is_damaged_costs_no_other_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def damaged(run: Run) -> str:
        raise RunError("a signal is damaged")

    with Recorder(tmp_path / "one") as recorder:
        recorder.scalars(0, {"loss": 1.0, "grad_norm": 1.0})
    loss, norm = (next(e for e in FIGURES if e.key == key) for key in ("loss", "gradient-norm"))
    broken = replace(loss, reading=damaged, only_if=damaged)
    monkeypatch.setattr("backsight.ui._panels.FIGURES", (broken, norm))
    shown, _ = panels_of(Run(tmp_path / "one"))
    assert [(one["key"], bool(one["reading"])) for one in shown] == [
        ("loss", False),
        ("gradient-norm", True),
    ]


def test_compare(board: Dashboard, runs: Path) -> None:
    _, _, body = board.ask("/api/compare?run=long&run=empty")
    told = json.loads(body)
    assert [row["key"] for row in told["runs"]] == ["long", "empty"]
    for query in ("run=long", "run=long&run=nowhere", "run=long&run=long", "run=x&" * 30):
        status, _, body = board.ask(f"/api/compare?{query}")
        assert status in (400, 404, 422)
        assert json.loads(body)["error"]


def test_a_page_is_told_of_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a look after the writer has committed."""
    monkeypatch.setattr("backsight.ui._app.RUN_EVERY", 0.02)
    with Recorder(tmp_path / "one") as recorder, dashboard(tmp_path) as running:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as page:
            page.sendall(b"GET /api/stream?run=one HTTP/1.1\r\nHost: localhost\r\n\r\n")
            told = b""
            while told.count(b"\ndata: ") < 1:
                told += page.recv(4096)
            assert b"text/event-stream" in told
            recorder.scalars(1, {"loss": 0.5})
            recorder.flush()
            while told.count(b"\ndata: ") < 2:
                told += page.recv(4096)


async def _collect(events: AsyncIterator[bytes], count: int) -> list[bytes]:
    return [await anext(events) for _ in range(count)]


def test_news_that_nobody_took_is_overwritten() -> None:
    """A page that is slow holds one piece of news, whatever happens meanwhile."""

    async def main() -> None:
        streams, seen = EventStreams(), iter(range(10**6))
        slow = streams.listen("topic", lambda: str(next(seen)), 0.0)
        assert await anext(slow) == b"retry: 2000\n\n"
        await asyncio.sleep(0.05)
        first = await anext(slow)
        await asyncio.sleep(0.05)
        second = await anext(slow)
        assert int(second[6:]) > int(first[6:]) + 1
        await slow.aclose()  # type: ignore[attr-defined]
        assert streams.open == 0

    asyncio.run(main())


def test_those_who_wait_for_the_same_share_one_look_and_nobody_looks_for_nobody() -> None:
    async def main() -> None:
        streams, looks = EventStreams(), itertools.count()
        pages = [streams.listen("t", lambda: f"look {next(looks)}", 30.0) for _ in range(50)]
        for page in pages:
            assert await _collect(page, 2) == [b"retry: 2000\n\n", b"data: look 0\n\n"]
        for page in pages:
            await page.aclose()  # type: ignore[attr-defined]
        assert streams._topics == {}

    asyncio.run(main())


def test_a_quiet_stream_is_kept_up_and_a_failed_look_ends_none() -> None:
    async def main() -> None:
        def look() -> str:
            raise OSError("the disk is gone")

        streams = EventStreams(ping=0.02)
        page = streams.listen("t", look, 0.01)
        assert await _collect(page, 3) == [b"retry: 2000\n\n", *[b": still here\n\n"] * 2]
        streams.close()
        assert [one async for one in page] == []

    asyncio.run(main())


def test_there_are_only_so_many_streams() -> None:
    """And one that was never begun holds no place."""

    async def main() -> None:
        streams = EventStreams(most=1)
        streams.listen("t", lambda: "", 1.0)
        kept = streams.listen("t", lambda: "", 1.0)
        await anext(kept)
        with pytest.raises(TooManyStreamsError):
            streams.listen("t", lambda: "", 1.0)
        await kept.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_client_that_reads_nothing_is_dropped_after_a_piece() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": False})

    async def never(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(len(message["body"]))
            await asyncio.sleep(60)

    asyncio.run(DeliveryMiddleware(app, patience=0.01)({"type": "http"}, None, never))  # type: ignore[arg-type]
    assert sent == [1 << 16]


def test_a_body_arrives_whole() -> None:
    body = bytes(range(256)) * 1000
    got: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": body})

    async def take(message: Any) -> None:
        got.append(message)

    asyncio.run(DeliveryMiddleware(app)({"type": "http"}, None, take))  # type: ignore[arg-type]
    assert b"".join(message["body"] for message in got) == body
    assert [message["more_body"] for message in got] == [True] * 3 + [False]


def test_answers_are_kept_up_to_a_size() -> None:
    cache = AnswerCache(size=400)
    made: list[int] = []

    def make(question: int) -> bytes:
        made.append(question)
        return b"x" * 100

    for question in (1, 2, 3, 4, 1, 5, 1, 2):
        cache.get(question, "then", partial(make, question))
    assert made == [1, 2, 3, 4, 5, 2]
    assert cache.get("large", "then", lambda: b"x" * 101) == b"x" * 101
    assert cache._held == 400


def test_a_run_that_is_written_holds_one_answer_to_a_question() -> None:
    cache = AnswerCache(size=4000)
    for stamp in range(100):
        assert cache.get("figure", stamp, lambda stamp=stamp: b"%d" % stamp) == b"%d" % stamp  # type: ignore[misc]
    assert (len(cache._answers), cache._held) == (1, 2)


def test_a_run_that_trains_is_seen_at_one_moment(tmp_path: Path) -> None:
    with Recorder(tmp_path / "one") as recorder:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        with dashboard(tmp_path) as running:
            assert running.rows()["one"]["state"] == "running"
            assert running.json("run", run="one")["strip"]["state"] == "running"
    assert Run(tmp_path / "one").status == "finished"

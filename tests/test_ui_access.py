"""Who the dashboard answers, and that nothing outside its folders is ever read."""

import gzip
import json
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from backsight.cli import main
from backsight.errors import SettingError
from backsight.signals import Recorder
from backsight.ui import UiSettings, read_token
from backsight.ui._server import bind
from backsight.ui._static import pack
from backsight.ui._survey import Survey
from tests.dashboard import Dashboard, dashboard

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a study with a page, what lies outside, and links that lead there."""
    top = tmp_path_factory.mktemp("dashboard")
    runs = top / "runs"
    with Recorder(runs / "good") as recorder:
        recorder.scalars(0, {"loss": 1.0})
    with Recorder(top / "outside/secret") as recorder:
        recorder.scalars(0, {"loss": 42.0})
    (runs / "leaving").symlink_to(top / "outside/secret")
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "inner").symlink_to(runs / "good")
    for name, file in (("linked", "run.json"), ("linked-store", "signals.db")):
        (runs / name).mkdir()
        (runs / name / file).symlink_to(top / "outside/secret" / file)
    (runs / "fifo").mkdir()
    os.mkfifo(runs / "fifo/run.json")
    for name in ("study", "study-linked"):
        (runs / name).mkdir()
        plan = {"format": 1, "plan": {"task": "echo"}, "ended": {}}
        (runs / name / "study.json").write_text(json.dumps(plan))
    (runs / "study/runs").symlink_to(top / "outside")
    (runs / "study/report.html").write_text("<script>alert(1)</script>")
    (top / "outside/page.html").write_text("a page of somebody else")
    (runs / "study-linked/report.html").symlink_to(top / "outside/page.html")
    return runs


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[Dashboard]:
    with dashboard(folder) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Dashboard]:
    with dashboard(folder, token=SECRET) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:9000", 200),  # a port that was forwarded
        ("127.0.0.1:1", 200),
        ("127.0.0.2", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("192.168.1.7", 421),
        ("0.0.0.0", 421),
        ("", 421),
        ("localhost, evil.example", 421),
        ("[::1", 421),
    ],
)
def test_a_name_that_is_not_this_machine_is_not_served(
    host: str, status: int, board: Dashboard
) -> None:
    """A page that gives its own name our address (DNS rebinding) sends its name."""
    for path in ("/", "/api/runs", "/static/app.css"):
        assert board.ask(path, {"Host": host})[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://localhost:{port}"}, 403),  # not the name that was asked
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_pages_of_other_sites_are_not_answered(
    headers: dict[str, str], status: int, board: Dashboard
) -> None:
    """Nor are their event streams; a link to a page of ours is."""
    given = {name: value.format(port=board.port) for name, value in headers.items()}
    assert board.ask("/api/runs", given)[0] == status
    if status == 403:
        assert board.ask("/api/stream", given)[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(method: str, board: Dashboard) -> None:
    status, headers, _ = board.ask("/api/runs", method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/run/good", "/api/runs", "/static/run.js", "/nowhere"])
def test_every_answer_has_the_policy(path: str, board: Dashboard) -> None:
    _, headers, _ = board.ask(path)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] is None


def test_the_page_of_a_study_has_an_origin_of_its_own(board: Dashboard) -> None:
    """Anybody may have written it: its scripts reach neither us nor the network."""
    status, headers, body = board.ask("/stored?run=study")
    policy = headers["Content-Security-Policy"].split("; ")
    assert (status, body) == (200, b"<script>alert(1)</script>")
    assert "sandbox allow-scripts allow-downloads" in policy
    assert "default-src 'none'" in policy
    assert not any(part.startswith("connect-src") for part in policy)


def test_links_that_leave_the_folder_are_not_followed(board: Dashboard) -> None:
    rows = board.rows()
    assert set(rows) == {
        "good", "inner", "linked", "linked-store", "fifo", "study", "study-linked",
    }  # fmt: skip
    assert rows["good"]["state"] == rows["inner"]["state"] == "finished"
    assert [rows[key]["state"] for key in ("linked", "linked-store", "fifo")] == ["broken"] * 3
    assert "leaves its folder" in rows["linked"]["problem"]
    assert "is a FIFO" in rows["fifo"]["problem"]
    status, _, body = board.ask("/stored?run=study-linked")
    assert status == 422
    assert b"leaves its folder" in body
    assert b"somebody else" not in body


@pytest.mark.some(5)
@pytest.mark.parametrize(
    "key",
    [
        "..", "../outside/secret", "good/..", "good/../../outside/secret", "./good", "good/",
        "/etc", "//etc", "leaving", "..\\outside", "good\0", "%2e%2e/outside/secret", "",
        "../runs/good", "outside/secret",
    ],
)  # fmt: skip
def test_no_key_leads_out_of_the_folder(key: str, board: Dashboard, folder: Path) -> None:
    """Encoded once, twice, or not at all; and as an absolute path."""
    keys = {key, str(folder / key).replace("\0", ""), str(folder.parent / "outside/secret")}
    for one in keys:
        for encoded in {quote(one, safe=""), quote(quote(one, safe=""), safe="")}:
            for path in ("/api/run", "/api/findings", "/api/stream", "/stored"):
                assert board.ask(f"{path}?run={encoded}")[0] == 404
            assert board.ask(f"/api/figure?figure=loss&run={encoded}")[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../_app.py", "/static/..%2f_app.py", "/static/%2e%2e/_app.py",
        "/static/..%5c_app.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd",
        "/static/app.css%00", "/static/", "/../../etc/passwd", "/stored/../api/runs/..",
    ],
)  # fmt: skip
def test_only_our_own_files_are_served(path: str, board: Dashboard) -> None:
    status, _, body = board.ask(path)
    assert status == 404
    assert b"root:" not in body
    assert b"import" not in body


def test_a_browser_keeps_the_files_of_a_page_until_one_of_them_changes(board: Dashboard) -> None:
    page = board.ask("/run/good")[2].decode()
    (plotly,) = re.findall(r'href="(/static/\w+/plotly\.js)"', page)
    status, headers, body = board.ask(plotly)
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert "immutable" in headers["Cache-Control"]
    assert "max-age=31536000" in headers["Cache-Control"]
    edition = plotly.split("/")[2]
    for other in (f"/static/{edition[::-1]}/plotly.js", "/static/plotly.js"):
        _, headers, same = board.ask(other)  # of a page that is open since before an update
        assert (headers["Cache-Control"], same) == ("no-cache", body)
        assert board.ask(other, {"If-None-Match": headers["ETag"]})[0] == 304
    assert board.ask(f"/static/{edition}/../app.css")[0] == 404
    assert board.ask(f"/static/{edition}/%2e%2e%2f_app.py")[0] == 404


def test_files_are_sent_compressed_to_whoever_can_take_it(board: Dashboard) -> None:
    _, plain, body = board.ask("/static/app.css")
    assert plain["Content-Encoding"] is None
    pack()
    _, headers, packed = board.ask("/static/app.css", {"Accept-Encoding": "br, gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == body
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["ETag"] != plain["ETag"]


@pytest.mark.parametrize("hangs", [False, True])
def test_files_are_compressed_once_the_runs_have_been_read(
    hangs: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or cannot be: a folder that answers to nobody holds nothing up."""
    happened: list[str] = []
    packed, ended = threading.Event(), threading.Event()
    read = Survey.read

    def reading(survey: Survey, seconds: float = 1.0) -> bool:
        if hangs:
            ended.wait(60)
        done = read(survey, seconds)
        happened.append("read")
        return done

    def packing() -> None:
        happened.append("packed")
        packed.set()

    monkeypatch.setattr(Survey, "read", reading)
    monkeypatch.setattr("backsight.ui._app.pack", packing)
    if hangs:
        monkeypatch.setattr("backsight.ui._app.PATIENCE", 0.01)
    else:
        monkeypatch.setattr("backsight.ui._app.PATIENCE", 60.0)
    with dashboard(folder):
        assert packed.wait(60)
        assert happened[-1] == "packed"
        assert ("read" in happened) is not hangs
        ended.set()


@pytest.mark.parametrize(
    "query",
    ["from=1", "from=9&to=1", "from=-1&to=5", "from=x&to=y", "until=1e9", "until=" + "9" * 40],
)
def test_a_window_that_is_none_is_one_sentence(query: str, board: Dashboard) -> None:
    status, _, body = board.ask(f"/api/figure?run=good&figure=loss&{query}")
    assert status == 400
    assert json.loads(body)["error"]


def test_no_such_figure(board: Dashboard) -> None:
    assert board.ask("/api/figure?run=good&figure=../loss")[0] == 404


def test_without_the_token_nothing_is_told(guarded: Dashboard) -> None:
    for path in ("/api/runs", "/api/run?run=good", "/api/stream", "/api/figure?run=good"):
        status, _, body = guarded.ask(path)
        assert (status, body) == (401, b"sign in first")
    for path in ("/", "/run/good%20one", "/stored?run=study&x=%26", "//evil.example/"):
        status, headers, body = guarded.ask(path)
        where, _, query = headers["Location"].partition("?next=")
        assert (status, where, unquote(query), body) == (303, "/signin", path, b"")
    assert guarded.ask("/signin")[0] == guarded.ask("/static/signin.js")[0] == 200


def test_the_token_gives_a_cookie_that_scripts_and_other_sites_cannot_use(
    guarded: Dashboard, capfd: pytest.CaptureFixture[str]
) -> None:
    bearer = {"Authorization": f"Bearer {SECRET}"}
    status, headers, _ = guarded.ask("/api/session", bearer)
    cookie = headers["Set-Cookie"]
    assert status == 200
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert SECRET not in cookie
    pair = cookie.partition(";")[0]
    assert guarded.ask("/api/runs", {"Cookie": pair})[0] == 200
    assert guarded.ask("/api/runs", {"Cookie": pair, "Host": "machine.example"})[0] == 200
    name, _, value = pair.partition("=")
    for wrong in ("", value[:-1], value[:-1] + "g", SECRET, '"', "é"):
        assert guarded.ask("/api/runs", {"Cookie": f"{name}={wrong}"})[0] == 401
    assert guarded.ask("/api/runs", {"Cookie": pair, "Origin": "http://evil.example"})[0] == 403
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    assert value not in said.out + said.err


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", f"Basic {SECRET}", f"Bearer {SECRET}x"]
)
def test_a_wrong_token_gives_no_cookie(
    given: str, guarded: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backsight.ui._app.WRONG_TOKEN", 0.0)
    status, headers, _ = guarded.ask("/api/session", {"Authorization": given})
    assert status == 403
    assert headers["Set-Cookie"] is None


def test_a_token_in_the_address_is_none(guarded: Dashboard) -> None:
    assert guarded.ask(f"/api/runs?token={quote(SECRET)}")[0] == 401


def test_another_host_needs_a_token() -> None:
    for host in ("0.0.0.0", "192.168.1.7", "::", "machine.example"):
        with pytest.raises(SettingError, match="add --token-file FILE"):
            UiSettings(host=host)
        assert UiSettings(host=host, token=SECRET).host == host
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert UiSettings(host=host).token is None


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"short\n", 0o600, "secret of at least 16"),
        (b"\n" + b"x" * 20, 0o600, "secret of at least 16"),
        (b"\xff" * 20, 0o600, "secret of at least 16"),
        (b"x" * 20, 0o644, "can be read by other users: type chmod 600"),
        (None, 0o600, "cannot be read: No such file"),
    ],
)
def test_a_token_file_that_is_none_is_one_sentence(
    content: bytes | None, mode: int, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    with pytest.raises(SettingError, match=words):
        read_token(file)


def test_the_first_line_of_a_token_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\nmore\n")
    file.chmod(stat.S_IRUSR)
    assert read_token(file) == SECRET


def test_a_dashboard_below_a_path(folder: Path) -> None:
    """As a proxy shows it, whether it takes the path away or not."""
    with dashboard(folder, root_path="/proxy/8787") as running:
        status, _, page = running.ask("/proxy/8787/run/good")
        assert status == 200
        assert b'data-root="/proxy/8787"' in page
        assert re.search(rb'src="/proxy/8787/static/[0-9a-f]{16}/run\.js"', page)
        assert running.ask("/proxy/8787/api/runs")[0] == 200
        assert running.ask("/api/runs")[0] == 200
        assert running.ask("/proxy/8787/static/app.css")[0] == 200


def test_a_busy_port_offers_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(SettingError, match=rf"port {port} is in use: type --port \d+ for"):
            bind(UiSettings(port=port))


def test_a_host_that_is_not_this_machine_is_one_sentence() -> None:
    with pytest.raises(SettingError, match=r"cannot listen at 192\.0\.2\.1: .*leave --host out"):
        bind(UiSettings(host="192.0.2.1", port=0, token=SECRET))
    with pytest.raises(SettingError, match=r"cannot listen at no\.such\.host\.invalid"):
        bind(UiSettings(host="no.such.host.invalid", port=0, token=SECRET))


def test_a_connection_that_takes_nothing_is_dropped_by_the_system() -> None:
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("Linux alone has it")
    with bind(UiSettings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_the_command_says_where_to_look_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    (tmp_path / "empty").mkdir()
    assert main(["ui", str(tmp_path / "empty"), "--port", "0", "--open"]) == 0
    said = capsys.readouterr()
    assert "is empty: make a run with backsight train chars" in said.err
    assert said.out == f"Open {opened[0]} (Ctrl-C ends it)\n"
    assert main(["ui", str(tmp_path / "none"), "--port", "0"]) == 0
    said = capsys.readouterr()
    assert "does not exist yet: make a run with backsight train chars" in said.err
    assert "Open http://127.0.0.1:" in said.out

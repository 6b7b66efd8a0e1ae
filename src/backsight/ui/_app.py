"""The routes of the dashboard: pages, what they ask for, and files of our own."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from backsight.errors import BacksightError, RunError
from backsight.report import Kept, keeping
from backsight.signals import Run, pulse
from backsight.ui._access import AccessMiddleware, TokenCheck
from backsight.ui._compare_view import compare_view
from backsight.ui._delivery import DeliveryMiddleware
from backsight.ui._figure_view import AnswerCache, figure_bytes
from backsight.ui._index import FolderIndex, RunPlace
from backsight.ui._memory import give_back
from backsight.ui._pages import Pages, shell, stored_page
from backsight.ui._panels import entry_of
from backsight.ui._run_row import Stamp, stamp_of, words_of
from backsight.ui._run_view import findings_view, run_view
from backsight.ui._settings import UiSettings
from backsight.ui._static import pack, static_file
from backsight.ui._streams import EventStreams, TooManyStreamsError
from backsight.ui._survey import Survey
from backsight.ui._wire import json_bytes

__all__ = ["create_app"]

_log = logging.getLogger("backsight.ui")

LIST_EVERY = 2.0
"""Seconds between looks at all folders while the table is open."""
RUN_EVERY = 0.15
"""Seconds between looks at a run while its page is open: its writer commits twice per second."""
ALIVE = 3.0
"""Seconds between looks whether the process that writes a run lives."""
READERS = 4
"""Answers that are made at a time; each may hold a run's signal in memory."""
PATIENCE = 5.0
"""Seconds that the files of the pages wait for the runs to be read, before they are compressed."""
TIDY = 2.0
"""Seconds after an answer, in which others may come, until memory is given back."""
MOST_COMPARED = 20
WRONG_TOKEN = 0.5
"""Seconds that a wrong token costs."""
LARGEST = (1 << 63) - 2

Handler = Callable[[Request], Awaitable[Response]]


class _ProblemError(Exception):
    """An answer that is an error, in a sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _Dashboard:
    """What all handlers share."""

    def __init__(self, settings: UiSettings) -> None:
        self.settings = settings
        self.kept = Kept()
        self.survey = Survey(FolderIndex(settings.folders), self.kept)
        self.check = TokenCheck(settings.token, settings.port) if settings.token else None
        self.streams = EventStreams()
        self.answers = AnswerCache()
        self.pages = Pages(settings.root_path)
        self._readers: anyio.CapacityLimiter | None = None
        self._judges: anyio.CapacityLimiter | None = None
        self._worked = asyncio.Event()
        """Set where anything was read since memory was given back."""

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Read all runs once, in the background, as soon as the server is up; then pack files."""
        self._readers, self._judges = anyio.CapacityLimiter(READERS), anyio.CapacityLimiter(1)
        surveyed = asyncio.create_task(self._survey_once())
        tasks = [surveyed, *map(asyncio.create_task, (self._pack_after(surveyed), self._tidy()))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self.streams.close()

    async def _survey_once(self) -> None:
        await run_in_threadpool(self.survey.find)
        while not await run_in_threadpool(self.survey.read):
            await asyncio.sleep(0)

    async def _pack_after(self, surveyed: asyncio.Task[None]) -> None:
        """The first table comes first; but a folder that takes long, or fails, holds nothing up."""
        await asyncio.wait([surveyed], timeout=PATIENCE)
        await run_in_threadpool(pack)

    async def _tidy(self) -> None:
        while True:
            await self._worked.wait()
            await asyncio.sleep(TIDY)
            self._worked.clear()
            await run_in_threadpool(give_back)

    async def work(self, function: Callable[[], bytes], *, long: bool = False) -> bytes:
        """Call it in a thread, few at a time; what takes long one at a time, beside the others.

        Raises:
            BacksightError: a run cannot be read.
            _ProblemError: anything else: a mistake of ours, which is logged.
        """
        self._worked.set()
        try:
            limiter = self._judges if long else self._readers
            return await anyio.to_thread.run_sync(function, limiter=limiter)
        except (BacksightError, _ProblemError):
            raise
        except Exception as error:
            _log.warning("backsight: an answer failed", exc_info=True)
            raise _ProblemError(500, f"this cannot be shown: {words_of(error)}") from error

    def look(self) -> str:
        """The version of the table."""
        self.survey.find()
        self.survey.read()
        return str(self.survey.version)

    def place(self, key: str, *kinds: str) -> RunPlace:
        """The folder of that key.

        Raises:
            _ProblemError: there is none, or one of another kind.
        """
        try:
            return self._known(key, kinds)
        except KeyError:
            self.survey.find()  # it may be new
        try:
            return self._known(key, kinds)
        except KeyError:
            raise _ProblemError(
                404,
                f"there is no run {key!r} in the folders that are shown: it was removed or renamed",
            ) from None

    def _known(self, key: str, kinds: tuple[str, ...]) -> RunPlace:
        found = self.survey.index[key]
        if found.kind not in (kinds or ("run",)) or not found.path.is_dir():
            raise KeyError(key)
        return found

    # What pages ask for.

    async def runs(self, request: Request) -> Response:
        """The rows of the table that have changed since a version."""
        since = _number(request, "since") or 0

        def rows() -> bytes:
            if since == 0:
                self.survey.find()
            return self.survey.since(since)

        return _json(request, await self.work(rows))

    async def run(self, request: Request) -> Response:
        """All about a run but its figures and findings."""
        place = await run_in_threadpool(self.place, _key(request))

        def viewed() -> bytes:
            news = _look_at(place)()  # before anything is read, so that it tells of no more
            run = Run(place.path)
            if run.status == "running":
                view = json_bytes({**run_view(run, self.kept), "study": place.study})
            else:
                view = self.answers.get(
                    ("run", place.path),
                    (stamp_of(place.path), run.status, place.study),
                    lambda: json_bytes({**run_view(run, self.kept), "study": place.study}),
                )
            return json_bytes({"news": news, "now": time.time()})[:-1] + b", " + view[1:]

        return _json(request, await self.work(viewed))

    async def findings(self, request: Request) -> Response:
        """The findings of a run; with ``thorough=1`` it is judged where nobody has yet."""
        place = await run_in_threadpool(self.place, _key(request))
        wanted = request.query_params.get("thorough") == "1"

        def judged() -> bytes:
            run = Run(place.path)
            thorough = wanted and run.status != "running"
            return self.answers.get(
                ("findings", place.path, thorough),
                (stamp_of(place.path), run.status),
                lambda: json_bytes(findings_view(run, thorough=thorough)),
            )

        return _json(request, await self.work(judged, long=wanted))

    async def figure(self, request: Request) -> Response:
        """A figure of a run."""
        place = await run_in_threadpool(self.place, _key(request))
        entry = entry_of(request.query_params.get("figure", ""))
        if entry is None:
            raise _ProblemError(404, "there is no such figure")
        first, last, until = (_number(request, name) for name in ("from", "to", "until"))
        if (first is None) != (last is None) or (
            first is not None and last is not None and first > last
        ):
            raise _ProblemError(400, "from and to must be two iterations in order")

        def drawn() -> bytes:
            return self.answers.get(
                (entry.key, place.path, first, last, until),
                stamp_of(place.path),
                lambda: figure_bytes(place.path, entry, first, last, until),
            )

        def kept() -> bytes:
            with keeping(self.kept):
                return drawn()

        return _json(request, await self.work(kept))

    async def compare(self, request: Request) -> Response:
        """Several runs side by side, in the order in which they are named."""
        keys = request.query_params.getlist("run")
        if not 2 <= len(keys) <= MOST_COMPARED:
            raise _ProblemError(400, f"a comparison takes 2 to {MOST_COMPARED} runs")
        places = [await run_in_threadpool(self.place, key) for key in keys]

        def compared() -> bytes:
            paths = [place.path for place in places]
            return self.answers.get(
                ("compare", *paths),
                tuple(stamp_of(path) for path in paths),
                lambda: json_bytes(compare_view(paths, keys)),
            )

        return _json(request, await self.work(compared))

    async def stream(self, request: Request) -> Response:
        """Events: of the table, or of a run."""
        try:
            if "run" in request.query_params:
                place = await run_in_threadpool(self.place, _key(request))
                look = _look_at(place)
                events = self.streams.listen(f"run {place.key}", look, RUN_EVERY)
            else:
                events = self.streams.listen("runs", self.look, LIST_EVERY)
        except TooManyStreamsError:
            raise _ProblemError(503, "too many pages are open: close some") from None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def session(self, request: Request) -> Response:
        """Give a browser that knows the token the cookie."""
        if self.check is None:
            return PlainTextResponse("no token is needed")
        if not self.check.is_bearer(request.headers):
            await asyncio.sleep(WRONG_TOKEN)
            raise _ProblemError(403, "this is not the token")
        response = PlainTextResponse("welcome", headers={"Cache-Control": "no-store"})
        response.set_cookie(
            self.check.cookie, self.check.session, httponly=True, samesite="strict",
            path=self.settings.root_path or "/", secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    # Pages and files.

    async def page(self, request: Request) -> Response:
        """The frame of a page, which its script fills."""
        return shell(self.pages, request.scope["path"])

    async def static(self, request: Request) -> Response:
        """A file of our own, or plotly.js."""
        return static_file(request, **request.path_params)

    async def stored(self, request: Request) -> Response:
        """The page that a study or a map wrote."""
        place = await run_in_threadpool(self.place, _key(request), "study", "map")
        return await run_in_threadpool(stored_page, place)


def create_app(settings: UiSettings) -> Starlette:
    """The dashboard as an ASGI application.

    Args:
        settings: which folders it shows, and to whom.

    Example:
        >>> from pathlib import Path
        >>> from backsight.ui import UiSettings, create_app
        >>> app = create_app(UiSettings((Path("runs"),)))
        >>> sorted(route.path for route in app.routes)[:2]
        ['/', '/api/compare']
    """
    board = _Dashboard(settings)
    pages = ("/", "/run/{key:path}", "/study/{key:path}", "/compare", "/signin")
    asked: dict[str, Handler] = {
        "/api/runs": board.runs,
        "/api/run": board.run,
        "/api/findings": board.findings,
        "/api/figure": board.figure,
        "/api/compare": board.compare,
        "/api/stream": board.stream,
        "/api/session": board.session,
        "/stored": board.stored,
        "/static/{name}": board.static,
        "/static/{wanted}/{name}": board.static,
    }
    routes = [Route(path, handler) for path, handler in asked.items()]
    routes += [Route(path, board.page) for path in pages]
    return Starlette(
        routes=routes,
        lifespan=board.lifespan,
        middleware=[
            Middleware(DeliveryMiddleware),
            Middleware(AccessMiddleware, settings=settings, check=board.check),
        ],
        exception_handlers={
            _ProblemError: _told,
            BacksightError: _told,
            404: _not_found,
        },
    )


def _look_at(place: RunPlace) -> Callable[[], str]:
    """What is recorded in a run, what its writer does, and when it last wrote.

    The last word alone changes twice per second while nothing is recorded.
    """
    last: tuple[Stamp, str, float] | None = None
    run: Run | None = None

    def look() -> str:
        nonlocal last, run
        stamp, now = stamp_of(place.path), time.monotonic()
        # A run that has ended stays as it is; the process of another is looked for now and then.
        if last is not None and stamp == last[0] and (" running " not in last[1] or now < last[2]):
            return last[1]
        files: object
        try:
            if run is None or last is None or stamp[0] != last[0][0]:  # run.json was replaced
                run = Run(place.path)
            told = pulse(run)
            files = stamp if told.recorded is None else (stamp[0], told.recorded)
            status, written = told.status, told.heartbeat
        except RunError:
            run, files, status, written = None, stamp, "broken", None
        what = sha256(repr(files).encode()).hexdigest()[:16]
        last = stamp, f"{what} {status} {written or 0.0}", now + ALIVE
        return last[1]

    return look


async def _told(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, _ProblemError) else 422
    return Response(json_bytes({"error": str(error)}), status, media_type="application/json")


async def _not_found(_: Request, __: Exception) -> Response:
    return PlainTextResponse("there is no such page: / shows all runs", 404)


def _json(request: Request, body: bytes) -> Response:
    """With a tag by which a browser asks whether it has changed."""
    tag = f'"{sha256(body).hexdigest()[:24]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type="application/json", headers={"ETag": tag})


def _key(request: Request) -> str:
    return request.query_params.get("run", "")


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 19 or int(given) > LARGEST:
        raise _ProblemError(400, f"{name} must be a whole number of at least 0")
    return int(given)

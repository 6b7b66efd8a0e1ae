"""Who may ask, and what every answer says to the browser.

A page of another site can make a browser ask this machine (a cross-site request), or give its own
name our address (DNS rebinding). The first is told by ``Origin`` and ``Sec-Fetch-Site``, the second
by ``Host``: it must name this machine, unless a token protects the pages anyway.
"""

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backsight.ui._settings import UiSettings, is_loopback

__all__ = ["PAGE_POLICY", "STORED_PAGE_POLICY", "AccessMiddleware", "TokenCheck"]

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # plotly.js places what it draws by style attributes and a style element of its own.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Of our own pages: no script but ours, and no address but ours."""

STORED_PAGE_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-downloads",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Of a page that a study wrote, and that anybody may have put there: its scripts run in an origin
of their own, from which they reach neither us nor the network."""

OPEN_PATHS = ("/signin", "/api/session")
"""What can be seen without a token, beside our own files below ``/static/``."""


class TokenCheck:
    """Knows a token, and the cookie that stands for it.

    Args:
        token: the secret.
        port: told in the cookie's name: browsers send a cookie to all ports of a machine.
    """

    def __init__(self, token: str, port: int) -> None:
        self._token = token.encode()
        self.cookie = f"backsight_{port}"
        self.session = hmac.new(self._token, b"backsight ui session", hashlib.sha256).hexdigest()
        """The cookie's value, which does not reveal the token."""

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether the request has the cookie, or the token itself as a bearer."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        given = cookies.get(self.cookie)
        if given is not None and _same(given.value.encode(), self.session.encode()):
            return True
        return self.is_bearer(headers)

    def is_bearer(self, headers: Mapping[str, str]) -> bool:
        """Whether the header ``Authorization`` has the token."""
        kind, _, word = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and _same(word.strip().encode("latin-1"), self._token)


def _same(given: bytes, known: bytes) -> bool:
    """In a time that does not tell how much of it is right."""
    return hmac.compare_digest(given, known)


class AccessMiddleware:
    """Refuses what must not be answered, and adds the headers that guard a page."""

    def __init__(self, app: ASGIApp, settings: UiSettings, check: TokenCheck | None) -> None:
        self._app, self._settings, self._check = app, settings, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no web sockets here

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", PAGE_POLICY)
                headers.setdefault("Cache-Control", "no-cache")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        scope = _below(scope, self._settings.root_path)
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path: str = scope["path"]
        query = scope["query_string"].decode("latin-1")
        if scope["method"] not in ("GET", "HEAD"):
            words = "this server only shows: it answers GET and HEAD"
            return PlainTextResponse(words, 405, {"Allow": "GET, HEAD"})
        hosts = headers.getlist("host")
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or (self._check is None and not is_loopback(name)):
            return PlainTextResponse(
                "this address is not served: open it as localhost or 127.0.0.1, or start "
                "backsight ui with --token-file",
                421,
            )
        if any(urlsplit(origin).netloc != hosts[0] for origin in headers.getlist("origin")):
            return PlainTextResponse("pages of other sites are not answered", 403)
        within = headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        if not within and headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("pages of other sites are not answered", 403)
        is_open = path in OPEN_PATHS or path.startswith("/static/")
        if self._check is None or is_open or self._check.knows(headers):
            return None
        if path.startswith("/api/"):
            return PlainTextResponse("sign in first", 401, {"WWW-Authenticate": "Bearer"})
        root = self._settings.root_path
        # What stands behind a # in the address stays with the browser, which adds it again.
        wanted = urlencode({"next": root + quote(path) + ("?" if query else "") + query})
        return Response(status_code=303, headers={"Location": f"{root}/signin?{wanted}"})


def _host_name(host: str) -> str | None:
    """The name or address in ``Host``, without the port; None where it is no such thing."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname if parts.netloc == host and parts.port != 0 else None
    except ValueError:
        return None


def _below(scope: Scope, root: str) -> Scope:
    """The request without the path that a proxy puts before ours, if it left that there."""
    path: str = scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        return {**scope, "path": path[len(root) :] or "/"}
    return scope

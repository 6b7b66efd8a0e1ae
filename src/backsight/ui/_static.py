"""The files that pages load: our own, and plotly.js from the installed package.

A page names them below an edition, which differs wherever any of them does. So a browser keeps them
without asking again, and with them what it has compiled of plotly.js.
"""

import functools
import gzip
import json
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata, resources

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

__all__ = ["edition", "pack", "static_file"]

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

PLOTLY = "plotly.js"

LEVEL = 6
"""Of compression: plotly.js takes 1.5 MB of 4.9, for a quarter of a second once."""

FOR_EVER = "public, max-age=31536000, immutable"
"""A year, as long as there is."""


@dataclass(slots=True)
class _File:
    """What is served under a name."""

    content: bytes
    kind: str
    tag: str
    packed: bytes | None = None
    """Compressed, as soon as somebody has had the time."""


@functools.cache
def edition() -> str:
    """Names the content of all files. Cheap: of plotly.js, the version is looked at."""
    found = sha256(metadata.version("plotly").encode())
    for name, content in sorted(_own().items()):
        found.update(name.encode() + content)
    return found.hexdigest()[:16]


def static_file(request: Request, name: str, wanted: str | None = None) -> Response:
    """One of the files, by its exact name.

    Args:
        request: what was asked.
        name: of the file.
        wanted: the edition that the address names. A page of another one, which is open since
            before an update, gets the file as it is now.
    """
    file = _files().get(name)
    if file is None:
        return PlainTextResponse("there is no such file", 404)
    kept = FOR_EVER if wanted == edition() else "no-cache"
    takes = ",".join(request.headers.getlist("accept-encoding"))
    packed = file.packed if "gzip" in takes else None
    tag = file.tag if packed is None else f'{file.tag[:-1]}-gzip"'
    headers = {"ETag": tag, "Cache-Control": kept, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if packed is None:
        return Response(file.content, media_type=file.kind, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(packed, media_type=file.kind, headers=headers)


def pack() -> None:
    """Compress all files: the way to a browser may be a slow one, as through ssh."""
    for file in _files().values():
        file.packed = file.packed or gzip.compress(file.content, LEVEL, mtime=0)


@functools.cache
def _own() -> dict[str, bytes]:
    """Our own, by name."""
    folder = resources.files("backsight.ui").joinpath("static")
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in TYPES
    }


@functools.cache
def _files() -> dict[str, _File]:
    """All of them, by name."""
    from plotly.offline import get_plotlyjs

    found = {**_own(), PLOTLY: get_plotlyjs().encode()}
    return {
        name: _File(
            content,
            TYPES[name.rpartition(".")[2]],
            json.dumps(sha256(content).hexdigest()[:24]),
        )
        for name, content in found.items()
    }

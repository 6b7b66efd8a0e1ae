"""What every page is made with: a template, figures in it, and a file that is whole or absent."""

from base64 import b64encode
from functools import cache
from gzip import compress
from pathlib import Path, PurePath
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from backsight._printable import printable
from backsight.errors import RunError
from backsight.signals import write_atomically

__all__ = ["SCRIPT", "embedded", "fill", "packed_script", "render", "write_script", "write_whole"]

SCRIPT = f"plotly-{get_plotlyjs_version()}.min.js"
"""Where a light page finds Plotly: beside it."""


@cache
def packed_script() -> str:
    """Plotly's own script, compressed, in letters: 1.9 MB in place of 4.8."""
    return b64encode(compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def write_script(folder: Path) -> None:
    """Put Plotly beside a light page, unless it is there.

    Raises:
        RunError: it cannot be written.
    """
    content = get_plotlyjs().encode()
    beside = folder / SCRIPT
    try:
        if not beside.is_file() or beside.stat().st_size != len(content):
            write_atomically(beside, content)
    except OSError as error:
        raise RunError(f"cannot write {beside}: {error.strerror or error}") from error


def fill(template: str, **values: Any) -> str:
    """A ``template`` of this room with its values, which may be anything: they are escaped."""
    environment = Environment(
        loader=PackageLoader("backsight.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    return environment.get_template(template).render(**values)


def render(template: str, *, light: bool = False, **values: Any) -> str:
    """A page of this room's ``template``, with all of Plotly inside, or beside a light one."""
    script = {"beside": SCRIPT} if light else {"packed": Markup(packed_script())}
    return fill(template, script=script, **values)


def _harmless(value: Any) -> Any:
    """A text as it stands, with what would turn its direction of writing as an escape."""
    is_text = isinstance(value, (str, PurePath)) and not isinstance(value, Markup)
    return printable(value, keep="\n\t") if is_text else value


def embedded(figure: go.Figure, key: str) -> Markup:
    """A figure as a part of the page, which the page's script draws."""
    content = str(figure.to_json()).replace("<", "\\u003c")  # whatever it says ends no element
    return Markup(
        f'<div id="plot-{key}" style="min-height:{figure.layout.height or 340}px"></div>\n'
        f'<script type="application/json" data-plot="plot-{key}">{content}</script>'
    )


def write_whole(out: Path, page: str) -> Path:
    """Write it and return its path; what stood there stays until the new one is complete.

    Raises:
        RunError: it cannot be written.
    """
    try:
        write_atomically(out, page.encode(errors="backslashreplace"))  # no UTF-8: in a path
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from error
    return out

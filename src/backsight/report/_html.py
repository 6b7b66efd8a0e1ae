"""What every page is made with: a template, figures in it, and a file that is whole or absent."""

from pathlib import Path, PurePath
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backsight._printable import printable
from backsight.errors import RunError
from backsight.signals import write_atomically

__all__ = ["embedded", "render", "write_whole"]

PLOT = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def render(template: str, **values: Any) -> str:
    """A page of this room's ``template``, with all of Plotly inside."""
    environment = Environment(
        loader=PackageLoader("backsight.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    return environment.get_template(template).render(
        plotly=Markup(f"<script>{get_plotlyjs()}</script>"), **values
    )


def _harmless(value: Any) -> Any:
    """A text as it stands, with what would turn its direction of writing as an escape."""
    is_text = isinstance(value, (str, PurePath)) and not isinstance(value, Markup)
    return printable(value, keep="\n\t") if is_text else value


def embedded(figure: go.Figure, key: str) -> Markup:
    """A figure as a part of the page."""
    html = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=f"plot-{key}", config=PLOT
    )
    return Markup(html)


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

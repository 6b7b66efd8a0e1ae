"""One self-contained HTML page about a stability map."""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backsight.errors import RunError
from backsight.report.figures import MapView, map_growth, map_loss, map_outcomes

__all__ = ["write_map_page"]

PLOT = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}

Row = tuple[str, str]


def write_map_page(
    view: MapView,
    out: Path,
    *,
    title: str,
    about: str,
    tiles: Sequence[tuple[str, str, str]],
    sentences: Sequence[str],
    settings: Sequence[Row],
    definitions: Sequence[Row],
    commands: Sequence[Row] = (),
) -> Path:
    """Write the page and return its path.

    Args:
        view: what to draw.
        out: the file.
        title: of the page.
        about: what is mapped, in a line.
        tiles: the numbers to see first: value, what it is, a note.
        sentences: what came out.
        settings: what was the same everywhere, by name.
        definitions: what the words on the page mean.
        commands: what to type next, by what it is for.

    Raises:
        RunError: the page cannot be written.
    """
    template = files("backsight.report").joinpath("_map.html.jinja").read_text(encoding="utf-8")
    page = (
        Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(
            title=title,
            about=about,
            tiles=tiles,
            sentences=sentences,
            outcomes=_embedded(map_outcomes(view), "outcomes"),
            loss=_embedded(map_loss(view), "loss"),
            growth=_embedded(map_growth(view), "growth"),
            settings=settings,
            definitions=definitions,
            commands=commands,
            plotly=Markup(get_plotlyjs()),
        )
    )
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return out


def _embedded(figure: go.Figure, key: str) -> Markup:
    html = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=f"plot-{key}", config=PLOT
    )
    return Markup(html)

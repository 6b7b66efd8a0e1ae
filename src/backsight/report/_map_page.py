"""One self-contained HTML page about a stability map."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backsight.report._html import embedded, render, write_whole
from backsight.report.figures import MapView, map_growth, map_loss, map_outcomes

__all__ = ["write_map_page"]

TableRow = tuple[str, str]


def write_map_page(
    view: MapView,
    out: Path,
    *,
    title: str,
    about: str,
    tiles: Sequence[tuple[str, str, str]],
    sentences: Sequence[str],
    settings: Sequence[TableRow],
    definitions: Sequence[TableRow],
    commands: Sequence[TableRow] = (),
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

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from backsight.report import write_map_page
        >>> from backsight.report.figures import MapAxis, MapView
        >>> x, y = MapAxis("lr", (0.01, 0.1), "log"), MapAxis("gain", (0.5, 1.0), "linear")
        >>> numbers = np.array([[0.1, 0.2], [0.3, 0.4]])
        >>> kinds = np.zeros((2, 2), int)
        >>> view = MapView(x, y, ("learned",), kinds, loss=numbers, growth=-numbers, chance=1.0)
        >>> page = write_map_page(
        ...     view, Path("map.html"), title="Echo", about="two rates, two gains", tiles=[],
        ...     sentences=[], settings=[], definitions=[],
        ... )
        >>> "two gains" in page.read_text(encoding="utf-8")
        True
    """
    page = render(
        "_map.html.jinja",
        title=title,
        about=about,
        tiles=tiles,
        sentences=sentences,
        outcomes=embedded(map_outcomes(view), "outcomes"),
        loss=embedded(map_loss(view), "loss"),
        growth=embedded(map_growth(view), "growth"),
        has_path=any(row is not None for row in view.path),
        has_box=view.box is not None and "list" not in (view.x.spacing, view.y.spacing),
        is_broken="not finite" in view.kinds
        and bool((view.outcomes == view.kinds.index("not finite")).any()),
        lacks_growth=not bool(np.isfinite(view.growth).all()),
        settings=settings,
        definitions=definitions,
        commands=commands,
    )
    return write_whole(out, page)

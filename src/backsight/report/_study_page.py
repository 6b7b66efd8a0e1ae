"""One self-contained HTML page about a study: a verdict, pictures, a table, settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go

from backsight.report._html import embedded, render, write_whole

__all__ = ["StudyFigure", "StudyPage", "write_study_page"]


@dataclass(frozen=True, slots=True)
class StudyFigure:
    """A picture on the page.

    Example:
        >>> from backsight.report import StudyFigure
        >>> from backsight.report.figures import Strip, strips
        >>> figure = strips([Strip("clip", [0.1, 0.3])], x="loss saved")
        >>> StudyFigure("effects", "What each remedy saves", "A dot is a seed.", figure).key
        'effects'
    """

    key: str
    title: str
    reading: str
    """How to read it, in a sentence or two."""
    figure: go.Figure


@dataclass(frozen=True, slots=True)
class StudyPage:
    """What the page about a study holds; any kind of study fills one.

    Example:
        >>> from backsight.report import StudyPage
        >>> page = StudyPage(
        ...     title="Echo", kind="length study", tiles=[], verdicts=[], figures=[],
        ...     columns=["length", "loss"], rows=[["10", "0.1"], ["20", "2.1"]], table_reading="",
        ...     failed=[], settings=[("task", "echo")], footer="",
        ... )
        >>> len(page.rows), page.kind
        (2, 'length study')
    """

    title: str
    kind: str
    """``length study``."""
    tiles: Sequence[tuple[str, str, str]]
    """Value, what it is, a note."""
    verdicts: Sequence[tuple[str, str]]
    """Severity (``error``, ``warning``, ``info``), and the sentence."""
    figures: Sequence[StudyFigure]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The table, a text a column."""
    table_reading: str
    failed: Sequence[tuple[str, str]]
    """Trials without a result, and why."""
    settings: Sequence[tuple[str, str]]
    footer: str


def write_study_page(out: Path, page: StudyPage) -> Path:
    """Write the page and return its path.

    Raises:
        RunError: it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from backsight.report import StudyPage, write_study_page
        >>> page = StudyPage(
        ...     title="Echo", kind="length study", tiles=[], verdicts=[], figures=[],
        ...     columns=["length", "loss"], rows=[["10", "0.1"], ["20", "2.1"]], table_reading="",
        ...     failed=[], settings=[("task", "echo")], footer="",
        ... )
        >>> "Echo" in write_study_page(Path("report.html"), page).read_text(encoding="utf-8")
        True
    """
    figures = [(figure, embedded(figure.figure, figure.key)) for figure in page.figures]
    return write_whole(out, render("_study_page.html.jinja", page=page, figures=figures))

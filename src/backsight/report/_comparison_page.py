"""One self-contained HTML page about several runs side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from backsight.diagnosis import Parting, parting_words
from backsight.report._comparison import ComparedRun, RunComparison
from backsight.report._fitting import fitting
from backsight.report._html import embedded, render, write_whole
from backsight.report._numbers import duration, number
from backsight.report._settings_table import (
    ABSENT,
    DifferingSetting,
    setting_words,
    telling_settings,
)
from backsight.report._strip_data import StripReach
from backsight.report.figures import overlay, overlay_members, overlay_profiles, run_style
from backsight.signals import Run

__all__ = ["comparison_values", "write_comparison"]

LINES = {"solid": "none", "dash": "9 5", "dot": "3 3", "dashdot": "9 4 2 4"}
"""Plotly's dashes, as SVG draws them."""

STROKES = {"#57606a": "var(--quiet)"}
"""What a dark page shows in another colour, as its figures do."""

SIGNALS = 24
"""Rows of a table of signals, at the most."""


@dataclass(frozen=True, slots=True)
class _Overlay:
    """A figure of the page: its family of signals, and how to read it."""

    family: str
    title: str
    y: str
    reading: str
    log: bool | None = None
    mode: str = "lines"
    whole: bool = False
    """Whether members are parameters, and only those of a whole model are drawn."""

    @property
    def key(self) -> str:
        """Of the figure on the page."""
        return self.family.replace("_", "-")


REACH = _Overlay("reach", "Reach of the gradient", "R",
                 "The last sample of each run, relative to lag 0.")  # fmt: skip

FLOOR = 1e-6
"""Of the largest reach: what is below leaves the picture."""

OVERLAYS = (
    _Overlay("loss", "Loss", "loss", "The loss that each training minimises."),
    _Overlay("val_loss", "Validation loss", "loss", "The loss on held-out data.",
             mode="lines+markers"),
    _Overlay("grad_norm", "Gradient norm", "gradient norm", "Before any clipping.", log=True,
             whole=True),
    _Overlay("grad_norm_applied", "Gradient norm as applied", "gradient norm",
             "As the optimizer used it: after clipping, where there is any.", log=True),
    _Overlay("horizon", "Horizon of the gradient", "steps",
             "How far back the gradient reaches: the last lag with at least 1 % of what the "
             "strongest earlier step gets."),
    REACH,
    _Overlay("hidden_norm_mean", "Hidden-state norm", "‖h‖", "The mean over the batch."),
    _Overlay("lr", "Learning rate", "learning rate", "As the optimizer used it."),
    _Overlay("spectral_radius", "Spectral radius", "spectral radius",
             "Of the recurrent matrix. Well below 1 a tanh network forgets fast."),
)  # fmt: skip


def write_comparison(compared: RunComparison, out: Path | str) -> Path:
    """Write the page and return its path.

    Args:
        compared: the runs.
        out: the file to write.

    Raises:
        RunError: a run cannot be read, or the page cannot be written.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare, write_comparison
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     with Recorder(f"runs/{name}", config={"lr": rate}) as recorder:
        ...         recorder.series("loss", [0, 1], [2.0, rate])
        >>> compared = compare([Run("runs/one"), Run("runs/two")])
        >>> page = write_comparison(compared, "comparison.html")
        >>> "lr=0.2" in page.read_text(encoding="utf-8")
        True
    """
    runs = [one.run for one in compared.runs]
    labels = [one.label for one in compared.runs]
    shown: list[_Overlay] = []

    def draw() -> list[Markup]:
        figures = list(_figures(runs, labels))
        shown[:] = [one for one, _ in figures]
        return [embedded(figure, one.key) for one, figure in figures]

    drawn = fitting(draw)
    page = render(
        "_comparison.html.jinja",
        **_words(compared),
        figures=[
            {"key": one.key, "title": one.title, "reading": one.reading, "html": html}
            for one, html in zip(shown, drawn, strict=True)
        ],
    )
    return write_whole(Path(out), page)


def comparison_values(compared: RunComparison) -> dict[str, Any]:
    """What a page about several runs shows: words and numbers as texts, and figures.

    Args:
        compared: the runs.

    Raises:
        RunError: a run cannot be read.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare, comparison_values
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     with Recorder(f"runs/{name}", config={"lr": rate}) as recorder:
        ...         recorder.series("loss", [0, 1], [2.0, rate])
        >>> values = comparison_values(compare([Run("runs/one"), Run("runs/two")]))
        >>> values["settings"], [figure["title"] for figure in values["figures"]]
        ([('lr', ['0.1', '0.2'])], ['Loss'])
    """
    runs = [one.run for one in compared.runs]
    labels = [one.label for one in compared.runs]
    figures = [
        {"key": one.key, "title": one.title, "reading": one.reading, "figure": figure}
        for one, figure in _figures(runs, labels)
    ]
    return {**_words(compared), "figures": figures}


def _words(compared: RunComparison) -> dict[str, Any]:
    """All but the figures."""
    headings, outcomes = _outcomes(compared.runs)
    own = [one for one in compared.settings if not one.environment]
    return {
        "title": _title([one.run for one in compared.runs]),
        "differ": [one.name for one in telling_settings(own)],
        "runs": [
            _row(number, one, outcome)
            for number, (one, outcome) in enumerate(zip(compared.runs, outcomes, strict=True))
        ],
        "outcome_headings": headings,
        "findings": [
            (f"{row.code} {row.title}", [_at(at) for at in row.iterations])
            for row in compared.findings
        ],
        "shared": sorted({f.code for f in compared.runs[0].diagnosis.lasting}),
        "settings": _cells(own),
        "environment": _cells([one for one in compared.settings if one.environment]),
    }


def _title(runs: Sequence[Run]) -> str:
    names = [run.name for run in runs]
    return " and ".join(names) if len(names) == 2 else f"{names[0]} and {len(names) - 1} more"


def _row(place: int, one: ComparedRun, outcome: list[str]) -> dict[str, Any]:
    style = run_style(place)
    stroke = STROKES.get(style["color"], style["color"])
    row: dict[str, Any] = {
        "name": one.run.name,
        "path": str(one.run.path),
        "label": one.label,
        "style": {
            "dashes": LINES[style["dash"]],
            "stroke": stroke,
        },
        "outcome": outcome,
        "exact": None,
    }
    found = one.difference
    if found is None:
        return row
    exact, far = found.exact, found.beyond_noise
    row["exact"] = "nothing: they are the same, bit for bit"
    if not found.signals:
        row["exact"] = "they have no signal in common"
    elif exact is not None and exact.exact is not None:
        row["exact"] = f"{exact.name}: {parting_words(exact.exact)}"
    row["beyond"] = "nothing"
    if far is not None and far.beyond_noise is not None:
        row["beyond"] = f"{far.name}: {parting_words(far.beyond_noise)}"
    parted = [signal for signal in found.signals if signal.exact is not None]
    row["signals"] = [
        (s.name, f"{s.common:,}", _from(s.exact), _from(s.beyond_noise)) for s in parted[:SIGNALS]
    ]
    row["lacks"] = " ".join(
        _lacks(found.only_first, "the first run")
        + _lacks(found.only_other, "this run")
        + ([f"{len(parted) - SIGNALS:,} more signals differ."] if len(parted) > SIGNALS else [])
    )
    return row


def _lacks(names: Sequence[str], who: str) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
    return [f"Only {who} has {', '.join(names[:6])}{more}."]


def _from(parting: Parting | None) -> str:
    return ABSENT if parting is None else f"{parting.iteration:,}"


def _at(iteration: int | None) -> str:
    return ABSENT if iteration is None else f"{iteration:,}"


def _cells(settings: Sequence[DifferingSetting]) -> list[tuple[str, list[str]]]:
    return [(one.name, [setting_words(value) for value in one.values]) for one in settings]


def _outcomes(runs: Sequence[ComparedRun]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells; a column in which no run has anything is left out."""
    columns: dict[str, list[str]] = {}
    for one in runs:
        told = one.strip
        cells = {"state": told.state, "iterations": f"{told.iterations:,}"}
        cells["duration"] = duration(one.run.duration)
        if len(told.losses) == 1:
            loss = told.losses[0]
            cells["last loss"] = number(loss.value)
            cells["median of the last 100"] = number(loss.recent)
            if loss.guess is not None:
                cells["guess"] = number(loss.guess)
        if one.run.members("val_loss", profile=False) == ("val_loss",):
            cells["validation loss"] = number(one.run.last("val_loss")[1])
        if told.gradients:
            broken = sum(gradient.curve.not_finite for gradient in told.gradients)
            cells["gradients not finite"] = f"{broken:,}"
        if told.reaches:
            cells["horizon, of steps in the window"] = "; ".join(map(_far, told.reaches))
        cells["lasting findings"] = (
            ", ".join(dict.fromkeys(lead.code for lead in one.diagnosis.leads)) or "none"
        )
        for name, cell in cells.items():
            columns.setdefault(name, [ABSENT] * len(runs))[runs.index(one)] = cell
    return ["run", *columns], [list(cells) for cells in zip(*columns.values(), strict=True)]


def _far(reach: StripReach) -> str:
    if reach.horizon is None:
        return reach.outcome
    return f"{'≥ ' * reach.censored}{reach.horizon} of {reach.earlier}"


def _figures(runs: Sequence[Run], labels: Sequence[str]) -> Iterator[tuple[_Overlay, go.Figure]]:
    for one in OVERLAYS:
        names = overlay_members(runs, one.family, profile=one is REACH)
        if one.whole:
            names = tuple(name for name in names if name == one.family)
        if names and one is REACH:
            yield one, overlay_profiles(runs, labels, names, one.y, "lag: steps back", FLOOR)
        elif names:
            yield one, overlay(runs, labels, names, one.y, log=one.log, mode=one.mode)

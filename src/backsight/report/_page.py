"""One self-contained HTML page about a run: words, pictures, samples, settings."""

import math
from collections.abc import Collection
from pathlib import Path

from backsight.diagnosis import diagnose, timeline
from backsight.report._findings import cards, lacking
from backsight.report._fitting import fitting
from backsight.report._html import embedded, render, write_script, write_whole
from backsight.report._interventions import intervention_rows
from backsight.report._numbers import finite_values
from backsight.report._run_facts import provenance_rows, setting_rows, text_samples
from backsight.report._summary import (
    duration,
    last_score,
    median,
    number,
    setup,
    summary,
)
from backsight.report._task_summary import is_memory, memory_tiles
from backsight.report.figures import FIGURES
from backsight.report.figures import timeline as draw_timeline
from backsight.signals import Run

__all__ = ["write_report"]


IN_HEADING = ("command", "script", "arguments")
"""What the command line says already."""


def write_report(
    run: Run | Path | str,
    out: Path | str | None = None,
    *,
    rejudge: bool = False,
    light: bool = False,
    ignored: Collection[str] = (),
) -> Path:
    """Write the page about ``run`` and return its path.

    The page has at most 6 MB: the curves of a run with very many signals are thinned further.

    Args:
        run: a run, or its folder.
        out: the file to write; ``report.html`` in the run folder by default.
        rejudge: judge the recorded signals again, whatever verdict the run holds.
        light: leave the script that draws the figures out of the page, and write it beside the
            page; several pages in a folder share it.
        ignored: codes of findings to leave out; the page names them.

    Raises:
        RunError: the run cannot be read, or the page cannot be written.

    Example:
        >>> from backsight import Recorder, write_report
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0 - i / 100 for i in range(100)])
        >>> write_report("runs/mine").as_posix()
        'runs/mine/report.html'
    """
    run = run if isinstance(run, Run) else Run(run)
    out = run.path / "report.html" if out is None else Path(out)
    with run.moment():
        page = _render(run, rejudge, light=light, ignored=ignored)
    if light:
        write_script(out.parent)
    return write_whole(out, page)


def _render(run: Run, rejudge: bool, *, light: bool, ignored: Collection[str]) -> str:
    found = diagnose(run, rejudge=rejudge).without(ignored)
    chain = timeline(run, found)
    entries = [entry for entry in FIGURES if entry.is_drawn(run)]
    drawn = fitting(lambda: [embedded(one.draw(run), one.key) for one in entries], light=light)
    return render(
        "_page.html.jinja",
        light=light,
        run=run,
        status=run.status,
        command=run.info.get("command"),
        tiles=_tiles(run),
        summary=summary(run),
        findings=cards(found, frozenset(entry.key for entry in entries)),
        advice=found.advice,
        healthy=sum(verdict.outcome == "healthy" for verdict in found.verdicts),
        broken=[v.code for v in found.verdicts if v.outcome == "not finite"],
        lacking=lacking(found),
        ignored=sorted(ignored),
        chain=chain,
        chain_figure=embedded(draw_timeline(run, chain), "timeline")
        if chain and chain.moves
        else None,
        acts=intervention_rows(run),
        figures=[
            {"entry": entry, "reading": entry.reading_of(run), "html": html}
            for entry, html in zip(entries, drawn, strict=True)
        ],
        missed=[entry for entry in FIGURES if entry.is_missed(run)],
        samples=text_samples(run),
        settings=[row for row in setting_rows(run) if row[0] not in IN_HEADING],
        provenance=[row for row in provenance_rows(run) if row[0] not in IN_HEADING],
    )


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    """The numbers to see first: value, what it is, a note."""
    tiles = [(f"{run.iterations:,}", "iterations", duration(run.duration))]
    if run.members("val_loss", profile=False) == ("val_loss",):
        tiles += _validation_tiles(run, run.last("val_loss")[1])
    elif run.members("loss", profile=False) == ("loss",):
        tiles.append((number(run.last("loss")[1]), "loss", "last iteration"))
    if run.members("grad_norm", profile=False) == ("grad_norm",):
        stream = run.stream("grad_norm")
        finite = finite_values(stream)
        middle = median(finite) if finite.size else math.nan
        broken = stream.samples - len(finite)
        note = f"{broken:,} not finite" if broken else "all finite"
        tiles.append((number(middle), "median gradient norm", note))
    return tiles


def _validation_tiles(run: Run, loss: float) -> list[tuple[str, str, str]]:
    facts = setup(run)
    if not facts:
        return [(number(loss), "validation loss", "")]
    if is_memory(facts):
        error, failed = (last_score(run, name) for name in ("val_error", "val_sequence_error"))
        return memory_tiles(facts, loss, error, failed)
    tiles = [(number(loss / math.log(2)), "bits per character", "validation")]
    bigram = facts.get("baselines", {}).get("bigram")
    if bigram:
        note = "bits per character by counting pairs"
        tiles.append((number(bigram / math.log(2)), "bigram baseline", note))
    return tiles

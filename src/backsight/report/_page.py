"""One self-contained HTML page about a run: words, pictures, samples, settings."""

import math
from pathlib import Path

from backsight.diagnosis import diagnose, timeline
from backsight.report._findings import cards, lacking
from backsight.report._html import embedded, render, write_whole
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


def write_report(
    run: Run | Path | str, out: Path | str | None = None, *, rejudge: bool = False
) -> Path:
    """Write the page about ``run`` and return its path.

    Args:
        run: a run, or its folder.
        out: the file to write; ``report.html`` in the run folder by default.
        rejudge: judge the recorded signals again, whatever verdict the run holds.

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
        page = _render(run, rejudge)
    return write_whole(out, page)


def _render(run: Run, rejudge: bool) -> str:
    found = diagnose(run, rejudge=rejudge)
    chain = timeline(run, found)
    entries = [entry for entry in FIGURES if entry.only_if(run)]
    figures = [
        {
            "entry": entry,
            "reading": entry.reading_of(run),
            "html": embedded(entry.draw(run), entry.key),
        }
        for entry in entries
    ]
    return render(
        "_page.html.jinja",
        run=run,
        status=run.status,
        tiles=_tiles(run),
        summary=summary(run),
        findings=cards(found, frozenset(entry.key for entry in entries)),
        advice=found.advice,
        healthy=sum(verdict.outcome == "healthy" for verdict in found.verdicts),
        broken=[v.code for v in found.verdicts if v.outcome == "not finite"],
        lacking=lacking(found),
        chain=chain,
        chain_figure=embedded(draw_timeline(run, chain), "timeline")
        if chain and chain.moves
        else None,
        acts=intervention_rows(run),
        figures=figures,
        samples=text_samples(run),
        settings=setting_rows(run),
        provenance=provenance_rows(run),
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

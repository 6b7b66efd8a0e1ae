"""What the page of a run shows beside its figures."""

from typing import Any

import numpy as np

from backsight.diagnosis import (
    Diagnosis,
    Judge,
    Tried,
    diagnose,
    findings_so_far,
    read_tried,
    timeline,
)
from backsight.errors import RunError
from backsight.report import (
    Kept,
    cards,
    intervention_marks,
    intervention_rows,
    keeping,
    lacking,
    provenance_rows,
    setting_rows,
    strip,
    strip_rows,
    text_samples,
)
from backsight.report.figures import FIGURES
from backsight.report.figures import timeline as draw_timeline
from backsight.signals import Run, family
from backsight.ui._panels import panels_of
from backsight.ui._wire import figure_dict

__all__ = ["findings_view", "run_view"]

MARKS = 200
"""Interventions that are marked on the axes."""


def run_view(run: Run, kept: Kept | None = None) -> dict[str, Any]:
    """The heading, the strip, which figures there are, samples of text and settings.

    Args:
        run: the run.
        kept: what is known of it; what is read now is added.
    """
    kept = kept or Kept()
    with keeping(kept):
        return _view(run, kept)


def _view(run: Run, kept: Kept) -> dict[str, Any]:
    told = strip(run)
    problems = list(told.problems)

    def ask(read: Any, otherwise: Any) -> Any:
        """What can be read; a part that cannot is told, and costs nobody the rest."""
        try:
            return read()
        except RunError as error:
            if str(error) not in problems:
                problems.append(str(error))
            return otherwise

    with run.moment():
        shown, missing = ask(lambda: panels_of(run), ([], []))
        view = {
            "strip": told.as_dict(),
            "words": [
                {"what": row.what, "words": row.words, "tone": row.tone} for row in strip_rows(told)
            ],
            "name": run.name,
            "kind": str(run.info["kind"]),
            "command": run.info.get("command") or "",
            "created": float(run.info["created"]),
            "duration": run.duration,
            "panels": shown,
            "missing": missing,
            "acts": ask(lambda: intervention_rows(run), []),
            "marks": ask(lambda: intervention_marks(run, MARKS), []),
            "moments": ask(lambda: _moments(run, kept), []),
            "samples": ask(lambda: text_samples(run), []),
            "settings": setting_rows(run),
            # The heading has the command.
            "provenance": [row for row in provenance_rows(run) if row[0] != "command"],
        }
    return {**view, "problems": problems}


def findings_view(run: Run, *, thorough: bool) -> dict[str, Any]:
    """What goes wrong in a run, with evidence and remedies.

    Args:
        run: the run.
        thorough: judge what was not judged while it trained, which may take seconds.
    """
    with run.moment():
        found: Diagnosis = diagnose(run) if thorough else findings_so_far(run)
        whole = thorough or (found.judged == "while training" and _is_whole(found))
        drawn = frozenset(entry.key for entry in FIGURES if entry.is_drawn(run))
        chain = timeline(run, found)
        shown = [
            {
                "code": card.finding.code,
                "title": card.finding.title,
                "severity": lead.severity,
                "iteration": card.finding.iteration,
                "when": card.when,
                "sentences": list(card.sentences),
                "pictures": [list(one) for one in card.pictures],
                "symptoms": [
                    {
                        "severity": one.severity,
                        "code": one.code,
                        "title": one.title,
                        "sentences": list(one.sentences),
                    }
                    for one in card.symptoms
                ],
                "evidence": dict(card.finding.evidence),
                "threshold": dict(card.finding.threshold),
                "remedies": list(found.advice_on(lead)),
            }
            for card, lead in zip(cards(found, drawn), found.leads, strict=True)
        ]
        return {
            "cards": shown,
            "advice": list(found.advice),
            "healthy": sum(one.outcome == "healthy" for one in found.verdicts),
            "broken": [one.code for one in found.verdicts if one.outcome == "not finite"],
            "lacking": [list(row) for row in lacking(found)] if thorough else [],
            "thorough": whole,
            "unjudged": 0 if whole else _values(run),
            "chain": None if chain is None else chain.message,
            "chain_figure": figure_dict(draw_timeline(run, chain))
            if chain is not None and chain.moves
            else None,
            "tried": _tried(run),
        }


def _is_whole(found: Diagnosis) -> bool:
    return any(one.outcome == "healthy" for one in found.verdicts)


def _values(run: Run) -> int:
    """How many the rules would read to judge the run: a million of them take about a second."""
    read = Judge().families
    return sum(samples for name, (samples, _) in run.extents.items() if family(name) in read)


def _tried(run: Run) -> str:
    try:
        tried = read_tried(run.path)
    except RunError as error:
        return str(error)
    return tried.message if isinstance(tried, Tried) else ""


def _moments(run: Run, kept: Kept) -> list[int]:
    """Iterations at which profiles were recorded: where the slider stops; 400 at the most."""
    for what in ("reach", "grad_time", "hidden_norm"):
        names = run.members(what, profile=True)
        if names:
            parts = run.stream(names[0]).each(lambda block: block.iterations, "iterations", kept)
            at = np.concatenate(list(parts))
            step = max(1, len(at) // 400)
            return [int(i) for i in np.unique(np.append(at[::step], at[-1]))]
    return []

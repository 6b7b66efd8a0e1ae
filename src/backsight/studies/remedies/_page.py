"""The page about a study of remedies: verdict, losses of every arm, curves, the ranking."""

import math
from pathlib import Path

from backsight.report import StudyFigure, StudyPage, duration, write_study_page
from backsight.report.figures import Line, Panel, Strip, panels, strips
from backsight.studies._curve import BROKEN, is_broken, loss_lines, sentences, spans_decades
from backsight.studies._folder import StudyFolder
from backsight.studies._runs import run_at
from backsight.studies.remedies._arm import Arm
from backsight.studies.remedies._effect import middle
from backsight.studies.remedies._row import trial_name
from backsight.studies.remedies._study import RemedyStudy
from backsight.studies.remedies._text import COLUMNS, severity, table_rows

__all__ = ["write_remedy_page"]

ACROSS = 4
"""Panels in a row."""


def write_remedy_page(study: RemedyStudy, out: Path | None = None) -> Path:
    """Write the page, by default ``report.html`` in the study's folder, and return its path.

    Raises:
        RunError: it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import read_remedy_study, remedies_for_task, write_remedy_page
        >>> study = read_remedy_study(remedies_for_task(MemoryEcho()), "runs/study")
        >>> write_remedy_page(study, Path("page.html")).name
        'page.html'
    """
    folder = StudyFolder(study.folder)
    folder.load()
    plan, verdict = study.plan, study.verdict
    trials = study.trials
    results = [trial for trial in trials if trial.loss is not None]
    tried = [arm for arm in study.remedies if not arm.refusal]
    figures = [_losses(study), _curves(study, folder)] if results else []
    page = StudyPage(
        title=study.folder.resolve().name,
        kind="study of remedies",
        tiles=[
            (verdict.remedy or "none", verdict.outcome, "best remedy"),
            (str(len(tried)), "remedies tried", f"{len(study.remedies) - len(tried)} do not apply"),
            (f"{len(results)} of {len(trials)}", "trials with a result",
             f"{plan.seeds} seed{'s' * (plan.seeds != 1)} each"),
            (duration(folder.seconds), "of training",
             "over all trials"),
        ],
        verdicts=[
            (severity(verdict.outcome), verdict.message),
            *[("info", words) for words in (verdict.command, verdict.code) if words],
        ],
        figures=figures,
        columns=COLUMNS,
        rows=table_rows(study),
        table_reading=(
            "All values are medians over seeds, with their range. The effect is the loss without "
            "the remedy minus the loss with it, paired by seed: above 0, the remedy helps. Better "
            "is the share of seeds in which it helps; wrong is the share of held-out sequences "
            "with a wrong answer. The random fix is drawn for each seed from the remedies that no "
            "finding recommends."
        ),
        failed=[
            (f"{trial.remedy}, seed {trial.seed}", trial.reason)
            for trial in trials if trial.loss is None
        ],
        settings=[
            ("treated run", str(study.run)),
            ("findings", ", ".join(study.symptoms.codes) or "none"),
            *[(f"not tried: {a.name}", a.refusal) for a in (study.default, *study.remedies)
              if a.refusal],
            *[(f"with {arm.name}", arm.command) for arm in (study.unchanged, study.default, *tried)
              if arm.command],
        ],
        footer=f"Backsight · {study.folder}",
    )  # fmt: skip
    return write_study_page(study.folder / "report.html" if out is None else out, page)


def _arms(study: RemedyStudy) -> list[Arm]:
    """Those with trials: the unchanged run, the ranking, and what it is compared with."""
    arms = (study.unchanged, *study.remedies, study.default, study.random)
    return [arm for arm in arms if any(trial.loss is not None for trial in arm.trials)]


def _losses(study: RemedyStudy) -> StudyFigure:
    compared = {study.unchanged.name: 5, study.default.name: 1, study.random.name: 1}
    rows = [
        Strip(
            arm.name,
            [trial.loss for trial in arm.trials if trial.loss is not None],
            compared.get(arm.name, 0),
        )
        for arm in _arms(study)
    ]
    before = [score for t in study.unchanged.trials if (score := t.score) is not None]
    return StudyFigure(
        "losses",
        "Final loss",
        sentences(
            "One dot per seed; the vertical bar is their median.",
            bool(before) and "The dotted line is the median of the unchanged run.",
            "If all dots lie to the left of every grey dot, the effect is larger than the "
            "variation between seeds.",
            any(not math.isfinite(value) for row in rows for value in row.values)
            and "A cross at the right edge counts the seeds whose loss is not finite.",
        ),
        strips(rows, x="final loss", reference=middle(before) if before else None),
    )


def _curves(study: RemedyStudy, folder: StudyFolder) -> StudyFigure:
    drawn = []
    for arm in _arms(study):
        if arm.name == study.random.name:
            continue  # its trials are other arms'
        lines: list[Line] = []
        for trial in arm.trials:
            run = run_at(folder.run(trial_name(trial.remedy, trial.seed)))
            if run is not None:
                lines += loss_lines(run, trial.seed)
        drawn.append(Panel(arm.name, lines))
    wide = spans_decades(drawn)
    while len(drawn) % ACROSS:
        drawn.append(Panel("", [], empty=""))
    grid = [drawn[at : at + ACROSS] for at in range(0, len(drawn), ACROSS)]
    return StudyFigure(
        "curves",
        "Training loss",
        sentences(
            "One line per seed; each point is the median over a span of iterations. All panels "
            "share the same axes.",
            is_broken(drawn) and BROKEN,
        ),
        panels(grid, x="iteration", y="training loss", log=wide, share_x=True),
    )

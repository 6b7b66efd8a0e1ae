"""The page about a length study: verdict, small multiples by length, and curves against it."""

import math
from collections.abc import Callable, Sequence, Sized
from pathlib import Path

from backsight.report import StudyFigure, StudyPage, duration, write_study_page
from backsight.report.figures import Curve, Line, Mark, Panel, panels, reach_marks, spreads
from backsight.signals import Run
from backsight.studies._curve import BROKEN, is_broken, loss_lines, sentences, spans_decades
from backsight.studies._folder import StudyFolder
from backsight.studies.length._row import LengthTrial, spread
from backsight.studies.length._study import LengthStudy
from backsight.studies.length._table import COLUMNS, of_length, severity, table_rows, with_result

__all__ = ["write_length_page"]

FLOOR = 1e-6
"""What is further down of a reach leaves its picture, as on the page about a run."""


def write_length_page(study: LengthStudy, out: Path | None = None) -> Path:
    """Write the page, by default ``report.html`` in the study's folder, and return its path.

    Raises:
        RunError: it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from backsight.studies import LengthPlan, read_length_study, write_length_page
        >>> plan = LengthPlan("echo", "--length=", (10, 20), seeds=1, cells=("rnn",))
        >>> write_length_page(read_length_study(plan, "runs/study"), Path("page.html")).name
        'page.html'
    """
    results = with_result(study.trials)
    learned = sum(t.outcome == "learned" for t in results)
    folder = StudyFolder(study.folder)
    folder.load()
    plan = study.plan
    # A long sequence explodes past what doubles as a picture's edge: shown per figure.
    pictures = [draw(study) for draw in (_loss, _reach, _hidden, _gradient_time)] if results else []
    curves = [draw(study) for draw in (_reach_curve, _gradient_curve, _loss_curve, _norm_curve,
                                       _time_curve)] if results else []  # fmt: skip
    page = StudyPage(
        title=study.folder.resolve().name,
        kind="length study",
        tiles=[
            (f"{plan.lengths[0]} – {plan.lengths[-1]}", "steps", f"{len(plan.lengths)} lengths"),
            (f"{len(results)} of {len(study.trials)}", "trials with a result",
             f"{plan.seeds} seed{'s' * (plan.seeds != 1)} per length"),
            (str(learned), "trials that learned", "beat a guess by 5 %"),
            (duration(folder.seconds), "of training",
             "over all trials"),
        ],
        verdicts=[(severity(v.outcome), f"{v.message}.") for v in study.verdicts],
        figures=[figure for figure in (*curves[:2], *pictures, *curves[2:]) if figure is not None],
        columns=COLUMNS,
        rows=table_rows(study),
        table_reading=(
            "All values are medians over the trials that have a result. Short context is the final "
            f"loss with at most {plan.lengths[0]} steps of context. Drift is the hidden-state norm "
            "at the last step, relative to the middle of the window. The half-life is the lag from "
            "which the gradient stays below half of what the strongest earlier step gets, and the "
            "horizon the last lag with at least 1 % of that, in the median sample of the layer "
            "that reaches furthest (≥ where the window ends first)."
        ),
        failed=[
            (f"{t.cell or 'script'}, length {t.length}, seed {t.seed}", t.reason)
            for t in study.trials if t not in results
        ],
        settings=[
            ("script" if plan.script else "task", plan.task),
            ("varied", plan.vary.rstrip(" =")),
            ("lengths", ", ".join(map(str, plan.lengths))),
            ("seeds", f"0 to {plan.seeds - 1}" if plan.seeds > 1 else "0"),
            *([("cells", ", ".join(plan.cells))] if any(plan.cells) else []),
            ("arguments of every trial", " ".join(plan.arguments) or "none"),
        ],
        footer=f"Backsight · {study.folder}",
    )  # fmt: skip
    return write_study_page(study.folder / "report.html" if out is None else out, page)


Lines = Callable[[Run, int], list[Line]]
"""What a run adds to its panel; the number is its seed."""


def _grid(
    study: LengthStudy, lines: Lines, *, lag: bool = False, guessed: bool = False
) -> list[list[Panel]]:
    """A row a cell, a column a length; with the lag marked, or what a guess costs."""
    rows = []
    for cell in study.plan.cells:
        row = []
        for length in study.plan.lengths:
            trials = with_result(of_length(study, cell, length))
            drawn: list[Line] = []
            for trial in trials:
                run = study.run(trial)
                if run is not None:
                    drawn += lines(run, trial.seed)
            asked = next((t.lag for t in trials if t.lag is not None), None) if lag else None
            guess = next((t.baseline for t in trials if t.baseline is not None), None)
            row.append(
                Panel(
                    f"{cell}, {length} steps" if cell else f"{length} steps",
                    drawn,
                    levels=[guess] if guess is not None and guessed else [],
                    bars=[(asked, "needed")] if asked is not None else [],
                    empty="no result" if not trials else "not recorded",
                )
            )  # fmt: skip
        rows.append(row)
    return rows


def _has(grid: list[list[Panel]], what: Callable[[Panel], object]) -> bool:
    return any(what(panel) for row in grid for panel in row)


def _marks(panel: Panel) -> list[Mark]:
    return [mark for line in panel.lines for mark in line.marks]


def _loss(study: LengthStudy) -> StudyFigure:
    grid = _grid(study, loss_lines, guessed=not study.plan.script)
    drawn = [panel for row in grid for panel in row]
    wide = spans_decades(drawn)
    return StudyFigure(
        "loss",
        "Loss by length",
        sentences(
            "One line per seed; each point is the median over a span of iterations.",
            _has(grid, lambda panel: panel.levels)
            and "The dotted line is the loss of a guess without memory. A network whose loss falls "
            "below this line at short lengths and stays on it at long ones learns short "
            "dependencies but not long ones.",
            is_broken(drawn) and BROKEN,
        ),
        panels(grid, x="iteration", y="training loss", log=wide, share_x=True),
    )


def _reach(study: LengthStudy) -> StudyFigure | None:
    grid = _grid(study, _reach_lines, lag=True)
    if not _has(grid, lambda panel: panel.lines):
        return None
    open_marks = _has(grid, lambda panel: any(m.symbol.endswith("-open") for m in _marks(panel)))
    return StudyFigure(
        "reach",
        "Gradient back through time, by length",
        sentences(
            "The gradient of the last loss with respect to the state k steps earlier, relative to "
            "lag 0. The solid line is the last sample of each seed, the thin dotted line the first "
            "one, at the start of training. A step beyond the horizon (diamond) gets less than 1 % "
            "of what the strongest earlier step gets and contributes almost nothing to learning; "
            "from the half-life (circle) on, it is less than half.",
            open_marks and "An open mark means that the window ends first.",
            _has(grid, lambda panel: panel.bars)
            and "The vertical line marks the lag that the task needs: the horizon must lie at or "
            "beyond it.",
        ),
        panels(grid, x="lag: steps back", y="R(k)", log=True, floor=FLOOR),
    )


def _reach_lines(run: Run, seed: int) -> list[Line]:
    names = run.members("reach", profile=True)
    if not names:
        return []
    rows = run.profile(names[-1]).rows
    first = Line(f"seed {seed}, first sample", _steps(rows[0]), rows[0], seed, "dot", 0.9)
    marks = reach_marks(rows[-1])
    return [first, Line(f"seed {seed}", _steps(rows[-1]), rows[-1], seed, None, 1.5, marks)]


def _profile(name: str) -> Lines:
    def lines(run: Run, seed: int) -> list[Line]:
        names = run.members(name, profile=True)
        if not names:
            return []
        row = run.profile(names[-1]).rows[-1]
        return [Line(f"seed {seed}", _steps(row), row, seed)]

    return lines


def _hidden(study: LengthStudy) -> StudyFigure | None:
    grid = _grid(study, _profile("hidden_norm"))
    if not _has(grid, lambda panel: panel.lines):
        return None
    return StudyFigure(
        "hidden-norm",
        "Hidden-state norm over the steps of a window, by length",
        "The last sample of each seed, from the first step to the last. A slope means that the "
        "state drifts along the sequence. A tanh state whose norm is near √H is saturated and "
        "passes almost no gradient.",
        panels(grid, x="time step", y="‖h‖"),
    )


def _gradient_time(study: LengthStudy) -> StudyFigure | None:
    grid = _grid(study, _profile("grad_time"))
    if not _has(grid, lambda panel: panel.lines):
        return None
    return StudyFigure(
        "grad-time",
        "Gradient over the steps of a window, by length",
        "The gradient of the whole loss with respect to the state at each step, in the last "
        "sample. With a loss at every step the curve is flat even if no gradient reaches far "
        "back; the reach shows that.",
        panels(grid, x="time step", y="‖∂L/∂h‖", log=True, floor=1e-12),
    )


def _steps(row: Sized) -> list[float]:
    return [float(n) for n in range(len(row))]


Number = Callable[[LengthTrial], float | None]


def _curve(
    study: LengthStudy, cell: str, what: Number, label: str, dash: str | None = None
) -> Curve | None:
    """Medians and range over seeds, against length; None where there is nothing of it."""
    xs, found = [], []
    for length in study.plan.lengths:
        one = spread([what(trial) for trial in with_result(of_length(study, cell, length))])
        if one is not None:
            xs.append(float(length))
            found.append(one)
    if not found:
        return None
    return Curve(
        " ".join(filter(None, (cell, label))) or "median",
        xs,
        [one.median for one in found],
        [one.low for one in found],
        [one.high for one in found],
        study.plan.cells.index(cell),
        dash,
        [x for x, one in zip(xs, found, strict=True) if one.broken],
    )


def _curves(study: LengthStudy, *kinds: tuple[str, Number, str | None]) -> list[Curve]:
    found = [
        _curve(study, cell, what, label, dash)
        for cell in study.plan.cells
        for label, what, dash in kinds
    ]
    return [curve for curve in found if curve is not None]


def _drawn(
    study: LengthStudy,
    key: str,
    title: str,
    reading: str,
    y: str,
    curves: Sequence[Curve],
    references: Sequence[tuple[str, Sequence[float]]] = (),
) -> StudyFigure | None:
    if not curves:
        return None
    lengths = [float(length) for length in study.plan.lengths]
    figure = spreads(curves, x="length in steps", y=y, ticks=lengths, references=references)
    return StudyFigure(key, title, reading, figure)


def _reach_curve(study: LengthStudy) -> StudyFigure | None:
    lengths = study.plan.lengths
    references = [("whole window", [float(length - 1) for length in lengths])]
    asked = [
        next((t.lag for t in study.trials if t.length == n and t.lag is not None), None)
        for n in lengths
    ]
    if all(lag is not None for lag in asked):
        references.append(("needed by the task", [float(lag or 0) for lag in asked]))
    told = (
        "A network whose curve follows the lag that the task needs (dash-dotted) can learn the "
        "task; where a curve levels off below it, the gradient did not reach that lag within this "
        "budget."
        if len(references) > 1
        else "Where a curve levels off while the window (dotted) grows, the gradient reaches no "
        "further within this budget."
    )
    return _drawn(
        study, "reach-length", "Reach against length",
        "How far back the gradient of a loss reaches: the horizon (the last lag with at least 1 % "
        "of what the strongest earlier step gets; the band is the range over seeds) and the "
        f"half-life (dashed). {told}",
        "steps back",
        _curves(
            study,
            ("horizon", lambda t: None if t.horizon is None else float(t.horizon.steps), None),
            ("half-life", lambda t: None if t.half_life is None else float(t.half_life.steps),
             "dash"),
        ),
        references,
    )  # fmt: skip


def _gradient_curve(study: LengthStudy) -> StudyFigure | None:
    return _drawn(
        study, "gradient-length", "Gradient norm against length",
        "The norm over all parameters, before clipping: the median over a run, and the maximum "
        "(dashed). Maxima that grow with length show a developing explosion. Medians that stay "
        "constant while the reach levels off show a gradient that comes from the last steps only.",
        "‖∂L/∂θ‖",
        _curves(
            study, ("median", lambda t: t.grad_median, None), ("max", lambda t: t.grad_max, "dash")
        ),
    )  # fmt: skip


def _loss_curve(study: LengthStudy) -> StudyFigure | None:
    results = with_result(study.trials)
    guesses = [spread([t.baseline for t in results if t.length == n]) for n in study.plan.lengths]
    references = []
    if not study.plan.script and any(guess is not None for guess in guesses):
        references.append(("a guess", [math.nan if g is None else g.median for g in guesses]))
    return _drawn(
        study, "loss-length", "Loss against length",
        sentences(
            "The final loss, on held-out data if the run validates.",
            any(trial.short_loss is not None for trial in results)
            and "Dashed is the same loss with short context only: where the two meet, the network "
            "does not use inputs further back.",
            bool(references) and "The dotted line is the loss of a guess without memory.",
        ),
        "loss",
        _curves(
            study, ("", lambda t: t.loss, None), ("short context", lambda t: t.short_loss, "dash")
        ),
        references,
    )  # fmt: skip


def _norm_curve(study: LengthStudy) -> StudyFigure | None:
    return _drawn(
        study, "norm-length", "Hidden-state norm against length",
        "The mean over steps and sequences (the median over a run), and the maximum (dashed).",
        "‖h‖",
        _curves(
            study, ("mean", lambda t: t.hidden_mean, None), ("max", lambda t: t.hidden_max, "dash")
        ),
    )  # fmt: skip


def _time_curve(study: LengthStudy) -> StudyFigure | None:
    return _drawn(
        study, "time-length", "Time per iteration against length",
        "In the lab, the median over a run; for a script, the time of the run divided by its "
        "iterations. Trials that run in parallel slow each other down equally.",
        "milliseconds",
        _curves(study, ("", lambda t: None if t.seconds is None else 1000 * t.seconds, None)),
    )  # fmt: skip

"""The length study: what loss, gradient and reach do as sequences grow."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from backsight.errors import RunError
from backsight.signals import Run
from backsight.studies._engine import Ended, Engine
from backsight.studies._folder import StudyFolder
from backsight.studies._length_plan import LengthPlan, LengthSetting
from backsight.studies._length_row import LengthTrial, read_trial
from backsight.studies._length_verdict import LengthVerdict, judge_lengths
from backsight.studies._trials import is_done, last_words, run_at

__all__ = ["LengthStudy", "StudyView", "length_study", "read_length_study"]


class StudyView(Protocol):
    """Somebody watching a study."""

    def begin(self, total: int, done: int) -> None:
        """So many trials there are, and so many were done before."""

    def ended(self, words: str, left: float | None) -> None:
        """A trial has ended; ``left`` is how many seconds the rest may take."""

    def say(self, line: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class LengthStudy:
    """A length study, or what there is of one."""

    folder: Path
    plan: LengthPlan
    trials: tuple[LengthTrial, ...]
    verdicts: tuple[LengthVerdict, ...]
    """One a cell."""

    @property
    def ignored(self) -> bool:
        """Whether the script takes no notice of what is varied: all its trials are alike."""
        return any(verdict.outcome == "ignored" for verdict in self.verdicts)

    def run(self, trial: LengthTrial) -> Run | None:
        """What a trial recorded; None where that cannot be read."""
        setting = LengthSetting(trial.cell, trial.length, trial.seed)
        return run_at(StudyFolder(self.folder).run(setting.name))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "study": self.folder,
            "plan": self.plan.as_dict(),
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
            "trials": [trial.as_dict() for trial in self.trials],
        }


def length_study(
    plan: LengthPlan, folder: Path | str, engine: Engine, view: StudyView | None = None
) -> LengthStudy:
    """Train every trial of the plan that is not done yet, and read what they all came to.

    What is done stays when it is interrupted, and the same call goes on: a trial of the lab
    from its newest checkpoint, another from its beginning. One that has failed is tried again.

    Args:
        plan: what to train.
        folder: the study's folder; made, or gone on with.
        engine: what runs the trials.
        view: told of each trial that ends.

    Raises:
        RunError: the folder holds another plan, cannot be written, or one of its trials still
            runs.
    """
    place = StudyFolder(Path(folder))
    with place.open(plan.as_dict()):
        todo = [s for s in plan.settings if not is_done(place, s.name, script=plan.script)]
        if view is not None:
            view.begin(len(plan.settings), len(plan.settings) - len(todo))
        trials = [plan.trial(setting, place) for setting in todo]
        for setting in todo:  # how it ended the last time no longer counts
            place.ended.pop(setting.name, None)
        by_name = {setting.name: setting for setting in todo}
        with closing(engine.run(trials)) as ends:
            for ended in ends:
                place.note(ended)
                setting = by_name.pop(ended.name)
                if view is not None:
                    left = _time_left(plan, place, list(by_name.values()), engine.workers)
                    view.ended(_words(_row(plan, setting, place), ended), left)
    return read_length_study(plan, folder)


def read_length_study(plan: LengthPlan, folder: Path | str) -> LengthStudy:
    """What there is of a study, without training anything."""
    place = StudyFolder(Path(folder))
    place.load()
    trials = tuple(_row(plan, setting, place) for setting in plan.settings)
    ignored = plan.script and _all_alike(plan, place)
    steps = _steps_of_all(trials) if plan.script else None
    verdicts = []
    for cell in plan.cells:
        verdict = judge_lengths(cell, [trial for trial in trials if trial.cell == cell])
        if ignored:
            verdict = _ignoring(plan, verdict)
        elif steps is not None:
            verdict = _doubting(plan, verdict, steps)
        verdicts.append(verdict)
    return LengthStudy(place.path, plan, trials, tuple(verdicts))


def _row(plan: LengthPlan, setting: LengthSetting, place: StudyFolder) -> LengthTrial:
    """A trial's row; a trial that died has one as well."""
    empty = {f.name: getattr(setting, f.name) for f in fields(setting)}
    ended = place.ended.get(setting.name)
    run = run_at(place.run(setting.name))
    if ended is None and (run is None or plan.script or run.status != "finished"):
        return LengthTrial(**empty, outcome="not run", why="it has not been run to its end")
    failed = ended is not None and ended.status != 0
    try:
        row = None if run is None else read_trial(setting, run, plan.lengths[0])
    except RunError as error:
        return LengthTrial(**empty, outcome="failed", why=str(error))
    # A script may well stop itself at a NaN: that is a result, not an accident.
    if row is not None and (not failed or row.outcome == "not finite"):
        return row
    if failed and ended is not None:
        why = last_words(place.log(ended.name), ended.status)
    else:
        why = "it recorded nothing: no recurrent layer was trained"
    # A loss half way must not be taken for one at the end.
    return replace(
        row or LengthTrial(**empty, outcome="failed"),
        outcome="failed", why=why, loss=None, short_loss=None,
    )  # fmt: skip


def _all_alike(plan: LengthPlan, place: StudyFolder) -> bool:
    """Whether, seed by seed, the losses are bit for bit the same at every length."""
    compared = 0
    for seed in range(plan.seeds):
        runs = [run_at(place.run(s.name)) for s in plan.settings if s.seed == seed]
        losses = list(_losses(run for run in runs if run is not None))
        if len(losses) < 2:
            continue
        compared += 1
        if any(not np.array_equal(losses[0], other, equal_nan=True) for other in losses[1:]):
            return False
    return compared > 0


def _losses(runs: Iterator[Run]) -> Iterator[Any]:
    for run in runs:
        names = run.members("loss", profile=False)
        if names:
            yield run[names[0]]


def _ignoring(plan: LengthPlan, verdict: LengthVerdict) -> LengthVerdict:
    return replace(
        verdict, outcome="ignored", since=None, cause=None,
        words=f"{plan.task} takes no notice of {plan.vary.strip(' =')}: its losses are bit for bit "
        f"the same at every length, so this is no study of it; look at how it reads its arguments",
    )  # fmt: skip


def _steps_of_all(trials: Sequence[LengthTrial]) -> int | None:
    """How many steps the layers saw, where that is the same at all of two lengths or more."""
    seen = {(trial.length, trial.steps) for trial in trials if trial.steps is not None}
    lengths, steps = ({pair[n] for pair in seen} for n in (0, 1))
    return steps.pop() if len(lengths) > 1 and len(steps) == 1 else None


def _doubting(plan: LengthPlan, verdict: LengthVerdict, steps: int) -> LengthVerdict:
    """Losses that are not drawn alike differ by themselves: they cannot tell."""
    name = plan.vary.strip(" =")
    return replace(
        verdict,
        words=f"the layers saw {steps} steps at every {name}: either {plan.task} takes no notice "
        "of it, and what differs between lengths is chance, or it varies something else than the "
        f"length of its sequences; {verdict.words}",
    )  # fmt: skip


def _time_left(
    plan: LengthPlan, place: StudyFolder, rest: Sequence[LengthSetting], workers: int
) -> float | None:
    """Seconds the rest may take: a step costs as much at every length, or nearly."""
    known = [s for s in plan.settings if s.name in place.ended]
    seconds = sum(place.ended[s.name].seconds for s in known)
    steps = sum(s.length for s in known)
    if not steps:
        return None
    per_cell = {
        cell: _pace([s for s in known if s.cell == cell], place) or seconds / steps
        for cell in plan.cells
    }
    return sum(per_cell[s.cell] * s.length for s in rest) / max(1, workers)


def _pace(known: Sequence[LengthSetting], place: StudyFolder) -> float | None:
    steps = sum(s.length for s in known)
    return sum(place.ended[s.name].seconds for s in known) / steps if steps else None


def _words(row: LengthTrial, ended: Ended) -> str:
    cell = f"{row.cell}, " if row.cell else ""
    told = row.outcome if not row.why else f"{row.outcome} ({row.why})"
    if row.loss is not None and math.isfinite(row.loss):
        told = f"loss {row.loss:.4g}, {told}"
    return f"{cell}length {row.length}, seed {row.seed}: {told}, {ended.seconds:.0f} s"

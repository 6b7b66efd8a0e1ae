"""The length study: what loss, gradient and reach do as sequences grow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Run
from backsight.studies._folder import StudyFolder
from backsight.studies._run_trials import RunTrials
from backsight.studies._runs import run_at
from backsight.studies._trial import Engine, Trial
from backsight.studies._view import StudyView
from backsight.studies.length._plan import LengthPlan, LengthSetting
from backsight.studies.length._row import LengthTrial, read_length_trial
from backsight.studies.length._verdict import LengthVerdict, judge_lengths

__all__ = ["LengthStudy", "length_study", "read_length_study"]


@dataclass(frozen=True)
class LengthStudy:
    """A length study, or what there is of one.

    Example:
        >>> from backsight.studies import LengthPlan, read_length_study
        >>> plan = LengthPlan("echo", "--length=", (10, 20), seeds=1, cells=("rnn",))
        >>> study = read_length_study(plan, "runs/study")  # nothing of it is trained yet
        >>> [(trial.length, trial.outcome) for trial in study.trials]
        [(10, 'not run'), (20, 'not run')]
    """

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

    Example:
        >>> from backsight import Recorder
        >>> from backsight.studies import Ended, LengthPlan, length_study
        >>> class Dry:  # an engine that records what it is told to; make_engine("local:4") trains
        ...     workers = 1
        ...     def run(self, trials):
        ...         for trial in trials:
        ...             loss = 0.1 if "--length=10" in trial.command else 2.0
        ...             with Recorder(trial.run, config={"iterations": 20}) as recorder:
        ...                 recorder.series("loss", range(20), [2.0] * 10 + [loss] * 10)
        ...             yield Ended(trial.name, 0, seconds=1.0)
        >>> plan = LengthPlan("echo", "--length=", (10, 40), seeds=1, cells=("rnn",))
        >>> study = length_study(plan, "runs/study", Dry())
        >>> [(trial.length, trial.loss) for trial in study.trials]
        [(10, 0.1), (40, 2.0)]
        >>> study.verdicts[0].collapses_at
        40
    """
    place = StudyFolder(Path(folder))
    with place.open(plan.as_dict()):
        _LengthTrials(plan, place, engine, view).train(plan.settings)
    return read_length_study(plan, folder)


def read_length_study(plan: LengthPlan, folder: Path | str) -> LengthStudy:
    """What there is of a study, without training anything.

    Example:
        >>> from backsight.studies import LengthPlan, read_length_study
        >>> plan = LengthPlan("echo", "--length=", (10, 20), seeds=2, cells=("rnn",))
        >>> study = read_length_study(plan, "runs/study")
        >>> len(study.trials), {trial.outcome for trial in study.trials}
        (4, {'not run'})
    """
    place = StudyFolder(Path(folder))
    place.load()
    trials = tuple(read_length_trial(plan, setting, place) for setting in plan.settings)
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


class _LengthTrials(RunTrials[LengthSetting]):
    """The trials of a length study."""

    def __init__(
        self, plan: LengthPlan, place: StudyFolder, engine: Engine, view: StudyView | None
    ) -> None:
        super().__init__(place, engine, view, script=plan.script)
        self._plan = plan

    def trial(self, setting: LengthSetting) -> Trial:
        """As the plan says."""
        return self._plan.trial(setting, self.place)

    def row(self, setting: LengthSetting) -> LengthTrial:
        """With all of its numbers."""
        return read_length_trial(self._plan, setting, self.place)


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
        verdict, outcome="ignored", collapses_at=None, cause=None,
        message=f"{plan.task} takes no notice of {plan.vary.strip(' =')}: its losses are bit for "
        "bit the same at every length, so this is no study of it; look at how it reads its "
        "arguments",
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
        message=f"the layers saw {steps} steps at every {name}: either {plan.task} takes no notice "
        "of it, and what differs between lengths is chance, or it varies something else than the "
        f"length of its sequences; {verdict.message}",
    )  # fmt: skip

"""The study of remedies: which of them really helps this training."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backsight.diagnosis import Tried, write_tried
from backsight.errors import RunError
from backsight.signals import Run, replacing
from backsight.studies._folder import StudyFolder
from backsight.studies._run_trials import RunTrials
from backsight.studies._runs import run_at
from backsight.studies._trial import Engine, Trial
from backsight.studies._view import StudyView
from backsight.studies.remedies._arm import Arm, random_arm, remedy_arm
from backsight.studies.remedies._plan import FORK, RemedyPlan, RemedySetting
from backsight.studies.remedies._rate_search import (
    RUNGS,
    first_rung,
    fitting_rung,
    next_rung,
)
from backsight.studies.remedies._row import RemedyTrial, read_remedy_trial, trial_name
from backsight.studies.remedies._symptoms import Symptoms, symptoms_of
from backsight.studies.remedies._table import DEFAULT, UNCHANGED, lr_over
from backsight.studies.remedies._verdict import RemedyVerdict, judge_remedies, leader

__all__ = ["RemedyStudy", "read_remedy_study", "remedy_study"]


@dataclass(frozen=True)
class RemedyStudy:
    """A study of remedies, or what there is of one.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import read_remedy_study, remedies_for_task
        >>> study = read_remedy_study(remedies_for_task(MemoryEcho(), seeds=2), "runs/study")
        >>> study.run.as_posix(), {trial.outcome for trial in study.trials}
        ('runs/study/runs/unchanged-seed0', {'not run'})
    """

    folder: Path
    plan: RemedyPlan
    symptoms: Symptoms
    unchanged: Arm
    default: Arm
    random: Arm
    remedies: tuple[Arm, ...]
    """The largest median effect first; those without a result, and those that cannot be tried,
    last."""
    verdict: RemedyVerdict

    @property
    def run(self) -> Path:
        """The run that is treated."""
        first = trial_name(UNCHANGED.name, 0)
        return self.plan.run or StudyFolder(self.folder).run(first)

    @property
    def trials(self) -> list[RemedyTrial]:
        """Every one that was wanted, once."""
        arms = (self.unchanged, self.default, self.random, *self.remedies)
        all_of_them = [trial for arm in arms for trial in (*arm.trials, *arm.fresh)]
        return list({(trial.remedy, trial.seed): trial for trial in all_of_them}.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "study": self.folder,
            "run": self.run,
            "plan": self.plan.as_dict(),
            "symptoms": self.symptoms.as_dict(),
            "verdict": self.verdict.as_dict(),
            "unchanged": self.unchanged.as_dict(),
            "default": self.default.as_dict(),
            "random": self.random.as_dict(),
            "remedies": [arm.as_dict() for arm in self.remedies],
        }


def remedy_study(
    plan: RemedyPlan, folder: Path | str, engine: Engine, view: StudyView | None = None
) -> RemedyStudy:
    """Train what is not done yet: unchanged, with each remedy, and the best one on fresh seeds.

    The findings on the treated run order the remedies. The one whose trials convince is trained
    again with as many seeds that had no part in choosing it, against the unchanged run and both
    other fixes; what came of it is left in the treated run's folder, and nothing else is changed
    there. What is done stays when it is interrupted, and the same call goes on.

    Args:
        plan: what to train.
        folder: the study's folder; made, or gone on with.
        engine: what runs the trials.
        view: told of each trial that ends.

    Raises:
        RunError: the folder holds another plan, cannot be written, or one of its trials still
            runs; or the checkpoint to begin from is gone.

    Example:
        >>> from backsight import Recorder
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import Ended, remedies_for_task, remedy_study
        >>> class Dry:  # an engine that records what it is told to; make_engine("local:4") trains
        ...     workers = 1
        ...     def run(self, trials):
        ...         for trial in trials:
        ...             loss = 0.5 if trial.name.startswith("gru") else 2.0
        ...             with Recorder(trial.run, config={"iterations": 20}) as recorder:
        ...                 recorder.series("loss", range(20), [2.0] * 10 + [loss] * 10)
        ...             yield Ended(trial.name, 0, seconds=1.0)
        >>> plan = remedies_for_task(MemoryEcho(iterations=20), seeds=3, only=("gru",))
        >>> study = remedy_study(plan, "runs/study", Dry())
        >>> study.verdict.remedy, study.verdict.outcome, study.remedies[0].effect.median
        ('gru', 'not proven', 1.5)
    """
    place = StudyFolder(Path(folder))
    with place.open(plan.as_dict()):
        _keep_checkpoint(plan, place)
        trials = _RemedyTrials(plan, place, engine, view)
        trials.more = True
        if plan.symptoms is None:
            trials.train([RemedySetting(UNCHANGED, seed) for seed in range(plan.seeds)])
        symptoms = trials.symptoms = _symptoms(plan, place)
        if plan.searches(symptoms):
            symptoms = trials.symptoms = trials.search(symptoms)
        trials.train(plan.trials(symptoms))
        study = read_remedy_study(plan, folder)
        chosen = leader(study.unchanged, study.default, study.random, study.remedies)
        if chosen is not None:
            trials.view.say(f"{chosen.name} is the best remedy so far; training it on fresh seeds")
            trials.more = False
            trials.train(plan.proof(symptoms, chosen.name))
            study = read_remedy_study(plan, folder)
    run = run_at(study.run)
    if run is not None:
        write_tried(study.run, _tried(study, run))
    return study


def read_remedy_study(plan: RemedyPlan, folder: Path | str) -> RemedyStudy:
    """What there is of a study, without training anything.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import read_remedy_study, remedies_for_task
        >>> plan = remedies_for_task(MemoryEcho(), seeds=1)
        >>> study = read_remedy_study(plan, "runs/study")
        >>> study.verdict.outcome, study.verdict.remedy
        ('not enough data', '')
    """
    place = StudyFolder(Path(folder))
    place.load()
    symptoms = _symptoms(plan, place)
    if plan.searches(symptoms):
        symptoms = searched(symptoms, _tried_rates(plan, place))
    unchanged = remedy_arm(plan, symptoms, place, UNCHANGED)
    default = remedy_arm(plan, symptoms, place, DEFAULT, unchanged)
    random = random_arm(plan, symptoms, place, unchanged)
    arms = [remedy_arm(plan, symptoms, place, r, unchanged) for r in plan.remedies(symptoms)]
    ranked = tuple(sorted(arms, key=_rank))
    verdict = judge_remedies(unchanged, default, random, ranked, symptoms.lr_times)
    return RemedyStudy(place.path, plan, symptoms, unchanged, default, random, ranked, verdict)


def _rank(arm: Arm) -> tuple[bool, bool, float]:
    """The largest effect first; of equal ones, the order in which they were tried stays."""
    effect = arm.effect
    return bool(arm.refusal), effect is None, 0.0 if effect is None else -effect.median


def _symptoms(plan: RemedyPlan, place: StudyFolder) -> Symptoms:
    """Of the run that is treated; nothing is known of one that has not been trained."""
    if plan.symptoms is not None:
        return plan.symptoms
    run = run_at(place.run(trial_name(UNCHANGED.name, 0)))
    return Symptoms() if run is None else symptoms_of(run)


def searched(symptoms: Symptoms, tried: Mapping[int, RemedyTrial]) -> Symptoms:
    """With what the search for a learning rate has come to; nothing while it goes on."""
    if 0 not in tried or next_rung(tried, first_rung(symptoms.sharpness)) is not None:
        return symptoms
    place = fitting_rung(tried)
    return symptoms if place is None else replace(symptoms, lr_times=RUNGS[place])


def _tried_rates(plan: RemedyPlan, place: StudyFolder) -> dict[int, RemedyTrial]:
    """The trials of the search that there are, by rung; the unchanged run is the first."""
    names = [UNCHANGED.name, *(lr_over(times).name for times in RUNGS[1:])]
    rows = [read_remedy_trial(place, name, 0, script=plan.subject.script) for name in names]
    return {rung: row for rung, row in enumerate(rows) if row.outcome != "not run"}


def _keep_checkpoint(plan: RemedyPlan, place: StudyFolder) -> None:
    """Make the study's own copy of what it forks from, whole or not at all."""
    source, own = plan.subject.source, place.path / FORK
    if source is None or own.exists():
        return
    try:
        with replacing(own) as half:
            shutil.copyfile(source, half)
    except OSError as error:
        raise RunError(f"cannot copy the checkpoint {source}: {error.strerror or error}") from error


def _tried(study: RemedyStudy, run: Run) -> Tried:
    """What is left with the treated run."""
    verdict = study.verdict
    return Tried(
        proven=verdict.outcome == "proven",
        remedy=verdict.remedy,
        message=verdict.message,
        command=verdict.command,
        study=str(study.folder.resolve()),
        iterations=run.iterations,
    )


class _RemedyTrials(RunTrials[RemedySetting]):
    """The trials of a study of remedies, in several rounds."""

    def __init__(
        self, plan: RemedyPlan, place: StudyFolder, engine: Engine, view: StudyView | None
    ) -> None:
        super().__init__(place, engine, view, script=plan.subject.script)
        self._plan = plan
        self.symptoms = Symptoms()
        """Of the treated run, once they are known."""

    def trial(self, setting: RemedySetting) -> Trial:
        """As strong as the symptoms ask for."""
        return self._plan.trial(setting, self.symptoms, self.place)

    def search(self, symptoms: Symptoms) -> Symptoms:
        """Train at lower learning rates until it is known which of them fits."""
        self.train([RemedySetting(UNCHANGED, 0)])
        tried = {0: self.row(RemedySetting(UNCHANGED, 0))}
        while (rung := next_rung(tried, first_rung(symptoms.sharpness))) is not None:
            setting = RemedySetting(lr_over(RUNGS[rung]), 0)
            self.train([setting])
            tried[rung] = self.row(setting)
        return searched(symptoms, tried)

    def row(self, setting: RemedySetting) -> RemedyTrial:
        """What it came to."""
        remedy, seed = setting.remedy.name, setting.seed
        return read_remedy_trial(self.place, remedy, seed, script=self.script)

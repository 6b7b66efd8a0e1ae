"""An arm of the study: one way of training, with its trials and what they change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backsight.studies._folder import StudyFolder
from backsight.studies.remedies._effect import Effect, effect_of
from backsight.studies.remedies._plan import FORK, RemedyPlan
from backsight.studies.remedies._row import RemedyTrial, read_remedy_trial
from backsight.studies.remedies._symptoms import Symptoms
from backsight.studies.remedies._table import CALLED_FOR, Remedy

__all__ = ["Arm", "random_arm", "remedy_arm"]


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import read_remedy_study, remedies_for_task
        >>> study = read_remedy_study(remedies_for_task(MemoryEcho(), seeds=2), "runs/study")
        >>> arm = study.unchanged
        >>> arm.name, [trial.outcome for trial in arm.trials], arm.effect
        ('unchanged', ['not run', 'not run'], None)
    """

    name: str
    about: str
    codes: tuple[str, ...]
    """Findings on the treated run that call for it."""
    refusal: str
    """Why it cannot be tried on this training; empty where it can."""
    change: str
    """What it is here, as options."""
    command: str
    code: str
    """The same in a loop of the user's own; empty where there is none."""
    trials: tuple[RemedyTrial, ...]
    """One a seed; none where it is refused."""
    fresh: tuple[RemedyTrial, ...]
    """Of the seeds of the proof, those that were trained."""
    effect: Effect | None
    """Against the unchanged run, seed by seed."""
    proof: Effect | None
    """The same of the fresh seeds."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "name": self.name,
            "about": self.about,
            "codes": list(self.codes),
            "refusal": self.refusal,
            "change": self.change,
            "command": self.command,
            "code": self.code,
            "trials": [trial.as_dict() for trial in self.trials],
            "fresh": [trial.as_dict() for trial in self.fresh],
            "effect": self.effect and self.effect.as_dict(),
            "proof": self.proof and self.proof.as_dict(),
        }


def remedy_arm(
    plan: RemedyPlan,
    symptoms: Symptoms,
    place: StudyFolder,
    remedy: Remedy,
    unchanged: Arm | None = None,
) -> Arm:
    """Of one remedy; ``unchanged`` is what it is compared with."""
    subject = plan.subject
    refused = subject.refuses(remedy, symptoms)
    fork = place.path / FORK
    of_seed = dict.fromkeys((*range(plan.seeds), *plan.fresh), remedy)
    trials = () if refused else _rows(plan, place, of_seed)
    fresh = _fresh(plan, place, of_seed)
    return Arm(
        remedy.name,
        remedy.about,
        tuple(code for code in symptoms.codes if remedy.name in CALLED_FOR[code]),
        refused,
        "" if refused or unchanged is None else subject.change(remedy, symptoms),
        "" if refused else subject.command(remedy, symptoms, fork),
        "" if refused else subject.code(remedy, symptoms),
        trials,
        fresh,
        *_effects(trials, fresh, unchanged),
    )


def random_arm(plan: RemedyPlan, symptoms: Symptoms, place: StudyFolder, unchanged: Arm) -> Arm:
    """Of a remedy drawn for each seed."""
    drawn = {seed: plan.drawn(symptoms, seed) for seed in (*range(plan.seeds), *plan.fresh)}
    of_seed = {seed: remedy for seed, remedy in drawn.items() if remedy is not None}
    trials, fresh = _rows(plan, place, of_seed), _fresh(plan, place, of_seed)
    return Arm(
        "random",
        "one of the remedies that no finding names, drawn for each seed",
        (),
        "" if of_seed else "no remedy can be tried",
        ", ".join(trial.remedy for trial in trials),
        "",
        "",
        trials,
        fresh,
        *_effects(trials, fresh, unchanged),
    )


def _rows(
    plan: RemedyPlan, place: StudyFolder, of_seed: Mapping[int, Remedy], *, fresh: bool = False
) -> tuple[RemedyTrial, ...]:
    """Of the seeds that rank, or of the fresh ones."""
    return tuple(
        read_remedy_trial(place, remedy.name, seed, script=plan.subject.script)
        for seed, remedy in of_seed.items()
        if (seed in plan.fresh) == fresh
    )


def _fresh(
    plan: RemedyPlan, place: StudyFolder, of_seed: Mapping[int, Remedy]
) -> tuple[RemedyTrial, ...]:
    """Those that were trained."""
    rows = _rows(plan, place, of_seed, fresh=True)
    return tuple(row for row in rows if row.outcome != "not run")


def _effects(
    trials: Sequence[RemedyTrial], fresh: Sequence[RemedyTrial], unchanged: Arm | None
) -> tuple[Effect | None, Effect | None]:
    if unchanged is None:
        return None, None
    return effect_of(trials, unchanged.trials), effect_of(fresh, unchanged.fresh)

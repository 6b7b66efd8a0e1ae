"""What a remedy study trains: a run as it is, a default fix, remedies; with several seeds each."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import SettingError
from backsight.studies._folder import StudyFolder
from backsight.studies._trial import Trial
from backsight.studies.remedies._row import trial_name
from backsight.studies.remedies._subject import Subject
from backsight.studies.remedies._symptoms import Symptoms
from backsight.studies.remedies._table import CALLED_FOR, DEFAULT, REMEDIES, UNCHANGED, Remedy

__all__ = ["FORK", "RemedyPlan", "RemedySetting"]

FORK = "fork.ckpt"
"""The study's own copy of the checkpoint that it begins from: the run may let go of it."""


@dataclass(frozen=True, slots=True)
class RemedySetting:
    """One trial's place in the study."""

    remedy: Remedy
    seed: int

    @property
    def name(self) -> str:
        """Of its run folder."""
        return trial_name(self.remedy.name, self.seed)

    @property
    def label(self) -> str:
        """``orthogonal, seed 0``."""
        return f"{self.remedy.name}, seed {self.seed}"

    @property
    def group(self) -> str:
        """All train for as long, or nearly."""
        return ""

    @property
    def work(self) -> int:
        """As much as of any other."""
        return 1


@dataclass(frozen=True)
class RemedyPlan:
    """A study of remedies on a task of the lab, on a run of it, or on a script's run.

    Raises:
        SettingError: there are no seeds, or there is no such remedy.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import RemedyPlan, remedies_for_task
        >>> plan = remedies_for_task(MemoryEcho(), seeds=2)
        >>> isinstance(plan, RemedyPlan), plan.stem, list(plan.fresh)
        (True, 'study-remedies-echo', [2, 3])
    """

    subject: Subject
    seeds: int = 3
    only: tuple[str, ...] = ()
    """Remedies to try; all where none are named."""
    run: Path | None = None
    """The run that is treated; where there is none, the unchanged trial with the first seed."""
    symptoms: Symptoms | None = None
    """Of that run; None where it has yet to be trained."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise SettingError(f"--seeds must be a whole number of at least 1, not {self.seeds}")
        known = [remedy.name for remedy in REMEDIES]
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise SettingError(
                f"there is no remedy {unknown[0]!r}: --only expects names from {', '.join(known)}"
            )

    @property
    def stem(self) -> str:
        """Name of the study's folder."""
        return f"study-remedies-{self.subject.name}"

    def as_dict(self) -> dict[str, Any]:
        """What decides the trials."""
        return {
            "kind": "remedies",
            **self.subject.as_dict(),
            "run": None if self.run is None else str(self.run.resolve()),
            "symptoms": None if self.symptoms is None else self.symptoms.as_dict(),
            "seeds": self.seeds,
            "only": list(self.only),
        }

    def remedies(self, symptoms: Symptoms) -> list[Remedy]:
        """Those that are asked for, what the findings call for first."""
        named = list(dict.fromkeys(name for code in symptoms.codes for name in CALLED_FOR[code]))
        place = {name: at for at, name in enumerate(named)}
        ordered = sorted(REMEDIES, key=lambda remedy: place.get(remedy.name, len(named)))
        return [remedy for remedy in ordered if not self.only or remedy.name in self.only]

    def searches(self, symptoms: Symptoms) -> bool:
        """Whether trials look for a lower learning rate: a finding, or the user, asks for it."""
        named = self.only or tuple(n for code in symptoms.codes for n in CALLED_FOR[code])
        return "lr-fit" in named and not self.subject.script

    def drawn(self, symptoms: Symptoms, seed: int) -> Remedy | None:
        """The random fix of a seed: any that is possible, among those that no finding names.

        Its trial is that remedy's own. None where nothing is possible.
        """
        named = {name for code in symptoms.codes for name in CALLED_FOR[code]}
        possible = [r for r in REMEDIES if not r.searched and not self.subject.refuses(r, symptoms)]
        pool = [r for r in possible if r.name not in named] or possible
        return pool[int(np.random.default_rng(seed).integers(len(pool)))] if pool else None

    def compared(self, symptoms: Symptoms, seed: int) -> list[Remedy]:
        """What remedies are compared with: the unchanged run, the default fix, a random one."""
        random = self.drawn(symptoms, seed)
        default = [] if self.subject.refuses(DEFAULT, symptoms) else [DEFAULT]
        return [UNCHANGED, *default, *([random] if random is not None else [])]

    def trials(self, symptoms: Symptoms) -> list[RemedySetting]:
        """All that the ranking needs, seed by seed: a study that is cut short has some of each."""
        wanted = [
            RemedySetting(remedy, seed)
            for seed in range(self.seeds)
            for remedy in (*self.compared(symptoms, seed), *self.remedies(symptoms))
            if not self.subject.refuses(remedy, symptoms)
        ]
        return list(dict.fromkeys(wanted))

    def proof(self, symptoms: Symptoms, winner: str) -> list[RemedySetting]:
        """The trials, on seeds that had no part in choosing it, that prove the winner."""
        own = next(remedy for remedy in REMEDIES if remedy.name == winner)
        wanted = [
            RemedySetting(remedy, seed)
            for seed in self.fresh
            for remedy in (own, *self.compared(symptoms, seed))
        ]
        return list(dict.fromkeys(wanted))

    @property
    def fresh(self) -> Sequence[int]:
        """Seeds of the proof, as many again."""
        return range(self.seeds, 2 * self.seeds)

    def trial(self, setting: RemedySetting, symptoms: Symptoms, place: StudyFolder) -> Trial:
        """A trial's command line."""
        run = place.run(setting.name)
        words = self.subject.arguments(
            setting.remedy, symptoms, setting.seed, run, place.path / FORK
        )
        command = (sys.executable, "-m", "backsight", *words)
        return Trial(setting.name, command, run, place.log(setting.name))

"""What is treated: settings of the lab, from the start or from a checkpoint; or a script."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from backsight.lab import Training
from backsight.studies._command import differences, train_words
from backsight.studies._runs import has_checkpoint
from backsight.studies.remedies._symptoms import Symptoms
from backsight.studies.remedies._table import UNCHANGED, Remedy, changed

__all__ = ["LabSubject", "ScriptSubject", "Subject"]


class Subject(Protocol):
    """Something whose training a study can change and repeat."""

    @property
    def script(self) -> bool:
        """Whether its trials can only be begun anew."""

    @property
    def source(self) -> Path | None:
        """The checkpoint that training goes on from."""

    @property
    def name(self) -> str:
        """For the name of the study's folder."""

    def refuses(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """Why a remedy cannot be tried on it; empty where it can."""

    def change(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """What the remedy is here, as options."""

    def arguments(
        self, remedy: Remedy, symptoms: Symptoms, seed: int, run: Path, fork: Path
    ) -> list[str]:
        """What comes after ``backsight`` in a trial's command line."""

    def command(self, remedy: Remedy, symptoms: Symptoms, fork: Path) -> str:
        """The command for the user's own use."""

    def code(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """The same as a line in a loop of the user's own; empty where there is none."""

    def as_dict(self) -> dict[str, Any]:
        """What decides the trials."""


@dataclass(frozen=True)
class LabSubject:
    """A training of the lab."""

    settings: Training
    name: str
    """Of the task, or of the run that it is."""
    digest: str = ""
    """Of the checkpoint that the settings fork from."""
    script: bool = False

    @property
    def source(self) -> Path | None:
        """As the settings say."""
        return self.settings.fork

    def refuses(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """As the table of remedies says."""
        found = changed(remedy, self.settings, symptoms)
        return found if isinstance(found, str) else ""

    def change(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """Options of ``backsight train``."""
        return differences(self._settings(remedy, symptoms), self._settings(UNCHANGED, symptoms))

    def arguments(
        self, remedy: Remedy, symptoms: Symptoms, seed: int, run: Path, fork: Path
    ) -> list[str]:
        """Train, or go on with a trial that was cut short."""
        if has_checkpoint(run):
            return ["train", "--resume", str(run)]
        settings = self._settings(remedy, symptoms)
        settings = replace(settings, seed=settings.seed + seed, fork=settings.fork and fork)
        return [*train_words(settings), "--run", str(run), "--no-report"]

    def command(self, remedy: Remedy, symptoms: Symptoms, fork: Path) -> str:
        """With the run's own seed."""
        settings = self._settings(remedy, symptoms)
        settings = replace(settings, fork=settings.fork and fork)
        return shlex.join(["backsight", *train_words(settings)])

    def code(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """None: the lab's loop is not the user's."""
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Task, settings, and which checkpoint."""
        settings = asdict(self.settings)
        return {
            "task": self.settings.task_name,
            "settings": {name: settings[name] for name in settings if name not in ("run", "fork")},
            "checkpoint": self.digest,
        }

    def _settings(self, remedy: Remedy, symptoms: Symptoms) -> Training:
        found = changed(remedy, self.settings, symptoms)
        assert not isinstance(found, str), found
        return found


@dataclass(frozen=True)
class ScriptSubject:
    """A script that ``backsight run`` has run; what a guard can do is tried."""

    words_before: tuple[str, ...]
    """Options of ``backsight run`` but for its folder and its guard."""
    words_after: tuple[str, ...]
    """The script, or ``-m`` and the module, and its arguments."""
    name: str
    seed_argument: str = ""
    """The script's argument for the seed, up to its value; empty where it has none."""
    script: bool = True
    source: Path | None = None

    def refuses(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """What no guard can do is the script's own."""
        if remedy.guard is None:
            return "it is the script's own to change: a guard acts from outside"
        if not remedy.guard(symptoms) and remedy is not UNCHANGED:
            return "there is nothing to change, or it was not recorded"
        return ""

    def change(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """The guard's policies."""
        return f"--guard {self._policies(remedy, symptoms)}"

    def arguments(
        self, remedy: Remedy, symptoms: Symptoms, seed: int, run: Path, fork: Path
    ) -> list[str]:
        """Run it from its beginning."""
        given = self.seed_argument
        seeded = [given.rstrip(), str(seed)] if given.endswith(" ") else [f"{given}{seed}"]
        return [*self._run(remedy, symptoms, ["--run", str(run)]), *(seeded if given else [])]

    def command(self, remedy: Remedy, symptoms: Symptoms, fork: Path) -> str:
        """With the run's own arguments."""
        return shlex.join(["backsight", *self._run(remedy, symptoms, [])])

    def code(self, remedy: Remedy, symptoms: Symptoms) -> str:
        """A guard in the script itself."""
        policies = f"*backsight.guard.policies_from({self._policies(remedy, symptoms)!r})"
        return f"guard = backsight.Guard(model, optimizer, {policies})  # then guard.step(loss)"

    def as_dict(self) -> dict[str, Any]:
        """The command, by its parts."""
        return {
            "script": list(self.words_after),
            "options": list(self.words_before),
            "seed_argument": self.seed_argument,
        }

    def _policies(self, remedy: Remedy, symptoms: Symptoms) -> str:
        return remedy.guard(symptoms) if remedy.guard else ""

    def _run(self, remedy: Remedy, symptoms: Symptoms, more: Sequence[str]) -> list[str]:
        policies = self._policies(remedy, symptoms)
        guard = ["--guard", policies] if policies else []
        return ["run", *self.words_before, *more, *guard, *self.words_after]

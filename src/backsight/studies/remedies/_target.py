"""What a study of remedies is of: a task, a run of the lab, or a script's run."""

import hashlib
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from backsight.errors import RunError, SettingError
from backsight.lab import Training, settings_of
from backsight.signals import Run
from backsight.studies._runs import CHECKPOINTS
from backsight.studies.remedies._plan import RemedyPlan
from backsight.studies.remedies._subject import LabSubject, ScriptSubject
from backsight.studies.remedies._symptoms import symptoms_of

__all__ = ["remedies_for_run", "remedies_for_task"]


def remedies_for_task(settings: Training, seeds: int = 3, only: tuple[str, ...] = ()) -> RemedyPlan:
    """A study of a training that has yet to be made.

    Args:
        settings: of the unchanged run; ``iterations`` are the budget of every trial.
        seeds: trials of each remedy.
        only: remedies to try; all by default.

    Raises:
        SettingError: as of :class:`RemedyPlan`.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import Symptoms, remedies_for_task
        >>> plan = remedies_for_task(MemoryEcho(iterations=200), seeds=2)
        >>> plan.stem, len(plan.trials(Symptoms())) > 10
        ('study-remedies-echo', True)
    """
    plain = replace(settings, run=None, report=True)
    return RemedyPlan(LabSubject(plain, settings.task_name), seeds, only)


def remedies_for_run(
    run: Run | Path | str,
    start: str = "start",
    budget: int | None = None,
    seeds: int = 3,
    only: tuple[str, ...] = (),
    seed_argument: str = "",
) -> RemedyPlan:
    """A study of a run that there is.

    Args:
        run: of ``backsight train``, or of ``backsight run``.
        start: ``start``, or the checkpoint that every trial goes on from: its iteration,
            ``best`` or ``last``.
        budget: iterations of each trial from there; as many as the run was to have by default.
        seeds: trials of each remedy.
        only: remedies to try; all by default.
        seed_argument: a script's argument for the seed, such as ``--seed=``.

    Raises:
        RunError: it cannot be read, still trains, or does not tell how it was made.
        SettingError: there is no such checkpoint or remedy, or nothing is left to train.

    Example:
        >>> from pathlib import Path
        >>> from backsight.lab import MemoryEcho, train
        >>> from backsight.studies import remedies_for_run
        >>> small = {"length": 10, "hidden": 4, "iterations": 2, "validate_sequences": 8}
        >>> run = train(MemoryEcho(**small, device="cpu", report=False, run=Path("runs/echo")))
        >>> plan = remedies_for_run(run, seeds=2)
        >>> plan.run.as_posix(), plan.symptoms.iterations
        ('runs/echo', 2)
    """
    run = run if isinstance(run, Run) else Run(run)
    if run.status == "running":
        raise RunError(f"{run.path} is still being trained: wait for it, or stop it first")
    if budget is not None and budget < 1:
        raise SettingError(f"--budget must be at least 1 iteration, not {budget}")
    if run.info.get("kind") == "run":
        if start != "start" or budget is not None:
            raise SettingError(
                f"{run.path} is a script's run: each trial runs the script from its beginning to "
                "its end, so leave out --from and --budget"
            )
        return RemedyPlan(_script(run, seed_argument), seeds, only, run.path, symptoms_of(run))
    if seed_argument:
        raise SettingError("--seed-argument is for a script's run: the lab has --seeds")
    settings = replace(settings_of(run), run=None, report=True)
    if start != "start":
        settings = replace(settings, fork=_checkpoint(run.path / CHECKPOINTS, start))
    began, digest = _origin(settings)
    if budget is not None:
        settings = replace(settings, iterations=began + budget)
    if settings.iterations <= began:
        raise SettingError(
            f"nothing is left of {run.path} after its {began:,} iterations: say how many more "
            "with --budget"
        )
    subject = LabSubject(settings, run.name, digest)
    return RemedyPlan(subject, seeds, only, run.path, symptoms_of(run))


def _checkpoint(folder: Path, which: str) -> Path:
    from backsight.state import Checkpoints

    checkpoints = Checkpoints(folder)
    by_iteration = {str(int(path.stem.rpartition("-")[2])): path for path in checkpoints.paths}
    if not by_iteration:
        raise SettingError(f"{folder} holds no checkpoint: leave out --from to begin at the start")
    if which == "last":
        return checkpoints.paths[0]
    found = checkpoints.best if which == "best" else by_iteration.get(which)
    if found is None:
        there = ", ".join(reversed(by_iteration))
        raise SettingError(
            f"there is no checkpoint {which!r} of this run: --from expects start, best, last or "
            f"one of {there}"
        )
    return found


def _origin(settings: Training) -> tuple[int, str]:
    """Iterations that the checkpoint to begin from has, and its digest.

    Raises:
        RunError: it is gone or damaged.
    """
    if settings.fork is None:
        return 0, ""
    from backsight.state import load_checkpoint

    began = load_checkpoint(settings.fork).iteration
    with settings.fork.open("rb") as file:
        return began, hashlib.file_digest(file, "sha256").hexdigest()


def _script(run: Run, seed_argument: str) -> ScriptSubject:
    """From what ``run.json`` tells of the command.

    Raises:
        RunError: it does not tell it, or the script is not where it was.
    """
    config: dict[str, Any] = run.info.get("config", {})
    try:
        given = list(config["arguments"])
        words = shlex.split(run.info["command"])
        words = words[: len(words) - len(given)]
        script = words[-2:] if words[-2:-1] == ["-m"] else [words[-1]]
        options = {name: config[name] for name in ("every", "budget", "sequences", "inputs")}
        guard = config["guard"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(f"{run.path} does not tell the command that it was made by") from error
    if guard is not None:
        raise RunError(f"{run.path} had a guard ({guard}): remedies are tried on a run without one")
    if script[0] != "-m" and not Path(script[0]).is_file():
        raise RunError(
            f"{run.path} was made by the script {script[0]}, which is not here: go to the folder "
            "that it was run in"
        )
    before = [
        word for name, value in options.items() if value is not None
        for word in (f"--{name}", str(value))
    ]  # fmt: skip
    if seed_argument and not seed_argument.endswith(("=", " ")):
        seed_argument += "="
    return ScriptSubject(tuple(before), (*script, *given), run.name, seed_argument)

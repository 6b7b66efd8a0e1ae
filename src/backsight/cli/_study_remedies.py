"""``backsight study remedies RUN`` or ``TASK``: which remedy really helps this training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import tyro

from backsight.cli._options import parse
from backsight.cli._study_conduct import conduct, finish
from backsight.cli._study_options import Shared, StudyOptions, own_names, read_options
from backsight.cli._train import ALIASES
from backsight.errors import SettingError
from backsight.lab import TASKS

if TYPE_CHECKING:
    from backsight.studies import RemedyPlan

__all__ = ["main"]

USAGE = """usage: backsight study remedies TASK [options] [options of train]
       backsight study remedies RUN [options]

Diagnose a training, try remedies on it, each alone and with several seeds, against the unchanged
training, a default fix and a random one, and say which one helps, by how much and whether that is
proven. RUN is a run of backsight train, or of backsight run, on which a guard's remedies are tried;
it is left as it is, but for remedies.json, of which backsight diagnose tells.
"""

SETTLED = ("--run", "--resume", "--report", "--no-report", "--fork")
"""What the study sets in every trial of a task."""


@dataclass(frozen=True)
class RemedyOptions:
    """Options of the study."""

    start: Annotated[str, tyro.conf.arg(name="from")] = "start"
    """Where each trial of a RUN begins: start, or a checkpoint of it by its iteration, best, or
    last."""
    budget: Optional[int] = None
    """Iterations of each trial; by default as many as the training was to have, or has left."""
    seeds: int = 3
    """Trials of each remedy. From 3 on the best one is trained again with as many fresh seeds, to
    prove it."""
    only: str = ""
    """Remedies to try, such as clip,orthogonal,lstm; all by default."""
    study: Shared = field(default_factory=StudyOptions)


COMMAND = "backsight study remedies"
OWN = own_names(RemedyOptions) - {"--start"} | {"--from"}


def main(arguments: Sequence[str]) -> int:
    """Run the study, print what came of it; 1 where trials failed."""
    target, options, theirs = read_options(
        RemedyOptions, arguments, OWN, command=COMMAND, usage=_usage
    )
    plan = _plan(options, target, theirs)
    from backsight.studies import print_remedy_study, remedy_study, write_remedy_page

    study = conduct(
        plan,
        remedy_study,
        options.study,
        begun=lambda workers: f"{workers} trials at once",
        command=COMMAND,
        arguments=arguments,
    )
    if study is None:
        return 130
    return finish(study, write_remedy_page, print_remedy_study, options.study)


def _usage() -> str:
    """With every remedy."""
    from backsight.studies import REMEDIES

    remedies = "\n".join(f"  {remedy.name:14} {remedy.about}" for remedy in REMEDIES)
    return f"{USAGE}\nremedies:\n{remedies}\n"


def _plan(options: RemedyOptions, target: str, theirs: Sequence[str]) -> "RemedyPlan":
    if not target:
        raise SettingError(f"study remedies expects a run folder, or a task: {', '.join(TASKS)}")
    only = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", options.only))))
    task = ALIASES.get(target, target)
    if task in TASKS:
        return _task_plan(options, task, theirs, only)
    if not Path(target).exists():
        raise SettingError(
            f"{target!r} is neither a run folder nor a task: give a folder such as "
            f"runs/chars-rnn-1, or one of {', '.join(TASKS)}"
        )
    if theirs:
        raise SettingError(
            f"{theirs[0].partition('=')[0]} cannot be given with a run, whose settings are its "
            "own: give a task to choose them"
        )
    from backsight.studies import remedies_for_run

    return remedies_for_run(
        Path(target),
        options.start,
        options.budget,
        options.seeds,
        only,
        options.study.seed_argument,
    )


def _task_plan(
    options: RemedyOptions, task: str, theirs: Sequence[str], only: tuple[str, ...]
) -> "RemedyPlan":
    """Of a task of the lab; its settings are checked before the first trial begins."""
    from backsight.studies import check_alone, check_text, remedies_for_task

    if options.start != "start":
        raise SettingError(
            f"--from {options.start} names a checkpoint, and a task has none: give a run folder"
        )
    if options.study.seed_argument:
        raise SettingError("--seed-argument is for a script's run: a task's seed is --seed")
    check_alone(theirs, SETTLED)
    words = list(theirs)
    if options.budget is not None:
        if any(word.partition("=")[0] == "--iterations" for word in theirs):
            raise SettingError("--budget and --iterations say the same: give one of them")
        if options.budget < 1:
            raise SettingError(f"--budget must be at least 1 iteration, not {options.budget}")
        words += ["--iterations", str(options.budget)]
    settings = parse(TASKS[task], f"backsight train {task}", words)
    check_text(settings)
    return remedies_for_task(settings, options.seeds, only)

"""``backsight study remedies RUN`` or ``TASK``: which remedy helps this training."""

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

USAGE = """usage: backsight study remedies TASK [options] [train options]
       backsight study remedies RUN [options]

Diagnose a training and try remedies on it, each on its own and with several
seeds. Compare them with the unchanged training, a default fix and a random fix.
Report which remedy helps, by how much, and whether this is proven.

RUN is a run of backsight train or of backsight run; on the latter, the study
tries the remedies that a guard can apply. The study adds the file remedies.json
to the run, which backsight diagnose reads, and changes nothing else in it.
"""

SETTLED = ("--run", "--resume", "--report", "--no-report", "--fork")
"""What the study sets in every trial of a task."""


@dataclass(frozen=True)
class RemedyOptions:
    """Options of the study."""

    start: Annotated[str, tyro.conf.arg(name="from")] = "start"
    """Where each trial of a RUN starts: start, or a checkpoint of the run, given by its iteration,
    best or last."""
    budget: Optional[int] = None
    """The number of iterations per trial; by default all that the training has left."""
    seeds: int = 3
    """The number of trials per remedy. With 3 or more, the best remedy is trained again with as
    many fresh seeds to prove it."""
    only: str = ""
    """The remedies to try, such as clip,orthogonal,lstm; by default all."""
    study: Shared = field(default_factory=StudyOptions)


COMMAND = "backsight study remedies"
OWN = own_names(RemedyOptions) - {"--start"} | {"--from"}


def main(arguments: Sequence[str]) -> int:
    """Run the study and print its result; 1 if trials failed."""
    target, options, theirs = read_options(
        RemedyOptions, arguments, OWN, command=COMMAND, usage=_usage
    )
    plan = _plan(options, target, theirs)
    from backsight.studies import print_remedy_study, remedy_study, write_remedy_page

    study = conduct(
        plan,
        remedy_study,
        options.study,
        begun=lambda workers: f"{workers} trials in parallel",
        command=COMMAND,
        arguments=arguments,
    )
    if study is None:
        return 130
    return finish(study, write_remedy_page, print_remedy_study, options.study)


def _usage() -> str:
    """The usage, with a list of all remedies."""
    from backsight.studies import REMEDIES

    remedies = "\n".join(f"  {remedy.name:14} {remedy.about}" for remedy in REMEDIES)
    return f"{USAGE}\nremedies:\n{remedies}\n"


def _plan(options: RemedyOptions, target: str, theirs: Sequence[str]) -> "RemedyPlan":
    if not target:
        raise SettingError(f"study remedies expects a run folder or a task: {', '.join(TASKS)}")
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
            f"{theirs[0].partition('=')[0]} cannot be combined with a run, which has its own "
            "settings: give a task to choose them"
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
    """The plan for a task; its settings are checked before the first trial starts."""
    from backsight.studies import check_alone, check_text, remedies_for_task

    if options.start != "start":
        raise SettingError(
            f"--from {options.start} names a checkpoint, and a task has none: give a run folder"
        )
    if options.study.seed_argument:
        raise SettingError(
            "--seed-argument applies only to a run of a script: use --seed for a task"
        )
    check_alone(theirs, SETTLED)
    words = list(theirs)
    if options.budget is not None:
        if any(word.partition("=")[0] == "--iterations" for word in theirs):
            raise SettingError(
                "--budget and --iterations both set the iterations: give one of them"
            )
        if options.budget < 1:
            raise SettingError(f"--budget must be at least 1 iteration, not {options.budget}")
        words += ["--iterations", str(options.budget)]
    settings = parse(TASKS[task], f"backsight train {task}", words)
    check_text(settings)
    return remedies_for_task(settings, options.seeds, only)

"""``backsight study remedies RUN`` or ``TASK``: which remedy really helps this training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import tyro

from backsight.cli._options import parse
from backsight.cli._study_options import conduct, show, split_words
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

FLAGS = ("--json", "--no-json", "--open", "--no-open", "--help", "-h")
"""Those of our options that take no value."""


@dataclass(frozen=True)
class Options:
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
    seed_argument: str = ""
    """A script's argument for the seed, such as "--seed="; without one its trials are repeated."""
    engine: str = "local"
    """What runs the trials: local for as many processes as there are cores, or local:N; ray for Ray
    on this machine, ray:ADDRESS for a cluster."""
    gpus_per_trial: float = 0.0
    """GPUs that Ray gives each trial; a fraction shares one."""
    out: Optional[Path] = None
    """The study's folder; runs/study-remedies-NAME by default, with a number for another plan."""
    json: bool = False
    """Print everything as JSON; progress goes to standard error."""
    open: bool = False
    """Open the page in the browser."""


OWN = {"--from"} | {
    "--" + name.replace("_", "-") for name in Options.__dataclass_fields__ if name != "start"
}


def main(arguments: Sequence[str]) -> int:
    """Run the study, print what came of it; 1 where trials failed."""
    target, own, theirs = split_words(arguments, OWN, FLAGS)
    if any(word in ("-h", "--help") for word in own) or not arguments:
        from backsight.studies import REMEDIES

        print(USAGE)
        print("remedies:")
        for remedy in REMEDIES:
            print(f"  {remedy.name:14} {remedy.about}")
        print()
        parse(Options, "backsight study remedies", ["--help"])
    options = parse(Options, "backsight study remedies", own)
    plan = _plan(options, target, theirs)
    from backsight.studies import (
        find_folder,
        make_engine,
        print_remedy_study,
        remedy_study,
        write_remedy_page,
    )

    folder = options.out or find_folder(Path("runs"), plan.stem, plan.as_dict())
    engine = make_engine(options.engine, options.gpus_per_trial)
    study = conduct(
        lambda view: remedy_study(plan, folder, engine, view),
        folder=folder,
        begun=f"{engine.workers} trials at once",
        command="backsight study remedies",
        arguments=arguments,
        json=options.json,
    )
    if study is None:
        return 130
    page = write_remedy_page(study)
    show(study, page, print_remedy_study, json=options.json, browse=options.open)
    return int(any(trial.outcome == "failed" for trial in study.trials))


def _plan(options: Options, target: str, theirs: Sequence[str]) -> "RemedyPlan":
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
        Path(target), options.start, options.budget, options.seeds, only, options.seed_argument
    )


def _task_plan(
    options: Options, task: str, theirs: Sequence[str], only: tuple[str, ...]
) -> "RemedyPlan":
    """Of a task of the lab; its settings are checked before the first trial begins."""
    from backsight.studies import check_alone, check_text, remedies_for_task

    if options.start != "start":
        raise SettingError(
            f"--from {options.start} names a checkpoint, and a task has none: give a run folder"
        )
    if options.seed_argument:
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

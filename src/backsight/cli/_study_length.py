"""``backsight study length TASK`` or ``--script train.py``: what happens as sequences grow."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from backsight.cli._messages import say
from backsight.cli._options import parse
from backsight.cli._study_conduct import conduct, finish
from backsight.cli._study_options import (
    Shared,
    StudyOptions,
    own_names,
    read_options,
    split_words,
)
from backsight.cli._train import ALIASES
from backsight.errors import SettingError
from backsight.lab import TASKS
from backsight.nn import CELLS
from backsight.studies import LengthPlan, check_alone, read_lengths, read_vary

__all__ = ["main", "split"]

USAGE = """usage: backsight study length TASK --lengths 10,25,50 [options] [train options]
       backsight study length --script train.py --vary "--seq-len=10,25,50"
                              [options] [-- arguments]

Train the same code with the same budget at each sequence length. Report whether
learning collapses as sequences grow, from which length on, and why. All other
options go to every trial: to backsight train, or to the script.
"""

SETTLED = ("--run", "--seed", "--resume", "--report", "--no-report")
"""What the study sets in every trial of a task, besides the length."""


@dataclass(frozen=True)
class LengthOptions:
    """Options of the study."""

    script: Optional[Path] = None
    """Your own training script instead of a task; each trial runs it by backsight run."""
    vary: Optional[str] = None
    """The argument to vary and its values, as the script reads it: "--seq-len=10,25,50"."""
    lengths: Optional[str] = None
    """The lengths for a task: a list such as 10,25,50, or 10:200:5 for 5 lengths from 10 to 200
    with equal ratios."""
    seeds: int = 3
    """The number of trials at each length, with seeds 0, 1, …"""
    cell: str = "rnn"
    """The recurrent cells to compare on a task, such as rnn,lstm,gru."""
    study: Shared = field(default_factory=StudyOptions)


COMMAND = "backsight study length"
OWN = own_names(LengthOptions)


def main(arguments: Sequence[str]) -> int:
    """Run the study, write its page, print its table; 1 if trials failed."""
    task, options, theirs = read_options(
        LengthOptions, arguments, OWN, command=COMMAND, usage=lambda: USAGE
    )
    plan = _script_plan(options, task, theirs) if options.script else _plan(options, task, theirs)
    from backsight.studies import length_study, print_length_study, write_length_page

    study = conduct(
        plan,
        length_study,
        options.study,
        begun=lambda workers: f"{len(plan.settings)} trials, {workers} in parallel",
        command=COMMAND,
        arguments=arguments,
    )
    if study is None:
        return 130
    status = finish(study, write_length_page, print_length_study, options.study)
    if study.ignored:
        say(study.verdicts[0].message, sys.stderr)
        return 2
    return status


def split(arguments: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """The task, our own words, and those for every trial, which may follow ``--``."""
    return split_words(arguments, OWN)


def _plan(options: LengthOptions, task: str, theirs: Sequence[str]) -> LengthPlan:
    """The plan for a task; every trial's settings are checked before the first one starts."""
    if not task:
        raise SettingError(f"study length expects a task ({', '.join(TASKS)}) or --script train.py")
    task = ALIASES.get(task, task)
    if task not in TASKS:
        raise SettingError(f"there is no task {task!r}: choose one of {', '.join(TASKS)}")
    argument = "--seq-len" if task == "chars" else "--length"
    if options.vary is not None and options.lengths is not None:
        raise SettingError("--vary and --lengths both set the lengths: give one of them")
    if options.vary is not None:
        name, lengths = read_vary(options.vary)
        if name.rstrip(" =").replace("_", "-") != argument:
            raise SettingError(
                f"--vary expects {argument} for the task {task}, as in {argument}=10,25,50, not "
                f"{name.rstrip(' =')}"
            )
    elif options.lengths is not None:
        lengths = read_lengths(options.lengths)
    else:
        raise SettingError("a length study needs lengths: give them, as in --lengths 10,25,50,100")
    if options.study.seed_argument:
        raise SettingError("--seed-argument applies only to a script: leave it out")
    check_alone(theirs, (*SETTLED, argument))
    from backsight.studies import check_text

    cells = tuple(dict.fromkeys(cell for cell in re.split(r"[\s,]+", options.cell) if cell))
    if not cells or set(cells) - set(CELLS):
        raise SettingError(
            f"--cell expects some of {', '.join(CELLS)}, separated by commas, not {options.cell!r}"
        )
    for cell in cells:
        for length in lengths:
            words = [*theirs, argument, str(length), "--cell", cell]
            config = parse(TASKS[task], f"backsight train {task}", words)
    check_text(config)  # of the longest
    return LengthPlan(task, argument + "=", lengths, _seeds(options), cells, tuple(theirs))


def _script_plan(options: LengthOptions, task: str, theirs: Sequence[str]) -> LengthPlan:
    if task:
        raise SettingError(f"give either a task or --script, not both: {task!r} came with --script")
    if options.vary is None or options.lengths is not None:
        raise SettingError(
            'a script needs the argument to vary and its values: --vary "--seq-len=10,25,50"'
        )
    name, lengths = read_vary(options.vary)
    seed = options.study.seed_argument
    if seed and not seed.endswith(("=", " ")):
        seed += "="
    return LengthPlan(
        str(options.script), name, lengths, _seeds(options), ("",), tuple(theirs),
        script=True, seed_argument=seed,
    )  # fmt: skip


def _seeds(options: LengthOptions) -> int:
    if options.seeds < 1:
        raise SettingError(f"--seeds must be a whole number of at least 1, not {options.seeds}")
    return options.seeds

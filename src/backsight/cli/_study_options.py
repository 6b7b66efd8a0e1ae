"""The options that studies of runs share, and how they are told from those of the trials."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Optional, TypeVar

import tyro

from backsight.cli._options import parse

__all__ = ["Shared", "StudyOptions", "own_names", "read_options", "split_words"]

FLAGS = ("--json", "--no-json", "--open", "--no-open", "--help", "-h")
"""Those of our options that take no value."""


@dataclass(frozen=True)
class StudyOptions:
    """The options that all studies of runs share."""

    seed_argument: str = ""
    """The script's argument for the seed, such as "--seed="; without it, trials are repeats."""
    engine: str = "local"
    """Where the trials run: local (one process per core), local:N (N processes), ray (Ray on this
    machine) or ray:ADDRESS (a Ray cluster)."""
    gpus_per_trial: float = 0.0
    """The number of GPUs per trial, with Ray only; a fraction shares a GPU."""
    trial_timeout: Optional[float] = None
    """Stop a trial that has not finished after this many seconds, with --engine local only; it is a
    failed row, and the study continues. By default, a trial takes as long as it does."""
    out: Optional[Path] = None
    """The study's folder; by default runs/study-NAME, or the next free runs/study-NAME-N if that
    has other settings."""
    json: bool = False
    """Print the result as JSON; progress goes to standard error."""
    open: bool = False
    """Open the page in the browser."""


Shared = Annotated[StudyOptions, tyro.conf.arg(name="")]
"""The type of a field of a study's options that holds these, without a prefix of its own."""

AnyStudyOptions = TypeVar("AnyStudyOptions")


def own_names(options: type) -> set[str]:
    """The options of a study as they are typed, the shared ones among them."""
    own = {f.name for f in fields(options) if f.name != "study"}
    shared = {f.name for f in fields(StudyOptions)}
    return {"--" + name.replace("_", "-") for name in own | shared}


def read_options(
    options: type[AnyStudyOptions],
    arguments: Sequence[str],
    own: Collection[str],
    *,
    command: str,
    usage: Callable[[], str],
) -> tuple[str, AnyStudyOptions, list[str]]:
    """The subject of the study, its options, and the arguments of every trial.

    Args:
        options: the study's, with a field ``study`` for those that all have.
        arguments: as typed.
        own: options of the study, see :func:`own_names`.
        command: as typed, for messages.
        usage: what is printed above the help.

    Raises:
        SettingError: an argument is unknown, missing or unreadable.
        SystemExit: help was asked for.
    """
    target, ours, theirs = split_words(arguments, own)
    if any(word in ("-h", "--help") for word in ours) or not arguments:
        print(usage())
        parse(options, command, ["--help"])
    return target, parse(options, command, ours), theirs


def split_words(
    arguments: Sequence[str], own_names: Collection[str]
) -> tuple[str, list[str], list[str]]:
    """The subject, the study's own arguments, and those of every trial, which may follow ``--``.

    Args:
        arguments: as typed.
        own_names: options of the study.
    """
    own: list[str] = []
    theirs: list[str] = []
    words = list(arguments)
    target = words.pop(0) if words and not words[0].startswith("-") else ""
    while words:
        word = words.pop(0)
        if word == "--":
            theirs += words
            break
        name, given, _ = word.partition("=")
        name = name.replace("_", "-")
        if name in FLAGS or (name in own_names and given):
            own.append(word)
        elif name in own_names:
            # In one word: a value may look like an option, as that of --vary does.
            own.append(f"{word}={words.pop(0)}" if words else word)
        else:
            theirs.append(word)
    return target, own, theirs

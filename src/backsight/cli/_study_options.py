"""Options that the studies of runs share, and whose word on the command line is whose."""

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
    """What every study of runs has besides its own."""

    seed_argument: str = ""
    """A script's argument for the seed, such as "--seed="; without one its trials are repeated."""
    engine: str = "local"
    """What runs the trials: local for as many processes as there are cores, or local:N; ray for Ray
    on this machine, ray:ADDRESS for a cluster."""
    gpus_per_trial: float = 0.0
    """GPUs that Ray gives each trial; a fraction shares one."""
    out: Optional[Path] = None
    """The study's folder; by default one in runs/ with the study's name, and a number for another
    plan."""
    json: bool = False
    """Print everything as JSON; progress goes to standard error."""
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
    """What the study is of, its options, and the words for every trial.

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
    """What it is of, the study's own words, and those for every trial, which may follow ``--``.

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

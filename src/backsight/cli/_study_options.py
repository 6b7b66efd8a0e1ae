"""What the commands for studies share: whose word is whose, and what holds while trials run."""

import shlex
import signal
import sys
import webbrowser
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from backsight.report import StudyProgress
    from backsight.studies import LengthStudy, RemedyStudy

__all__ = ["conduct", "show", "split_words", "trials_run"]

Study = TypeVar("Study", "LengthStudy", "RemedyStudy")


def split_words(
    arguments: Sequence[str], own_names: Collection[str], flags: Collection[str]
) -> tuple[str, list[str], list[str]]:
    """What it is of, the study's own words, and those for every trial, which may follow ``--``.

    Args:
        arguments: as typed.
        own_names: options of the study.
        flags: those of them that take no value.
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
        if name in flags or (name in own_names and given):
            own.append(word)
        elif name in own_names:
            # In one word: a value may look like an option, as that of --vary does.
            own.append(f"{word}={words.pop(0)}" if words else word)
        else:
            theirs.append(word)
    return target, own, theirs


@contextmanager
def trials_run() -> Iterator[None]:
    """A SIGTERM ends a study as Ctrl-C does, trials included; standard output stays ours.

    Ray prints there what has become of its workers, and it may be JSON that is waited for.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def conduct(
    train: "Callable[[StudyProgress], Study]",
    *,
    folder: Path,
    begun: str,
    command: str,
    arguments: Sequence[str],
    json: bool,
) -> "Study | None":
    """Train a study with its progress on the screen; None where it is interrupted.

    Args:
        train: given whom to tell.
        folder: the study's.
        begun: said of it at the start.
        command: what goes on with it.
        arguments: as typed.
        json: standard output is for that.
    """
    from rich.console import Console

    from backsight.report import StudyProgress

    console = Console(highlight=False, file=sys.stderr if json else sys.stdout)
    try:
        with StudyProgress(console) as view, trials_run():
            view.say(f"{folder}: {begun}")
            return train(view)
    except KeyboardInterrupt:
        view.say(f"stopped; what is done is kept in {folder}, and the same command goes on:")
        view.say(f"  {command} {shlex.join(arguments)}")
        return None


def show(
    study: Study, page: Path, print_study: Callable[[Study], None], *, json: bool, browse: bool
) -> None:
    """Print what it came to, and open its page where that is asked for."""
    if json:
        from backsight.signals import dumps

        print(dumps({**study.as_dict(), "page": page}, indent=2))
    else:
        print_study(study)
        print(f"\nthe page: {page.resolve()}")
    if browse:
        webbrowser.open(page.resolve().as_uri())

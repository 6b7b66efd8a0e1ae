"""What the commands for studies share: whose word is whose, and what holds while trials run."""

import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import FrameType

__all__ = ["split_words", "trials_run"]


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

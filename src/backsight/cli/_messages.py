"""What the command line says beside a command's own output: a line on standard error."""

from contextlib import suppress
from typing import TextIO

from backsight._printable import printable

__all__ = ["say"]


def say(text: str, stream: TextIO | None) -> None:
    """Write a line on standard error, or nowhere if there is none: never on standard output.

    Args:
        text: the sentence, without our name.
        stream: standard error: as it was before a script, which may put another in its place.
    """
    if stream is None:
        return
    with suppress(Exception):  # closed, full or broken
        stream.write(f"backsight: {printable(text)}\n")
        stream.flush()

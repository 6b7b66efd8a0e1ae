"""Reads the options of a command into a dataclass, by tyro; an error is one sentence."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Annotated, TypeVar, Union

import tyro

from backsight.errors import SettingError

__all__ = ["FindingCodes", "SinkNames", "parse"]

AnyOptions = TypeVar("AnyOptions")

FindingCodes = Annotated[
    Union[None, tuple[str, ...]],  # noqa: UP007, RUF036 - tyro loads 0.2 s of typeguard for others
    tyro.conf.arg(metavar="CODE"),
]
"""Any number of codes of findings; None where the option is not given."""

SinkNames = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="SINK")]
"""Names of sinks, one each time the option is given."""


def parse(options: type[AnyOptions], command: str, arguments: Sequence[str]) -> AnyOptions:
    """Read ``arguments`` into ``options``.

    Args:
        options: a dataclass; its docstrings are the help.
        command: as typed, for messages: ``backsight train chars``.
        arguments: what came after it.

    Raises:
        SettingError: an argument is unknown, missing or unreadable.
        SystemExit: help was asked for.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(options, prog=command, args=list(arguments))
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise SettingError(
            f"{_sentence(said.getvalue(), options.__name__)} ({command} --help lists the options)"
        ) from None


def _sentence(box: str, owner: str) -> str:
    """The first paragraph of tyro's framed message, without the frame.

    Where the output takes ASCII alone, the title is a line by itself, with a rule below.
    """
    lines = re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()
    titled = box.lstrip().startswith("╭")
    words: list[str] = []
    for line in lines[titled:]:
        text = line.strip("│ ")
        if not titled and re.fullmatch("-{3,}", text):
            titled, words = True, []
        elif not text or re.fullmatch("[-─╰╯]{3,}", text):
            break
        else:
            words.append(text)
    sentence = re.sub(r"^Error parsing ", "", " ".join(words).rstrip("."))
    sentence = re.sub(  # what a dataclass's own check says needs no more introduction
        rf"^{owner}: ", "", sentence
    )
    sentence = re.sub(
        r"no type matching {None}\|(\w+) could be instantiated from \['(.*)'\]",
        r"expected None or a value of type \1, not '\2'",
        sentence,
    )
    sentence = re.sub(  # of its table of what is missing: a word in capitals, and its help
        r"^Missing from backsight (.*?): ([A-Z]+) (\w)(.*?)\.? \(required\)$",
        lambda found: f"{found[1]} needs {found[2]}, {found[3].lower()}{found[4]}",
        sentence,
    )
    return sentence or "cannot read the options"

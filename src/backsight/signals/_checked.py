"""JSON that somebody else may have written: bounded, and as its schema says, or a RunError.

A schema is a ``msgspec.Struct``; what it does not name is let through, since a later version may
have added it.
"""

import json
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from backsight.errors import RunError
from backsight.signals._migration import FORMAT
from backsight.signals._regular_file import read_regular

__all__ = ["check", "check_format", "parse", "read_object"]

MAX_DEPTH = 100
"""Lists and objects within each other. What Backsight writes has fewer than ten, besides what a
script gives it; what walks over them calls itself for each."""

WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
"""What JSON calls the types of msgspec."""

SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 40


def read_object(file: Path) -> dict[str, Any]:
    """The object that a file of JSON holds.

    Raises:
        RunError: it is no regular file, too large, too deep, or holds no JSON object.
        OSError: it is missing, or cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import read_object, write_json
        >>> write_json(Path("plan.json"), {"lr": 0.1})
        >>> read_object(Path("plan.json"))
        {'lr': 0.1}
    """
    content = parse(read_regular(file), str(file))
    if not isinstance(content, dict):
        raise RunError(f"{file} is damaged: it is {_named(content)}, expected an object")
    return content


def parse(text: str | bytes, where: str) -> Any:
    """What a text of JSON holds. A NaN is the string that ``dumps`` writes, never the bare word.

    Raises:
        RunError: it is no JSON, or too deep.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        content = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise RunError(
            f"{where} is damaged or only partly copied: it is not JSON ({error})"
        ) from error
    except RecursionError:
        raise RunError(_deep(where)) from None
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(content):
        raise RunError(_deep(where))
    return content


def check_format(content: dict[str, Any], file: Path) -> None:
    """See that this version reads the format that ``content`` names.

    Raises:
        RunError: it names none, or a newer one.

    Example:
        >>> from pathlib import Path
        >>> from backsight.errors import RunError
        >>> from backsight.signals import FORMAT, check_format
        >>> try:
        ...     check_format({"format": FORMAT + 1}, Path("study.json"))
        ... except RunError:
        ...     print("a newer version wrote it")
        a newer version wrote it
    """
    number = content.get("format")
    if type(number) is not int or number < 1:
        raise RunError(
            f"{file} was not written by Backsight, or is damaged: it contains no format number"
            if number is None
            else f"{file} is damaged: format is {_named(number)}, expected a whole number from 1 on"
        )
    if number > FORMAT:
        raise RunError(
            f"{file} was written by a newer Backsight (format {SHORT.repr(number)}; this "
            f"version reads formats up to {FORMAT}): upgrade with pip install -U backsight"
        )


def check(content: Any, schema: type[msgspec.Struct], where: str) -> None:
    """See that ``content`` is as ``schema`` says.

    Raises:
        RunError: ``WHERE is damaged: FIELD is …, expected …``.

    Example:
        >>> import msgspec
        >>> from backsight.errors import RunError
        >>> from backsight.signals import check
        >>> class Plan(msgspec.Struct):
        ...     lr: float
        >>> try:
        ...     check({"lr": "high"}, Plan, "plan.json")
        ... except RunError as error:
        ...     print(error)
        plan.json is damaged: lr is 'high', expected a number
    """
    try:
        msgspec.convert(content, schema)
    except msgspec.ValidationError as error:
        raise RunError(f"{where} is damaged: {_sentence(str(error), content, schema)}") from error
    except UnicodeEncodeError as error:  # JSON can spell halves of a character
        text = ascii(error.object)[:40]
        raise RunError(f"{where} is damaged: {text} is not valid Unicode") from error


def _sentence(message: str, content: Any, schema: type[msgspec.Struct]) -> str:
    """The message of msgspec as ``FIELD is …, expected …``."""
    what, _, path = message.partition(" - at `$")
    field = path.rstrip("`").removeprefix(".") or "its content"
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"{f'{field}.' if path else ''}{missing[1]} is missing"
    is_value = f"{field} is {_named(*_at(content, path))}"
    if expected := re.fullmatch(r"Expected `(.*?)`(.*?)(?:, got .*)?", what):
        kinds = " or ".join(WORDS.get(kind, kind) for kind in expected[1].split(" | "))
        return f"{is_value}, expected {kinds}{expected[2]}"
    if words := ", ".join(_words(get_type_hints(schema).get(field))):
        return f"{is_value}, expected one of {words}"
    return f"{is_value}: {what[:1].lower()}{what[1:]}"


def _at(content: Any, path: str) -> tuple[Any, ...]:
    """The value at a path such as ``.ended[...][1]``; empty where the path does not say."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path.rstrip("`")):
        if index == "...":
            return ()
        content = content[name] if name else content[int(index)]
    return (content,)


def _named(*value: Any) -> str:
    """A value in a sentence, in a few characters."""
    match value:
        case ():
            return "of another type"
        case (dict(),):
            return "an object"
        case (list(),):
            return "a list"
        case (None | bool() as word,):
            return json.dumps(word)
    return SHORT.repr(value[0])


def _words(hint: Any) -> Iterator[str]:
    for one in get_args(hint):
        if isinstance(one, str):
            yield one
        else:
            yield from _words(one)


def _is_deep(content: Any) -> bool:
    level, depth = [content], 0
    while level and depth <= MAX_DEPTH:
        level = [
            part
            for one in level
            if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1
    return bool(level)


def _deep(where: str) -> str:
    return (
        f"{where} is damaged: it has more than {MAX_DEPTH} lists and objects within each other, "
        "which Backsight never writes"
    )


def _refuse(word: str) -> None:
    raise ValueError(f"it contains the bare word {word}")

"""Damages JSON: every field, with values of every type, and the text itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["damage_json", "damaged_text"]

Keys = tuple[str | int, ...]

VALUES = (
    "null", "true", "false", "0", "-1", "1", "2", "-0.0", "0.5", "1e308", "-1e308", "1e-320",
    "1e999", "-1e999", "2147483648", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1" + "0" * 400, "1" + "0" * 5000,
    "NaN", "Infinity", "-Infinity", '""', '"NaN"', '"Infinity"', '"-Infinity"', '"0"', '"1"',
    '"rnn"', '"running"', '"finished"', '"guard_gave_up"', '"\\u0000"', '"\\ud800"',
    '"\\u202e\\u001b[2J"', '"<script>&amp;"', '"a\\nb"', '"[red]"', '"%s {0} $x"', '"../../etc"',
    '"é🙂"', '"' + "x" * 100_000 + '"', "[]", "[[]]", "[null]", "[0, 1.5]", '["a", 1]', "{}",
    '{"a": 1}', '{"": null}', '{"a": {"b": [{}]}}', "[" * 50 + "]" * 50, "[" * 99 + "]" * 99,
    "[" * 200 + "]" * 200, "[" * 20_000 + "]" * 20_000, '{"a":' * 300 + "1" + "}" * 300,
    "[" + "0," * 9999 + "0]", "'a'", "undefined", "0x10", "01", "+1", "1.", ".5", "",
)  # fmt: skip
"""As they stand in the text."""

MARK = '"\x00value\x00"'


def damage_json(file: Path, random: Random) -> str:
    """Damage a file of JSON, and say how."""
    text, how = damaged_text(file.read_text(), random)
    file.write_bytes(_encoded(text, random) if random.random() < 0.08 else text.encode())
    return how


def damaged_text(text: str, random: Random) -> tuple[str, str]:
    """A text of JSON that is damaged, and how."""
    content = json.loads(text)
    places = list(_places(content))
    if not places:
        return random.choice(VALUES), "replaced"
    place = random.choice(places)
    way = random.choice(("value",) * 8 + ("delete", "rename", "double", "add", "move", "twice"))
    name = ".".join(map(str, place))
    parent = _at(content, place[:-1])
    match way:
        case "delete":
            del parent[place[-1]]
        case "rename" if isinstance(parent, dict):
            key = random.choice(("", "format", "kind", "x" * 1000, "\ud800", "\x1b[31m", "NaN"))
            parent[key] = parent.pop(place[-1])
        case "double" if isinstance(parent, dict):
            # The key twice: of two, JSON's readers take the last one.
            doubled = json.dumps({**parent, MARK: 0})
            value = f"{json.dumps(str(place[-1]))}: {random.choice(VALUES[:40])}"
            told = doubled.replace(f"{json.dumps(MARK)}: 0", value)
            return _with(content, place[:-1], told), f"double {name}"
        case "add" if isinstance(parent, dict):
            added = json.dumps({**parent, MARK: 0})
            key = json.dumps(random.choice(("later", "", "__class__", "format", "end_reason")))
            told = added.replace(json.dumps(MARK), key).replace(": 0}", f": {_value(random)}}}")
            return _with(content, place[:-1], told), f"add to {name}"
        case "move":
            parent[place[-1]] = _at(content, random.choice(places))
            return _dumped(content), f"move to {name}"
        case "twice":
            return _with(content, place, _value(random))[: random.randrange(len(text) + 1)], "cut"
        case _:
            value = _value(random)
            return _with(content, place, value), f"{name} = {value[:40]}"
    return _dumped(content), f"{way} {name}"


def _value(random: Random) -> str:
    return random.choice(VALUES)


def _places(content: Any, above: Keys = ()) -> Iterator[Keys]:
    """Every field, and every field within it."""
    listed = enumerate(content) if isinstance(content, list) else ()
    for key, value in content.items() if isinstance(content, dict) else listed:
        yield (*above, key)
        yield from _places(value, (*above, key))


def _at(content: Any, place: Keys) -> Any:
    for key in place:
        content = content[key]
    return content


def _with(content: Any, place: Keys, value: str) -> str:
    """The text with ``value``, which need not be JSON, in a place."""
    if not place:
        return value
    _at(content, place[:-1])[place[-1]] = MARK
    return _dumped(content).replace(json.dumps(MARK), value)


def _dumped(content: Any) -> str:
    try:
        return json.dumps(content)
    except ValueError:  # a move put something into itself
        return "[]"


def _encoded(text: str, random: Random) -> bytes:
    """In an encoding that JSON does not have."""
    encoding = random.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1", "utf-7", "utf-16-be"))
    return text.encode(encoding, "replace")

"""Which rules came to a verdict: a fingerprint of their code and of their thresholds."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from backsight.diagnosis._rule import Rule

__all__ = ["rules_version"]

ROOMS = ("backsight.diagnosis", "backsight.signals")
"""All code that a verdict depends on: the rules with their statistics, and what their signals
mean. A change of a comment counts as well, which costs no more than to judge a run again."""


def rules_version(rules: Sequence[Rule]) -> str:
    """What identifies these rules; empty where their source cannot be read.

    The first 16 hexadecimal digits of a SHA-256 over the source of every module that a verdict
    depends on, and over class and thresholds of each rule, in their order.

    Args:
        rules: those of a judge.
    """
    code = _code()
    if not code:
        return ""
    content = [(type(r).__module__, type(r).__qualname__, r.thresholds) for r in rules]
    return sha256(code + json.dumps(content).encode()).hexdigest()[:16]


@cache
def _code() -> bytes:
    """The digest of all sources, each with its name; empty where there are none."""
    total = sha256()
    found = False
    for room in ROOMS:
        for name, source in _sources(files(room), room):
            found = True
            # A checkout may have changed the ends of the lines.
            total.update(f"{name}\0".encode() + source.replace(b"\r\n", b"\n") + b"\0")
    return total.digest() if found else b""


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of every module inside, in order."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            if item.name not in ("examples", "__pycache__"):  # scripts of the docs
                yield from _sources(item, f"{name}.{item.name}")
        elif item.name.endswith(".py"):
            yield f"{name}.{item.name}", item.read_bytes()

"""Lists every sentence that a user may read, each with its place: ``make sentences``.

A writer reads the list from end to end; nothing here decides whether a sentence is good. Listed
are the strings of two words or more in the source (an f-string with its fields in braces), the
help of commands and settings (their docstrings), the text of the page templates, the strings of
their scripts, and the prose of README, docs and the two guides. Docstrings elsewhere are for
readers of the code, and not listed.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "backsight"

HELP = ("cli", "_config.py", "_options.py", "_settings.py", "examples")
"""Files and folders whose docstrings the command line shows."""

PAGES = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs")

GENERATED = ("findings.md", "signals.md")
"""Pages written from strings that are listed where they stand."""

NOT_PROSE = re.compile(r"\s*(SELECT|CREATE|INSERT|UPDATE|DELETE|PRAGMA|BEGIN|DROP|ALTER)\b")

SCRIPT = re.compile(
    r"""
    //[^\n]* | /\*.*?\*/                                        # comments
    | (?<=[(,=:\[!&|?;{}\s])/(?![*/\s])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\n\[\\])+/  # patterns
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<template>`)
    """,
    re.DOTALL | re.VERBOSE,
)
"""What a script has that may hold a quote."""

NAMES = re.compile(r"(\bclass: [^,{}]*|(querySelector(All)?|closest|evaluate)(\?\.)?\()$")
"""What stands before a string that names things of a page."""

Place = tuple[int, str]
"""A line and what stands there."""


def is_prose(text: str) -> bool:
    """Two words side by side, one of them in lower case, and no SQL."""
    return (
        re.search(r"[A-Za-z]{2,}[,:;]? (\w|\{)", text) is not None
        and re.search(r"[a-z]{2}", text) is not None
        and NOT_PROSE.match(text) is None
    )


def _template(node: ast.JoinedStr) -> str:
    """An f-string as it was written, its fields in braces."""
    return "".join(
        f"{{{ast.unparse(part.value)}}}"
        if isinstance(part, ast.FormattedValue)
        else str(ast.literal_eval(part))
        for part in node.values
    )


def _docstrings(tree: ast.AST) -> set[int]:
    """The identities of strings that stand alone: docstrings, of attributes too."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _blank(match: re.Match[str]) -> str:
    """What was matched as spaces, so that what follows keeps its line."""
    return re.sub(r"[^\n]", " ", match[0])


def in_python(text: str, *, docstrings: bool) -> Iterator[Place]:
    """The prose among the strings of a module."""
    tree = ast.parse(text)
    alone = _docstrings(tree)
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            found = _template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in alone and not docstrings:
                continue
            found = node.value
        else:
            continue
        if is_prose(found):
            yield node.lineno, found


def in_markup(text: str) -> Iterator[Place]:
    """The prose between the tags of a page template."""
    for markup in (r"(?s)<(style|script)\b.*?</\1>", r"(?s)\{#.*?#\}", r"(?s)\{%.*?%\}"):
        text = re.sub(markup, _blank, text)
    text = re.sub(r"(?s)</?(b|i|em|strong|code|a|span)\b[^>]*>", "", text)
    for match in re.finditer(r"[^<>]+(?![^<]*>)", text):
        if is_prose(match[0]):
            yield text.count("\n", 0, match.start()) + 1, match[0]


def in_script(text: str) -> Iterator[Place]:
    """The prose among the strings of a JavaScript module; a template with its fields in braces."""
    place = 0
    while match := SCRIPT.search(text, place):
        start, place = match.span()
        if match["template"]:
            place = _template_end(text, start)
        elif not match["string"]:
            continue
        found = text[start + 1 : place - 1].replace("${", "{").replace('\\"', '"')
        if is_prose(found) and not NAMES.search(text, max(0, start - 80), start):
            yield text.count("\n", 0, start) + 1, found


def _template_end(text: str, start: int) -> int:
    """Where the template that begins there has ended; its fields may hold others."""
    at = start + 1
    while text[at] != "`":
        if text.startswith("${", at):
            at = _field_end(text, at + 2)
        else:
            at += 1 + (text[at] == "\\")
    return at + 1


def _field_end(text: str, at: int) -> int:
    """Where the code in braces that begins there has ended."""
    while text[at] != "}":
        if text[at] == "`":
            at = _template_end(text, at)
        elif text[at] == "{":
            at = _field_end(text, at + 1)
        elif text[at] in "\"'" and (match := SCRIPT.match(text, at)):
            at = match.end()
        else:
            at += 1
    return at + 1


def in_markdown(text: str) -> Iterator[Place]:
    """The paragraphs of a page, its code left out."""
    text = re.sub(r"(?ms)^```.*?^```", _blank, text)
    for match in re.finditer(r"(?:[^\n]+\n?)+", text):
        if is_prose(match[0]):
            yield text.count("\n", 0, match.start()) + 1, match[0]


def sentences() -> Iterator[tuple[Path, int, str]]:
    """Every place of a sentence: the file, the line, the text on one line."""
    for path in sorted(SOURCE.rglob("*")):
        name = path.relative_to(ROOT)
        if path.suffix == ".py":
            shown = any(part in HELP for part in name.parts)
            found = in_python(path.read_text(encoding="utf-8"), docstrings=shown)
        elif path.name.endswith(".html.jinja"):
            found = in_markup(path.read_text(encoding="utf-8"))
        elif path.name.endswith((".js", ".js.jinja")):
            found = in_script(path.read_text(encoding="utf-8"))
        else:
            continue
        yield from ((name, line, " ".join(text.split())) for line, text in found)
    for page in PAGES:
        top = ROOT / page
        for path in sorted(top.glob("*.md")) if top.is_dir() else [top]:
            if path.name in GENERATED:
                continue
            for line, text in in_markdown(path.read_text(encoding="utf-8")):
                yield path.relative_to(ROOT), line, " ".join(text.split())


if __name__ == "__main__":
    only = sys.argv[1:]
    for path, line, text in sentences():
        if not only or any(str(path).startswith(part) for part in only):
            print(f"{path}:{line}: {text}")

"""The list of sentences that ``make sentences`` prints holds what users read."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTED = runpy.run_path(str(ROOT / "docs/make_sentences.py"))


@pytest.fixture(scope="module")
def listed() -> dict[str, str]:
    """Each file's sentences, joined."""
    found: dict[str, str] = {}
    for path, _, text in LISTED["sentences"]():
        found[path.as_posix()] = f"{found.get(path.as_posix(), '')}\n{text}"
    return found


def test_strings_f_strings_and_the_help_of_commands_are_listed() -> None:
    module = '''
"""The docstring of a module."""
title: str = "short-term patterns only"
"""The docstring of a setting."""
query = "SELECT name FROM signals"
key = "grad_norm"
def f(n: int, path: str) -> str:
    return f"{path} holds {n} iterations, " "which is not enough"
'''
    strings = [text for _, text in LISTED["in_python"](module, docstrings=False)]
    assert strings == [
        "short-term patterns only",
        "{path} holds {n} iterations, which is not enough",
    ]
    with_help = [text for _, text in LISTED["in_python"](module, docstrings=True)]
    assert {"The docstring of a module.", "The docstring of a setting."} <= {*with_help}


def test_text_of_a_page_is_listed_at_its_line_and_its_markup_is_not() -> None:
    page = "<style>body { color: red }</style>\n{# a note #}\n<p>No <b>reach</b> yet.</p>\n"
    assert [(line, text.strip()) for line, text in LISTED["in_markup"](page)] == [
        (3, "No reach yet.")
    ]


def test_strings_and_templates_of_a_script_are_listed_and_its_code_is_not() -> None:
    script = r"""// a comment that says "nothing here"
fill(el("p", { class: "quiet script" }, "No run yet", /a "quoted pattern/.test(x)));
const words = `${n} of ${many("a run", { of: `inner ones` })} done`;
say('It\'s all "over" now, friend', box.querySelector("td time"));
"""
    assert [*LISTED["in_script"](script)] == [
        (2, "No run yet"),
        (3, '{n} of {many("a run", { of: `inner ones` })} done'),
        (4, r"""It\'s all "over" now, friend"""),
    ]


def test_paragraphs_of_a_document_are_listed_and_its_code_is_not() -> None:
    page = "# A heading here\n\n```python\nx = 1  # not a sentence\n```\n\nTwo lines of\nprose.\n"
    assert [*LISTED["in_markdown"](page)] == [
        (1, "# A heading here\n"),
        (7, "Two lines of\nprose.\n"),
    ]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("src/backsight/report/_page.html.jinja", "What the guard did"),
        ("src/backsight/ui/static/runs.js", "There is no run yet in"),
        ("src/backsight/report/_page.js.jinja", "This figure cannot be drawn"),
        ("src/backsight/cli/_run.py", "The run folder to create"),
        ("README.md", "how far back"),
    ],
)
def test_every_kind_of_place_is_read(listed: dict[str, str], path: str, sentence: str) -> None:
    assert sentence in listed[path]

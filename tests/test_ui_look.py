"""What is drawn on what can be read: contrasts of WCAG 2.2, level AA, in both looks."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from backsight import ui
from backsight.report.figures._style import COLOURS

STATIC = Path(ui.__file__).parent / "static"
CSS = (STATIC / "app.css").read_text(encoding="utf-8")
WORDS = ("ink", "quiet", "good", "warning", "alarm", "accent")
"""Colours of text."""
PAPER = ("bg", "card", "tint-good", "tint-warning", "tint-alarm")


def looks() -> dict[str, dict[str, str]]:
    """Colours by name, of the light and the dark look."""
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    )
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Relative, as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # of its own example


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_text_can_be_read(look: str) -> None:
    colours = looks()[look]
    pairs = [*itertools.product(WORDS, PAPER), ("on-accent", "accent")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in low.items() if value < 4.5} == {}


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_line_of_a_figure_can_be_seen(look: str) -> None:
    """3:1 is what the standard asks of graphics."""
    figures = (STATIC / "figures.js").read_text(encoding="utf-8")
    lighter = dict(re.findall(r'"(#[0-9a-f]{6})": "(#[0-9a-f]{6})"', figures))
    assert set(COLOURS) <= set(lighter)
    lines = COLOURS if look == "light" else [lighter[colour] for colour in COLOURS]
    paper = looks()[look]["plot"]
    low = {line: contrast(line, paper) for line in lines}
    assert {line: round(value, 2) for line, value in low.items() if value < 2.9} == {}


def test_no_markup_is_made_of_texts() -> None:
    """Whatever a run is called: the client sets texts as text."""
    for file in STATIC.glob("*.js"):
        source = file.read_text(encoding="utf-8")
        for dangerous in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ):
            assert dangerous not in source, file.name


def test_every_file_of_the_pages_is_in_the_package() -> None:
    """They are found in a checkout in any case, and in an installation only if they are named."""
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    named = project["tool"]["setuptools"]["package-data"]["backsight"]
    package = STATIC.parent.parent
    files = [path.relative_to(package) for path in package.rglob("*") if path.is_file()]
    others = [path for path in files if path.suffix not in (".py", ".pyc")]
    assert len(others) > 18
    assert [path for path in others if not any(path.match(one) for one in named)] == []


def test_every_page_has_its_script() -> None:
    """A frame loads the module of its name; what that imports is there as well."""
    for page in ("runs", "run", "study", "compare", "signin"):
        source = (STATIC / f"{page}.js").read_text(encoding="utf-8")
        for module in re.findall(r'from "\./([\w.]+)"', source):
            assert (STATIC / module).is_file(), module

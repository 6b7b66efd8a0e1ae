"""What the README shows works as it stands, and generated pages are up to date."""

import re
import runpy
import subprocess
from pathlib import Path

import pytest

from backsight.cli._main import COMMANDS
from backsight.cli._study import KINDS
from backsight.diagnosis import findings_page
from backsight.signals import CATALOGUE
from tests import processes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len(README.split()) <= 600


def test_a_picture_comes_before_the_first_heading() -> None:
    picture = re.search(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert picture is not None
    assert (ROOT / picture[1]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.start() < README.index("\n## ")


@pytest.mark.long  # a thousand iterations
def test_the_output_in_the_readme_is_what_the_command_prints(tmp_path: Path) -> None:
    """Line breaks do not count, nor do the lags, which depend on where samples fall."""
    command, shown = re.findall(
        r"```sh\nbacksight (run [^\n]+)\n```\n\n```text\n(.*?)```", README, re.DOTALL
    )[0]
    run, script = command.split()
    words = [*processes.COMMAND, run, ROOT / script]
    with processes.Forked(words, cwd=tmp_path, stderr=subprocess.STDOUT) as command:
        try:
            printed = " ".join(command.communicate(300)[0].split())
        finally:
            command.kill()
    assert command.returncode == 0, printed
    for part in re.split(r"\n(?=iteration |backsight: )|…", shown):
        shown_part = re.escape(" ".join(part.split()))
        pattern = re.sub(r"from\\ lag\\ \d+", r"from\\ lag\\ \\d+", shown_part)
        assert re.search(pattern, printed), part


def test_every_command_is_on_the_page_of_commands() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert "(docs/commands.md)" in README
    for command in COMMANDS:
        assert f"`backsight {command}" in page
    for kind in KINDS:
        assert f"`backsight study {kind}" in page


def test_the_index_lists_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([\w-]+\.md)\]\(\1\) \|", index, re.MULTILINE)
    assert sorted([*listed, "index.md"]) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_changelog_names_every_signal() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in CATALOGUE:
        assert f"`{name}`" in changelog


def test_the_findings_page_is_what_the_rules_say() -> None:
    """``backsight explain --markdown > docs/findings.md`` renews it."""
    assert (DOCS / "findings.md").read_text(encoding="utf-8") == findings_page()


def test_the_signals_page_is_what_the_catalogue_says() -> None:
    """``python docs/make_signals.py`` renews it."""
    page: str = runpy.run_path(str(DOCS / "make_signals.py"))["signals_page"]()
    assert (DOCS / "signals.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("name", ["Chars", "Guard", "probe", "watch"])
def test_the_docs_show_what_most_people_need(name: str) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert f"backsight.{name}(" in pages

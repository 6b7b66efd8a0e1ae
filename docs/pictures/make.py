"""Makes the pictures of the docs from real runs, with the Chromium on the path.

``python docs/pictures/make.py`` runs ``examples/scripts/first_symbol.py`` under ``backsight run``
and takes ``run-page.png`` from the run's page. ``--study FOLDER`` takes ``length-study.png`` from
the page of a length study that has been trained (docs/long-memory.md has its command, which takes
an hour).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SCRIPT = HERE.parent.parent / "examples" / "scripts" / "first_symbol.py"
WIDTH = 840
"""CSS pixels: the width of a README on GitHub, so that text keeps its size there."""


def main() -> None:
    """Make the picture of a run's page, or of a study's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, help="folder of a trained length study")
    study: Path | None = parser.parse_args().study
    if study is not None:
        shoot(study / "report.html", HERE / "length-study.png", {"verdict", "reach-length"})
        return
    with tempfile.TemporaryDirectory() as folder:
        script = Path("examples", "scripts", SCRIPT.name)  # as the page shows it
        (Path(folder) / script).parent.mkdir(parents=True)
        shutil.copy(SCRIPT, Path(folder) / script)
        for words in (["run", str(script)], ["report", "runs/first_symbol-1"]):
            subprocess.run([sys.executable, "-m", "backsight", *words], cwd=folder, check=True)
        page = Path(folder) / "runs" / "first_symbol-1" / "report.html"
        shoot(page, HERE / "run-page.png", {"findings", "reach"})


def shoot(page: Path, picture: Path, sections: set[str]) -> None:
    """Take a picture of a page's header and of some of its sections.

    Args:
        page: an HTML page that Backsight wrote.
        picture: the PNG to write.
        sections: ids of the sections to show; the others are hidden.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = browser.new_page(viewport={"width": WIDTH, "height": 800}, device_scale_factor=1.5)
        view.goto(page.resolve().as_uri())
        view.wait_for_selector(".js-plotly-plot .main-svg")
        view.evaluate(
            """shown => document.querySelectorAll("main section, footer").forEach(
                section => { if (!shown.includes(section.id)) section.style.display = "none" })""",
            sorted(sections),
        )
        bottom: float = view.evaluate(
            """Math.max(...[...document.querySelectorAll("main > *")].map(
                part => part.getBoundingClientRect().bottom))"""
        )
        area = {"x": 0, "y": 0, "width": WIDTH, "height": bottom + 24}
        view.screenshot(path=picture, full_page=True, clip=area)
        browser.close()


if __name__ == "__main__":
    main()

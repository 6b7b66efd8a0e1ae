"""Pictures of every page that ``backsight ui`` shows, light, dark and as a phone shows them.

``python docs/pictures/gallery.py FOLDER`` trains small demo runs (some minutes of CPU, seeded, kept
in ``FOLDER/runs`` for the next time), serves them and photographs each page with the Chromium on
the path. ``--only runs,compare`` takes some pages. Open the pictures and look at them. The first
screens of two pages are in the docs: ``--docs`` takes these again.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from backsight.signals import Recorder

HERE = Path(__file__).parent
SCRIPT = HERE.parent.parent / "examples" / "scripts" / "first_symbol.py"
TOKEN = "a token that only the gallery has"

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 800},
        "is_mobile": True,
        "has_touch": True,
    },
}

PAGES = {
    "runs": "/",
    "runs-none": "/?q=nothing+has+this+name",
    "run-healthy": "/run/healthy",
    "run-short-sighted": "/run/first_symbol-1",
    "run-failed": "/run/diverged",
    "run-empty": "/run/empty",
    "run-just-begun": "/run/just-begun",
    "run-broken": "/run/broken",
    "run-gone": "/run/was-removed",
    "compare": "/compare?run=healthy&run=slower&run=diverged",
    "study": "/study/lengths",
}
"""What the address of each picture is."""

IN_DOCS = {"runs": "ui-runs.png", "run-short-sighted": "ui-run.png"}
"""By page, the picture beside this file."""

SMALL = ("train", "chars", "--iterations", "300", "--hidden", "64")
TRAINED: dict[str, Sequence[str]] = {
    "healthy": (*SMALL, "--cell", "gru"),
    "slower": (*SMALL, "--cell", "gru", "--lr", "2e-4"),
    "diverged": (*SMALL, "--cell", "rnn-relu", "--lr", "30", "--plain"),
}
"""The words after ``backsight`` that train each demo run; ``--run`` names its folder."""

STUDY = (
    "study length chars --cell rnn,lstm --lengths 10,25 --seeds 1 --iterations 100 --engine local:1"
)


def make_runs(runs: Path) -> None:
    """Train what is not there yet: runs that do well, badly and not at all, and a study."""
    runs.mkdir(parents=True, exist_ok=True)
    for name, words in TRAINED.items():
        if not (runs / name).exists():
            _backsight(runs.parent, *words, "--run", f"{runs.name}/{name}")
    if not (runs / "first_symbol-1").exists():
        script = Path("examples", "scripts", SCRIPT.name)  # as the page shows it
        (runs.parent / script).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPT, runs.parent / script)
        _backsight(runs.parent, "run", str(script))
    if not (runs / "lengths").exists():
        _backsight(runs.parent, *STUDY.split(), "--out", f"{runs.name}/lengths")
    if not (runs / "empty").exists():
        with Recorder(runs / "empty", kind="watch", command="python train.py"):
            pass
    (runs / "broken").mkdir(exist_ok=True)
    (runs / "broken" / "run.json").write_text('{"format": 1, "name": ')


@contextmanager
def living(run: Path) -> Iterator[None]:
    """A run that has just begun and has recorded nothing yet."""
    shutil.rmtree(run, ignore_errors=True)
    try:
        with Recorder(run, kind="run", command="backsight run train.py"):
            yield
    finally:
        shutil.rmtree(run, ignore_errors=True)


def _backsight(folder: Path, *words: str) -> None:
    """A training may fail: the page shows it."""
    subprocess.run([sys.executable, "-m", "backsight", *words], cwd=folder, check=False)


@contextmanager
def served(runs: Path, *more: str) -> Iterator[str]:
    """The address of a dashboard of these runs, whose paths are shown as short as they can be."""
    words = [sys.executable, "-m", "backsight", "ui", runs.name, "--port", "0", *more]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=runs.parent) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                raise SystemExit("backsight ui did not start")
            yield found.group().rstrip("/")
        finally:
            process.terminate()


def shoot(browser: Browser, address: str, picture: str, folder: Path) -> None:
    """Photograph a page in every look, whole; say what it wrote on the console."""
    for look, options in LOOKS.items():
        context = browser.new_context(device_scale_factor=1.5 if look == "phone" else 1, **options)
        page = context.new_page()
        page.on("console", lambda told, look=look: print(f"{picture} {look}: {told.text}"))
        page.on("pageerror", lambda error, look=look: print(f"{picture} {look}: {error}"))
        page.goto(address, wait_until="commit")
        _settle(page)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            print(f"{picture} {look}: {wide} pixels wider than the window")
        page.screenshot(path=folder / f"{picture}-{look}.png", full_page=True)
        context.close()


def illustrate(browser: Browser, address: str) -> None:
    """Take the pictures of the docs again: the first screen of a page."""
    for picture, name in IN_DOCS.items():
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address + PAGES[picture], wait_until="commit")
        _settle(page)
        page.screenshot(path=HERE / name)
        page.close()


def _settle(page: Page) -> None:
    """Until every figure was in view once and is drawn."""
    page.wait_for_selector("#main :is(h1, iframe)")
    page.wait_for_timeout(1500)
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 500):
        page.evaluate("top => scrollTo(0, top)", top)
        page.wait_for_timeout(250)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1500)


def main() -> None:
    """Make the runs, serve them, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/gallery"))
    parser.add_argument("--only", default=",".join((*PAGES, "nothing", "sign-in")))
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    wanted = options.only.split(",")
    runs = folder / "runs"
    make_runs(runs)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with living(runs / "just-begun"), served(runs) as address:
            for picture in (one for one in PAGES if one in wanted):
                shoot(browser, address + PAGES[picture], picture, folder)
            if options.docs:
                illustrate(browser, address)
        if "nothing" in wanted:
            (folder / "nothing").mkdir(exist_ok=True)
            with served(folder / "nothing") as address:
                shoot(browser, address, "nothing", folder)
        if "sign-in" in wanted:
            token = folder / "token"
            token.touch(mode=0o600)
            token.write_text(f"{TOKEN}\n")
            with served(runs, "--token-file", str(token)) as address:
                shoot(browser, address, "sign-in", folder)
        browser.close()


if __name__ == "__main__":
    main()

"""Takes pictures of every page of the dashboard, light, dark and on a phone: ``make gallery``.

They are written to ``build/gallery``; those that the documentation shows, to ``docs/pictures``.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from backsight.signals import Recorder, write_json

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "build" / "gallery"
BACKSIGHT = str(Path(sys.executable).with_name("backsight"))
SHOWN = {"runs-light": "ui-runs.png", "run-light": "ui-run.png"}
"""By picture, its name in the documentation."""

TRAININGS = (
    "chars --cell lstm --hidden 32 --seq-len 50 --iterations 400 --run lstm-good",
    "temporal-order --cell rnn --plain --length 60 --hidden 24 --iterations 400 --run rnn-forgets",
    "chars --cell rnn --plain --clip None --lr 30 --hidden 48 --iterations 200 --run rnn-explodes",
    "chars --cell gru --hidden 24 --safe --iterations 300 --run gru-guarded",
)

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}

PAGES = {
    "runs": "/",
    "run": "/run/rnn-forgets",
    "run-not-finite": "/run/not-finite",
    "run-guarded": "/run/gru-guarded",
    "run-empty": "/run/nothing-recorded",
    "study": "/study/study-length-echo",
    "compare": "/compare?run=lstm-good&run=rnn-explodes",
    "removed": "/run/nowhere",
}


def main() -> None:
    """Train, serve, look."""
    GALLERY.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for words in TRAININGS:
            command = [BACKSIGHT, "train", *words.split()]
            subprocess.run(command, cwd=runs, check=True, stdout=subprocess.DEVNULL)
        _odd_ones(runs)
        with _served(runs) as address, sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for look in LOOKS:
                _take(browser, address, look)
            browser.close()
    for picture, name in SHOWN.items():
        shutil.copyfile(GALLERY / f"{picture}.png", ROOT / "docs" / "pictures" / name)
    print(GALLERY)


def _take(browser: Browser, address: str, look: str) -> None:
    page = browser.new_context(**LOOKS[look]).new_page()  # type: ignore[arg-type]
    for name, path in PAGES.items():
        page.goto(address + path)
        page.locator("main h1").wait_for()
        page.wait_for_timeout(4000)  # figures come one after the other
        page.screenshot(path=GALLERY / f"{name}-{look}.png")
        for _ in range(5):  # a figure is drawn when it is seen
            page.mouse.wheel(0, 800)
            page.wait_for_timeout(500)
        page.screenshot(path=GALLERY / f"{name}-{look}-whole.png", full_page=True)
    page.close()


def _odd_ones(runs: Path) -> None:
    """What a page has to show as well: a NaN, nothing at all, a broken folder, a study."""
    with Recorder(runs / "not-finite", kind="run", command="backsight run train.py") as recorder:
        for i in range(300):
            loss = 1.0 + math.exp(-i / 50) if i < 250 else math.nan
            recorder.scalars(i, {"loss": loss, "grad_norm": 1.5 ** max(0, i - 200)})
    Recorder(runs / "nothing-recorded").close()
    (runs / "broken").mkdir()
    (runs / "broken" / "run.json").write_text("{")
    study = runs / "study-length-echo"
    for name in ("rnn-10-seed0", "rnn-20-seed0", "lstm-10-seed0"):
        with Recorder(study / "runs" / name, config={"facts": {"baseline": 2.0}}) as recorder:
            recorder.series("loss", range(200), [2 * math.exp(-i / 80) for i in range(200)])
    plan = {"task": "echo", "lengths": [10, 20], "cells": ["rnn", "lstm"], "seeds": 1}
    ended = {name: [0, 14.0] for name in ("rnn-10-seed0", "rnn-20-seed0", "lstm-10-seed0")}
    write_json(study / "study.json", {"format": 1, "plan": plan, "ended": ended})


@contextmanager
def _served(runs: Path) -> Iterator[str]:
    words = [BACKSIGHT, "ui", str(runs), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[1].rstrip("/")
        finally:
            process.terminate()


if __name__ == "__main__":
    main()

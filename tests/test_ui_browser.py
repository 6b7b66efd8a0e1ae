"""The pages in a browser, while a run trains."""

import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from backsight.diagnosis import Judge
from backsight.signals import Recorder, write_json
from tests.dashboard import Dashboard, dashboard

EVIL = "<script>alert(1)<script>"


class Training:
    """A run that goes on when it is told to, as the monitor would record it."""

    def __init__(self, path: Path) -> None:
        config = {"facts": {"baseline": 3.0}, "note": "<img src=x onerror=alert(1)>"}
        command = "backsight run train.py --name '<b>bold</b>'"
        self.recorder = Recorder(path, kind="run", config=config, command=command)
        self._judge, self._at = Judge(), 0

    def go_on(self, iterations: int, loss: float | None = None) -> None:
        for _ in range(iterations):
            i = self._at
            now = 2.0 + 1.5 * 0.99**i if loss is None else loss
            values = {"loss": now, "grad_norm": 0.5 + i % 3, "grad_norm_applied": 0.5, "lr": 0.01}
            self.recorder.scalars(i, {**values, "hidden_norm_mean/<i>l0</i>": 1.0 + i})
            for finding in self._judge.update(i, values):
                self.recorder.event("finding", i, finding.as_dict())
            if i % 10 == 0:
                self.recorder.profile("reach/<i>l0</i>", i, [0.5**lag for lag in range(20)])
            self._at += 1
        self.recorder.flush()


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Dashboard, Path]]:
    monkeypatch.setattr("backsight.ui._app.LIST_EVERY", 0.1)
    monkeypatch.setattr("backsight.ui._app.RUN_EVERY", 0.1)
    with dashboard(tmp_path / "runs") as running:
        yield running, tmp_path / "runs"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Every word on the console, every dialog and every request elsewhere fails the test."""
    problems: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))

    def dialog(shown: Any) -> None:
        problems.append(f"dialog {shown.message}")
        shown.dismiss()

    def asked(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            problems.append(f"asked for {request.url}")

    opened.on("dialog", dialog)
    opened.on("request", asked)
    yield opened
    context.close()
    # Chromium itself notes that a run which was removed is not there, or in parts.
    removed = ("404 (Not Found)", "422 (Unprocessable Entity)")
    assert [one for one in problems if not any(told in one for told in removed)] == []


def points(page: Page, figure: str) -> int:
    """Samples of the first line of a figure."""
    line = f"document.querySelector('#{figure} .plot')._fullData[0]"
    return int(page.evaluate(f"{line}.x.length"))


def until(page: Page, condition: str) -> None:
    """Wait for a condition; Playwright's own way needs the ``eval`` that our policy forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def test_a_run_is_watched_while_it_trains(
    board: tuple[Dashboard, Path], page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, runs = board
    page.goto(running.address)
    page.get_by_text("does not exist yet").wait_for()
    training = Training(runs / EVIL)

    # With nothing in it yet, its page says so, and how it goes on.
    page.get_by_role("link", name=EVIL, exact=True).click()
    page.get_by_text("The run has begun and has recorded nothing yet").wait_for()
    page.get_by_text("no loss was recorded yet").wait_for()
    page.go_back()
    training.go_on(60)

    # It appears by itself; from here on with the keyboard alone.
    link = page.get_by_role("link", name=EVIL, exact=True)
    link.wait_for()
    page.locator(".chip.running").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("train.py")
    assert "q=train.py" in page.url
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "name":
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=EVIL, level=1).wait_for()
    assert page.get_by_text("--name '<b>bold</b>'").count()

    # Alive, learning, and how far back; figures grow, and a finding appears.
    page.locator("#loss .plot .scatterlayer").wait_for()
    before = points(page, "loss")
    assert (
        page.locator(".tile", has_text="Better than guessing?").get_by_text("guessing (3)").count()
    )
    assert page.locator(".reaches").get_by_text("7 of 19 steps").count()
    assert page.get_by_text("Nothing was found so far").count()
    training.go_on(40)
    until(page, f"document.querySelector('#loss .plot')._fullData[0].x.length > {before}")

    # The clock of the machine is put back: the run is alive, and nothing is younger than new.
    now = time.time
    with monkeypatch.context() as set_back:
        set_back.setattr(time, "time", lambda: now() - 3600)
        training.go_on(10)
        page.locator(".tile [data-clock]", has_text="110 iterations").wait_for()
        page.locator(".tile .chip.running").wait_for()
        assert page.get_by_text("began 0 s ago").count()
        assert not page.get_by_text("−").count()

    training.go_on(3, math.nan)
    page.locator(".worst.sev-error").get_by_text("BKS201").wait_for()
    page.locator(".tile.alarm .big", has_text="NaN").wait_for()
    page.locator("#findings article").get_by_text("Try, in order").wait_for()

    # What a figure shows can be taken along, with its NaN, once it has been drawn.
    lines = "document.querySelector('#loss .plot')._fullData"
    until(page, f"{lines}.some((line) => line.x?.[line.x.length - 1] === 112)")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Loss: download as CSV").click()
    rows = Path(taken.value.path()).read_text().splitlines()
    assert rows[:2] == ["trace,x,y,value", '"training",0,3.5,']
    broken = [line.split(",")[1:3] for line in rows if "NaN" in line]
    assert broken == [["110", "NaN"], ["111", "NaN"], ["112", "NaN"]]

    # A link to a moment and a part of the run shows the same again; back undoes the zoom.
    page.evaluate("document.querySelector('#moment').focus()")
    page.keyboard.press("Home")
    page.wait_for_url("**at=0*")
    reach = "document.querySelector('#reach .plot').data"
    until(page, f"{reach}?.some((line) => line.name.includes('last (0)'))")
    zoomed = "{'xaxis.range[0]': 20, 'xaxis.range[1]': 40}"
    page.evaluate(f"Plotly.relayout(document.querySelector('#loss .plot'), {zoomed})")
    page.wait_for_url("**from=20&to=40*")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.reload()
    page.get_by_text("Time axes show 20 to 40").wait_for()
    # A browser scrolls to where it was, and a figure is drawn once it is seen.
    page.locator("#loss").scroll_into_view_if_needed()
    page.locator("#loss .plot .scatterlayer").wait_for()
    assert page.evaluate("document.querySelector('#loss .plot').layout.xaxis.range") == [20, 40]
    page.get_by_role("button", name="Show all").click()
    until(page, "!location.search.includes('from=')")
    page.go_back()
    page.wait_for_url("**from=20&to=40*")

    # It ends, and is taken away while it is shown.
    training.recorder.close()
    page.locator(".tile .chip.finished").wait_for()
    (runs / EVIL).rename(tmp_path / "elsewhere")
    page.get_by_text("What you see is what was last known").wait_for()
    assert page.get_by_text("it was removed or renamed").count()
    assert page.locator("#loss .plot .scatterlayer").count()


def test_a_study_and_its_page(board: tuple[Dashboard, Path], page: Page) -> None:
    """Whose script cannot reach us: its fetch fails, and the page has an origin of its own."""
    running, runs = board
    study = runs / "study-echo"
    for name, loss in (("rnn-10-seed0", 1.0), ("rnn-20-seed0", 2.0)):
        with Recorder(study / "runs" / name, config={"lr": loss}) as recorder:
            recorder.series("loss", range(5), [loss] * 5)
    plan = {"task": "echo", "lengths": [10, 20], "cells": ["rnn"], "seeds": 2}
    ended = {"rnn-10-seed0": [0, 2.0], "rnn-20-seed0": [0, 2.0]}
    write_json(study / "study.json", {"format": 1, "plan": plan, "ended": ended})
    (study / "report.html").write_text(
        f"<p id=p>page</p><script>document.querySelector('#p').textContent = 'origin ' + origin;"
        f"try {{ document.cookie; document.title = 'cookies' }} catch {{ document.title = 'none' }}"
        f"</script><!-- {json.dumps(plan)} -->"
    )
    page.goto(f"{running.address}/study/study-echo")
    page.get_by_text("2 of 4 trials done").wait_for()
    page.get_by_role("link", name="rnn-10-seed0").wait_for()
    page.goto(f"{running.address}/stored?run=study-echo")
    page.get_by_text("origin null").wait_for()
    assert page.title() == "none"

    # The trials are compared from the table.
    page.goto(running.address)
    page.get_by_role("button", name="Trials of study-echo").click()
    page.get_by_label("Compare rnn-10-seed0").check()
    page.get_by_label("Compare rnn-20-seed0").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    page.get_by_role("heading", name="The first difference").wait_for()
    page.locator("#loss .plot .scatterlayer").wait_for()
    assert page.get_by_role("row", name="lr 1 2").count()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Loss: download as CSV").click()
    assert taken.value.suggested_filename == "compared-loss.csv"
    rows = Path(taken.value.path()).read_text().splitlines()
    assert [row for row in rows if ",4," in row] == ['"lr=1",4,1,', '"lr=2",4,2,']


@pytest.mark.long
def test_after_signing_in_one_is_where_one_wanted_to_be(page: Page, tmp_path: Path) -> None:
    """And never at an address of somebody else."""
    with Recorder(tmp_path / "a run") as recorder:
        recorder.series("loss", range(5), [1.0] * 5)
    with dashboard(tmp_path, token="correct horse battery staple") as running:
        for wanted, lands in (
            ("/run/a%20run?at=3#loss", "/run/a%20run?at=3#loss"),
            ("/signin?next=//elsewhere.example/", "/"),
            ("/signin?next=/%5Celsewhere.example/", "/"),
            ("/signin?next=https:elsewhere.example", "/"),
            ("/signin?next=javascript:alert(1)", "/"),
            ("/signin", "/"),
        ):
            page.goto("about:blank")  # a page that is open would be told that it may not ask
            page.context.clear_cookies()
            page.goto(running.address + wanted)
            page.get_by_label("Token").fill("correct horse battery staple")
            page.keyboard.press("Enter")
            page.locator("h1:not(:text('Sign in'))").wait_for()
            assert page.url == running.address + lands
            if "/run/" in lands:  # whose answers were asked for before its modules were there, once
                until(page, "window.early.size === 0")
                asked = "performance.getEntriesByType('resource').map((one) => one.name)"
                names = [name for name in page.evaluate(asked) if "/api/" in name]
                assert len(names) == len(set(names))
        page.goto("about:blank")  # its stream ends before the server does


@pytest.mark.long
def test_a_run_that_goes_before_its_page_listens(
    board: tuple[Dashboard, Path], page: Page, tmp_path: Path
) -> None:
    """The refused stream is the only sign of it."""
    running, runs = board
    with Recorder(runs / "one") as recorder:
        recorder.series("loss", range(5), [1.0] * 5)

    def removed(route: Any) -> None:
        (runs / "one").rename(tmp_path / "elsewhere")
        route.continue_()

    page.route("**/api/stream**", removed, times=1)
    page.goto(f"{running.address}/run/one")
    page.get_by_text("What you see is what was last known").wait_for()


@pytest.mark.long
def test_a_long_run_without_a_verdict_is_judged_when_that_is_asked_for(
    board: tuple[Dashboard, Path], page: Page
) -> None:
    running, runs = board
    with Recorder(runs / "long") as recorder:
        for name in ("loss", "grad_norm"):
            recorder.series(name, range(300_000), [1.0] * 300_000)
    page.goto(f"{running.address}/run/long")
    page.get_by_text("To judge its 600,000 values takes some 1 s").wait_for()
    page.get_by_role("button", name="Judge the whole run").click()
    page.locator("#findings").get_by_text("rules found no fault").wait_for()
    assert not page.get_by_role("button", name="Judge the whole run").count()


@pytest.mark.long
def test_a_run_that_is_being_copied(
    board: tuple[Dashboard, Path], page: Page, tmp_path: Path
) -> None:
    """It says so, and is shown as soon as it is whole."""
    running, runs = board
    with Recorder(tmp_path / "whole") as recorder:
        recorder.series("loss", range(5000), [i / 5000 for i in range(5000)])
    (runs / "copy").mkdir(parents=True)
    store = (tmp_path / "whole/signals.db").read_bytes()
    (runs / "copy/signals.db").write_bytes(store[:5000])
    page.goto(f"{running.address}/run/copy")
    page.get_by_text("it contains no run.json").wait_for()
    shutil.copy(tmp_path / "whole/run.json", runs / "copy")
    page.get_by_text("only partly copied").first.wait_for()
    (runs / "copy/signals.db").write_bytes(store)
    page.locator("#loss .plot .scatterlayer").wait_for()
    assert not page.get_by_text("only partly copied").count()

"""``backsight compare``: several runs side by side, on a page and as JSON."""

import json
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from backsight.cli import main
from backsight.report import compare, differing_settings, labels_of, write_comparison
from backsight.report.figures import overlay, overlay_profiles, run_style
from backsight.signals import Recorder, Run

NAN = math.nan


def made(path: Path, config: Mapping[str, Any] | None = None, **signals: Any) -> Run:
    """A run with those series from iteration 0 on; a table is a profile."""
    with Recorder(path, config=config) as recorder:
        for name, values in signals.items():
            if np.ndim(values) == 2:
                for i, row in enumerate(values):
                    recorder.profile(name.replace("__", "/"), i, row)
            else:
                recorder.series(name.replace("__", "/"), range(len(values)), values)
    return Run(path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two runs with other learning rates; the second one breaks."""
    folder = tmp_path_factory.mktemp("<i>runs")
    loss = np.linspace(2, 1, 100)
    rows = np.tile(0.5 ** np.arange(10), (3, 1))
    one = made(
        folder / "one", {"lr": 0.1, "cell": "gru", "run": "a"}, loss=loss, lr=[0.1] * 100,
        grad_norm=[1.0] * 100, reach__rnn=rows, horizon__rnn=[6.0, 6.0],
    )  # fmt: skip
    two = made(
        folder / "<b>two", {"lr": 0.2, "cell": "gru", "run": "b"}, loss=[*loss[:60], *[NAN] * 40],
        lr=[0.2] * 100, grad_norm=[1.0] * 60 + [NAN] * 40, reach__rnn=rows,
    )  # fmt: skip
    return one, two


# -- settings ----------------------------------------------------------------------------------


def test_settings_that_differ_however_they_were_typed(tmp_path: Path) -> None:
    def run(name: str, *arguments: str, **more: Any) -> Run:
        config = {"arguments": list(arguments), "group": name, "run": name, **more}
        return made(tmp_path / name, config)

    runs = [
        run("a", "data.txt", "--lr", "0.1", "--fast", "-x", "-1", nested={"depth": 1}),
        run("b", "data.txt", "--lr=0.2", "-x", "-1", nested={"depth": 1.0}),
    ]
    found = {one.name: one.values for one in differing_settings(runs)}
    assert found == {"--lr": ("0.1", "0.2"), "--fast": (True, None), "nested.depth": (1, 1.0)}


def test_a_label_tells_every_run_from_the_others(tmp_path: Path) -> None:
    runs = [
        made(tmp_path / "x" / "a", {"lr": 0.1}), made(tmp_path / "x" / "b", {"lr": 0.1}),
        made(tmp_path / "x" / "c", {"lr": 0.2}),
    ]  # fmt: skip
    assert labels_of(runs, differing_settings(runs)) == ("lr=0.1 (a)", "lr=0.1 (b)", "lr=0.2")
    assert labels_of(runs[:2], differing_settings(runs[:2])) == ("a", "b")
    alike = [runs[0], made(tmp_path / "y" / "a", {"lr": 0.1})]
    assert len(set(labels_of(alike, differing_settings(alike)))) == 2


def test_what_the_environment_is_does_not_name_a_run(tmp_path: Path) -> None:
    runs = [made(tmp_path / "a"), made(tmp_path / "b")]
    runs[1].info["versions"] = {**runs[1].info["versions"], "torch": "9.9"}
    (found,) = differing_settings(runs)
    assert (found.name, found.values[1], found.environment) == ("versions.torch", "9.9", True)
    assert labels_of(runs, [found]) == ("a", "b")


# -- what is compared --------------------------------------------------------------------------


def test_outcomes_findings_and_the_first_difference(pair: tuple[Run, Run]) -> None:
    found = compare(pair)
    assert [one.label for one in found.runs] == ["lr=0.1", "lr=0.2"]
    assert [one.name for one in found.settings] == ["lr"]
    row = next(row for row in found.findings if row.code == "BKS201")
    assert row.iterations == (None, 60)
    difference = found.runs[1].difference
    assert difference is not None
    assert difference.message.startswith("lr is the first to differ: 0.1 and 0.2 at iteration 0")
    assert difference.beyond_noise is difference.exact
    loss = next(one for one in difference.signals if one.name == "loss")
    assert loss.exact is not None
    assert loss.beyond_noise is not None
    assert (loss.exact.iteration, loss.beyond_noise.iteration) == (60, 60)
    assert difference.only_first == ("horizon/rnn",)


def test_a_finding_that_all_runs_have_does_not_differ(tmp_path: Path) -> None:
    runs = [made(tmp_path / name, loss=[1.0, NAN]) for name in "ab"]
    assert compare(runs).findings == ()


def test_the_first_twenty_runs_can_be_told_apart() -> None:
    styles = [tuple(run_style(i).values()) for i in range(20)]
    assert len(set(styles)) == 20


def test_an_overlay_has_a_line_per_run_and_a_cross_per_nan(pair: tuple[Run, Run]) -> None:
    figure = overlay(pair, ["a", "<b>"], ["loss"], "loss")
    assert [trace.name for trace in figure.data] == ["a", "&lt;b&gt;", "&lt;b&gt;: NaN"]
    first, second, crosses = figure.data
    assert (len(first.x), len(second.x)) == (100, 60)
    assert crosses.x.tolist() == list(range(60, 100))
    assert crosses.y.tolist() == [0] * 40
    assert not figure.layout.showlegend


def test_crosses_have_a_row_per_run_above_the_curves_of_their_panel(tmp_path: Path) -> None:
    """However many there are, no curve lies behind them."""
    broken = [1.0, NAN, math.inf, 2.0]
    runs = [
        made(tmp_path / "a", horizon__l0=[1.0] * 4, horizon__l1=broken),
        made(tmp_path / "b", horizon__l0=[1.0] * 4, horizon__l1=broken),
    ]
    figure = overlay(runs, ["a", "b"], ["horizon/l0", "horizon/l1"], "steps")
    crosses = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(t.name, t.x.tolist(), t.y.tolist()) for t in crosses] == [
        ("a: NaN", [1], [0]), ("a: +Inf", [2], [0]), ("b: NaN", [1], [1]), ("b: +Inf", [2], [1]),
    ]  # fmt: skip
    assert {(t.xaxis, t.yaxis) for t in crosses} == {("x2", "y4")}
    upper, lower, rows = figure.layout.yaxis, figure.layout.yaxis2, figure.layout.yaxis4
    assert 0 == lower.domain[0] < lower.domain[1] < rows.domain[0] < rows.domain[1]
    assert rows.domain[1] < upper.domain[0] < upper.domain[1] == 1
    assert rows.range[0] > 1 > 0 > rows.range[1]


def test_an_overlay_of_long_runs_keeps_the_spike_of_one_iteration(tmp_path: Path) -> None:
    values = np.ones(60_000)
    values[12_345] = 1e6
    runs = [made(tmp_path / str(i), loss=values) for i in range(2)] * 10
    figure = overlay(runs, [str(i) for i in range(20)], ["loss"], "loss")
    assert sum(len(trace.x) for trace in figure.data) <= 24_000
    for trace in figure.data:
        assert trace.y[trace.x == 12_345].tolist() == [1e6]


def test_layers_have_a_panel_each_and_a_run_without_one_has_no_line(tmp_path: Path) -> None:
    one = made(tmp_path / "a", horizon__l0=[1.0, 2], horizon__l1=[3.0, 4])
    two = made(tmp_path / "b", horizon__l0=[5.0, 6])
    figure = overlay([one, two], ["a", "b"], ["horizon/l0", "horizon/l1"], "steps")
    assert [(t.name, t.yaxis, t.y.tolist()) for t in figure.data] == [
        ("a", "y", [1, 2]), ("b", "y", [5, 6]), ("a", "y2", [3, 4]),
    ]  # fmt: skip


def test_profiles_leave_the_picture_where_they_cannot_be_drawn(tmp_path: Path) -> None:
    run = made(tmp_path / "a", reach__l=np.array([[1.0, 1e-9, NAN, 0.5]]))
    line, crosses = overlay_profiles([run], ["a"], ["reach/l"], "R", "lag", 1e-6).data
    assert np.array_equal(line.y, np.array([1.0, NAN, NAN, 0.5]), equal_nan=True)
    assert crosses.x.tolist() == [2]


# -- the command -------------------------------------------------------------------------------


def test_the_command_writes_a_page_and_says_where_the_runs_part(
    pair: tuple[Run, Run], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert main(["compare", *(str(run.path) for run in pair), "-o", str(page)]) == 0
    message, where = capsys.readouterr().out.splitlines()
    assert "lr is the first to differ: 0.1 and 0.2" in message
    assert where == str(page)
    text = re.sub(r"<script>.*?</script>", "", page.read_text(), flags=re.DOTALL)
    assert "<b>two" not in text
    assert "&lt;b&gt;two" in text
    assert "lr=0.2" in text
    assert page.stat().st_size < 6_000_000
    assert main(["compare", *(str(run.path) for run in pair)]) == 0
    assert (pair[0].path.parent / "comparison.html").exists()


def test_as_json_no_page_is_written_unless_it_is_asked_for(
    pair: tuple[Run, Run], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    beside = pair[0].path.parent / "comparison.html"
    beside.unlink(missing_ok=True)
    words = ["compare", *(str(run.path) for run in pair), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert not beside.exists()
    assert [run["loss"] for run in told["runs"]] == [1.0, "NaN"]
    assert told["settings"] == [{"name": "lr", "values": [0.1, 0.2], "environment": False}]
    assert main([*words, "--out", str(tmp_path / "page.html")]) == 0
    json.loads(capsys.readouterr().out)
    assert (tmp_path / "page.html").exists()


def test_bad_input_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path / "a", loss=[1.0])
    running = Recorder(tmp_path / "running")
    running.scalars(0, {"loss": 1.0})
    running.flush()
    broken = shutil.copytree(run.path, tmp_path / "broken")
    store = (broken / "signals.db").read_bytes()
    (broken / "signals.db").write_bytes(store[: len(store) // 2 + 7])
    (tmp_path / "link").symlink_to(run.path)
    path = str(run.path)
    for arguments, words in (
        ([], "2 to 20 runs, not 0 runs"),
        ([path], "2 to 20 runs, not 1 run"),
        ([path] * 21, "2 to 20 runs, not 21 runs"),
        ([path, path], "is given twice"),
        ([path, str(tmp_path / "link")], "is given twice"),
        ([path, str(tmp_path / "absent")], "does not exist"),
        ([path, str(tmp_path)], "is not a run folder"),
        ([path, str(broken)], "damaged or only partly copied"),
        ([path, str(running.path)], "is still running"),
    ):
        assert main(["compare", *arguments]) == 2, arguments
        said = capsys.readouterr()
        assert words in said.err
        assert said.err.count("\n") == 1
        assert not said.out
    running.close()


def test_runs_with_nothing_recorded_and_nothing_in_common(tmp_path: Path) -> None:
    runs = [made(tmp_path / "a"), made(tmp_path / "b", loss=[1.0])]
    page = write_comparison(compare(runs), tmp_path / "page.html").read_text()
    assert "they have no signal in common" in page


def test_the_page_in_a_browser(pair: tuple[Run, Run], tmp_path: Path) -> None:
    """The legend hides a run in every figure, and a figure is saved as CSV with its NaNs."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    page = write_comparison(compare(pair), tmp_path / "page.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(page.as_uri())
        tab.wait_for_selector("#plot-loss .scatterlayer path")
        hidden = "() => document.querySelector('#plot-loss').data.map(t => t.visible !== false)"
        assert tab.evaluate(hidden) == [True, True, True]
        tab.focus("[data-run='1']")
        tab.keyboard.press("Enter")
        assert tab.evaluate(hidden) == [True, False, False]
        assert tab.get_attribute("[data-run='1']", "aria-pressed") == "false"
        tab.keyboard.press("Enter")
        with tab.expect_download() as awaited:
            tab.click("#loss [data-save='csv']")
        rows = Path(awaited.value.path()).read_text().splitlines()
        assert rows[0] == "signal,series,x,y"
        assert "loss,lr=0.1,0,2" in rows
        assert "loss,lr=0.2: NaN,60,NaN" in rows
        ground = "getComputedStyle(document.querySelector('#plot-loss .bglayer .bg')).fill"
        assert tab.evaluate(ground) == "rgb(22, 27, 34)"
        with tab.expect_download() as awaited:
            tab.click("#loss [data-save='png']")
        assert Path(awaited.value.path()).read_bytes().startswith(b"\x89PNG")
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(width) == 0
        assert said == []
        browser.close()

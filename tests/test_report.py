"""The page about a run: figures, words, one file that works offline."""

import base64
import importlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from backsight.errors import RunError
from backsight.report import duration, figures, number, summary, write_report
from backsight.report.figures import FIGURES
from backsight.report.figures._gradient_norm import gradient_norm
from backsight.report.figures._hidden_norm import hidden_norm
from backsight.report.figures._hidden_norm_time import hidden_norm_time
from backsight.report.figures._loss import loss
from backsight.report.figures._style import ALARM
from backsight.signals import CATALOGUE, Recorder, Run

Write = Callable[[Recorder], None]

SETUP = {
    "origin": "a text",
    "parameters": 1234,
    "train_characters": 9000,
    "baselines": {"uniform": 4.0, "unigram": 3.0, "bigram": 2.0},
}
CONFIG = {"cell": "gru", "layers": 2, "hidden": 8, "batch": 4, "seq_len": 16, "clip": 1.0}


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Run]:
    """Makes a finished run of whatever is recorded."""

    def make(write: Write, config: Mapping[str, Any] | None = None) -> Run:
        path = tmp_path / "recorded"
        with Recorder(path, config=config) as recorder:
            write(recorder)
        return Run(path)

    return make


def trace(figure: Any, word: str) -> Any:
    """The one trace whose name has ``word`` in it."""
    (found,) = [t for t in figure.data if word in (t.name or "")]
    return found


def heatmaps(figure: Any) -> list[Any]:
    """Heatmaps of values, without the red ones."""
    return [t for t in figure.data if t.type == "heatmap" and t.coloraxis]


def red_heatmaps(figure: Any) -> list[Any]:
    """Heatmaps that say "not finite"."""
    found = [t for t in figure.data if t.type == "heatmap" and not t.coloraxis]
    for each in found:
        assert "not finite" in each.hovertemplate
        assert {colour for _, colour in each.colorscale} == {ALARM}
    return found


def words(figure: Any) -> str:
    """All annotations of a figure."""
    return " ".join(note.text for note in figure.layout.annotations)


# -- figures ---------------------------------------------------------------------------------


def test_loss_figure_marks_the_nan_where_it_is(small_run: Run) -> None:
    figure = loss(small_run)
    nan = trace(figure, "NaN")
    assert nan.x.tolist() == [60]
    assert nan.marker.color == ALARM
    assert "(1×)" in nan.name
    assert 60 in [shape.x0 for shape in figure.layout.shapes]
    line = figure.data[0]
    assert sorted({*range(100)} - {60}) == line.x[np.isfinite(line.y)].tolist()
    assert line.y[0] == 3.0


def test_marks_stand_above_the_curves_and_what_is_written_at_them(small_run: Run) -> None:
    """A line that says what guessing gives has its words right below the upper edge."""
    layout = loss(small_run).layout
    assert layout.yaxis.domain[1] == layout.yaxis2.domain[0] < layout.yaxis2.domain[1] == 1
    assert layout.yaxis2.overlaying is None


def test_gradient_figure_draws_the_spike_of_one_iteration_on_a_log_axis(small_run: Run) -> None:
    figure = gradient_norm(small_run)
    before = trace(figure, "before clipping")
    assert before.x[before.y == 1e6].tolist() == [40]
    assert trace(figure, "as applied").y.tolist() == [0.5] * 100
    assert figure.layout.yaxis.type == "log"
    assert {0.1, 1e6} <= set(figure.layout.yaxis.tickvals)


def test_gradient_figure_marks_zero_and_each_kind_of_non_finite(
    record: Callable[..., Run],
) -> None:
    values = [1.0, 0.0, math.inf, -math.inf, math.nan, 2.0]

    def write(recorder: Recorder) -> None:
        for i, value in enumerate(values):
            recorder.scalars(i, {"grad_norm": value})

    figure = gradient_norm(record(write))
    for kind, at in (("≤ 0", 1), ("+Inf", 2), ("−Inf", 3), ("NaN", 4)):
        assert trace(figure, kind).x.tolist() == [at]
    assert [v for v in figure.data[0].y.tolist() if math.isfinite(v)] == [1.0, 2.0]
    alone = figure.data[1]  # no line goes through them: they are dots
    assert (alone.mode, alone.x.tolist(), alone.y.tolist()) == ("markers", [0, 5], [1.0, 2.0])


def test_hidden_figure_has_mean_and_maximum_of_each_layer(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        for layer, value in (("a", 1.0), ("b", 2.0)):
            for i in range(3):
                recorder.scalars(i, {f"hidden_norm_mean/{layer}": value})
                recorder.scalars(i, {f"hidden_norm_max/{layer}": 10 * value})

    figure = hidden_norm(record(write))
    drawn = {t.name: (t.y.tolist(), t.line.color) for t in figure.data}
    assert drawn["a mean"][0] == [1.0] * 3
    assert drawn["a maximum"][0] == [10.0] * 3
    assert drawn["b maximum"][0] == [20.0] * 3
    assert drawn["a mean"][1] == drawn["a maximum"][1] != drawn["b mean"][1]


def test_heatmap_leaves_the_steps_of_shorter_rows_empty(small_run: Run) -> None:
    figure = hidden_norm_time(small_run)
    (heatmap,) = heatmaps(figure)
    assert heatmap.x.tolist() == list(range(0, 100, 10))
    assert heatmap.z.shape == (8, 10)
    assert np.array_equal(heatmap.z[:4], np.repeat(np.arange(4.0)[:, None], 10, 1))
    assert np.isnan(heatmap.z[4:, :5]).all()
    assert np.array_equal(heatmap.z[4:, 5:], np.repeat(np.arange(4.0, 8)[:, None], 5, 1))
    assert red_heatmaps(figure) == []  # not recorded is not the same as not finite


def test_heatmap_shows_non_finite_steps_in_red(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        recorder.profile("hidden_norm/l0", 0, [1.0, 2.0])
        recorder.profile("hidden_norm/l0", 1, [1.0, math.nan, 3.0])
        recorder.profile("hidden_norm/l0", 2, [-math.inf, 2.0, math.inf])

    figure = hidden_norm_time(record(write))
    (red,), (values,) = red_heatmaps(figure), heatmaps(figure)
    assert np.array_equal(
        ~np.isnan(red.z), [[False, False, True], [False, True, False], [False, False, True]]
    )
    gap = math.nan
    shown = [[1.0, 1.0, gap], [2.0, gap, 2.0], [gap, 3.0, gap]]
    assert np.array_equal(values.z, shown, equal_nan=True)


def test_heatmap_of_many_rows_keeps_one_spike_and_one_nan(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        for i in range(1000):  # columns start at 0, 2, 5, 7, 10, …
            row = np.ones(3)
            row[1] = 1e3 if i == 776 else 1.0
            row[2] = math.nan if i == 778 else 1.0
            recorder.profile("hidden_norm/l0", i, row)

    figure = hidden_norm_time(record(write))
    (red,), (values,) = red_heatmaps(figure), heatmaps(figure)
    assert len(values.x) <= 400
    # Coloured by its logarithm, or the rest would be all of one colour; hover has the value.
    assert values.z.max() == pytest.approx(3.0)
    step, column = np.argwhere(values.customdata == 1e3)[0]
    assert step == 1
    assert values.x[column] < 776 < values.x[column + 1]
    ((step, column),) = np.argwhere(red.z == 1)
    assert step == 2
    assert values.x[column] < 778 < values.x[column + 1]


def test_each_panel_of_the_heatmap_has_a_visible_place_of_its_own(
    record: Callable[..., Run],
) -> None:
    """Three layers, three panels, one above the other, none laid over another."""

    def write(recorder: Recorder) -> None:
        for layer in ("a", "b", "c"):
            for i in (0, 10):
                recorder.profile(f"hidden_norm/{layer}", i, np.arange(1.0, 5.0))

    figure = hidden_norm_time(record(write))
    panels = heatmaps(figure)
    axes = [figure.layout["yaxis" + panel.yaxis.removeprefix("y")] for panel in panels]
    assert len(axes) == 3
    for axis in axes:
        assert axis.visible is not False
        assert not axis.overlaying
        assert axis.range is None  # or it would not show all steps
    for above, below in pairwise(axes):
        assert above.domain[0] > below.domain[1]
    assert all(layer in words(figure) for layer in ("a", "b", "c"))


def test_loss_figure_has_the_baselines_and_the_validation_loss(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        recorder.event("setup", 0, SETUP)
        recorder.scalars(0, {"loss": 3.0})
        recorder.scalars(1, {"loss": 2.5, "val_loss": 2.6})

    figure = loss(record(write, CONFIG))
    assert [shape.y0 for shape in figure.layout.shapes] == [4.0, 3.0, 2.0]
    assert "bigram 2.00 (2.89 bits)" in words(figure)
    assert trace(figure, "validation").y.tolist() == [2.6]


def test_baselines_are_named_in_the_legend_of_a_log_axis(record: Callable[..., Run]) -> None:
    """In place they would lie on each other, and Plotly puts them at 10 to the value."""

    def write(recorder: Recorder) -> None:
        recorder.event("setup", 0, SETUP)
        for i, value in enumerate((3.0, 1000.0, 2.5)):
            recorder.scalars(i, {"loss": value})

    figure = loss(record(write, CONFIG))
    assert figure.layout.yaxis.type == "log"
    lines = [shape.y0 for shape in figure.layout.shapes if shape.yref == "y"]
    names = [shape.name.split()[0] for shape in figure.layout.shapes if shape.showlegend]
    assert dict(zip(names, lines, strict=True)) == SETUP["baselines"]
    assert not figure.layout.annotations


def test_every_figure_is_registered() -> None:
    """A file that defines a FIGURE is on the page, or the failure says what to add."""
    folder = Path(figures.__file__).parent
    for path in sorted(folder.glob("_[a-z]*.py")):
        module = importlib.import_module(f"{figures.__name__}.{path.stem}")
        if hasattr(module, "FIGURE"):
            assert module.FIGURE in FIGURES, f"figures/__init__.py: FIGURES lacks {path.stem}"


@pytest.mark.some(9)
@pytest.mark.parametrize("entry", FIGURES, ids=[entry.key for entry in FIGURES])
def test_a_figure_says_what_it_shows(entry: figures.Entry, small_run: Run) -> None:
    """Its signals are in the catalogue, and a run with them alone gives a picture of them."""
    assert entry.signals
    assert set(entry.signals) <= CATALOGUE.keys()
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", entry.key)
    assert entry.title
    assert entry.reading_of(small_run).endswith(".")
    assert [other.key for other in FIGURES].count(entry.key) == 1


@pytest.mark.parametrize(
    ("setup", "signals", "words", "absent"),
    [
        (None, {}, (), ("bigram", "memoryless", "dotted")),
        (None, {"guess_loss": 2.0}, ("dotted",), ("bigram", "memoryless")),
        ({"bigram": 2.4, "unigram": 3.1}, {}, ("bigram", "unigram"), ("memoryless", "dotted")),
    ],
)
def test_a_caption_speaks_only_of_what_the_run_has(
    setup: Any, signals: Any, words: Any, absent: Any, record: Callable[..., Run]
) -> None:
    def write(recorder: Recorder) -> None:
        recorder.scalars(0, {"loss": 2.0, **signals})
        if setup is not None:
            body = {"origin": "a text", "train_characters": 10, "parameters": 3}
            recorder.event("setup", 0, {**body, "baselines": setup})

    (entry,) = (one for one in FIGURES if one.key == "loss")
    told = entry.reading_of(record(write))
    assert [word for word in words if word not in told] == []
    assert [word for word in absent if word in told] == []


@pytest.mark.some(7)
@pytest.mark.parametrize("entry", FIGURES, ids=[entry.key for entry in FIGURES])
def test_a_run_with_nothing_recorded_gets_figures_that_say_so(
    entry: Any, record: Callable[..., Run]
) -> None:
    figure = entry.draw(record(lambda _: None))
    assert len(figure.data) == 0
    assert re.search(r"^no .* was recorded in this run$", words(figure))


def test_a_run_with_a_loss_alone_gets_one_figure_and_a_page(record: Callable[..., Run]) -> None:
    run = record(lambda recorder: recorder.scalars(0, {"loss": 2.0}))
    assert [len(entry.draw(run).data) for entry in FIGURES] == [1] + [0] * (len(FIGURES) - 1)
    assert write_report(run).is_file()


@pytest.mark.parametrize(
    "bad", [math.nan, *(pytest.param(bad, marks=pytest.mark.long) for bad in (math.inf, -math.inf))]
)
def test_a_run_in_which_nothing_is_finite_gets_every_figure_and_a_page(
    bad: float, record: Callable[..., Run]
) -> None:
    def write(recorder: Recorder) -> None:
        names = ("loss", "val_loss", "grad_norm", "grad_norm_applied", "tokens_per_second",
                 "lr", "seq_len", "hidden_norm_mean/l0", "hidden_norm_max/l0",
                 "update_ratio/w", "saturation/l0", "sharpness", "sharpness_limit",
                 "memory_capacity/l0")  # fmt: skip
        recorder.event("setup", 0, SETUP)
        for i in range(3):
            recorder.scalars(i, dict.fromkeys(names, bad))
            for name in ("hidden_norm/l0", "reach/l0", "grad_time/l0", "context_loss",
                         "context_length", "block_reach/layers.0", "memory/l0", "memory_lag/l0",
                         "lyapunov/l0", "reach_ahead/input:x"):  # fmt: skip
                recorder.profile(name, i, [bad, bad])
            recorder.profile("state_half_life/l0", i, [bad] * 21)

    run = record(write, CONFIG)
    for entry in FIGURES:
        figure = entry.draw(run)
        assert figure.data
        titles = {axis.title.text for axis in figure.select_xaxes()}
        assert ("iteration" in titles) is not entry.of_moment, entry.key
    assert write_report(run).is_file()
    assert "The gradient was never finite." in summary(run)


def test_a_million_iterations_keep_a_spike_and_a_nan_of_one_iteration(
    record: Callable[..., Run],
) -> None:
    values = np.linspace(3.0, 2.0, 10**6)
    values[271_828], values[314_159] = 2.9e6, math.nan

    def write(recorder: Recorder) -> None:
        for at in range(0, 10**6, 50_000):
            block = slice(at, at + 50_000)
            recorder.series("loss", np.arange(at, at + 50_000), values[block])

    run = record(write)
    assert run.iterations == 10**6
    figure = loss(run)
    assert trace(figure, "training: NaN").x.tolist() == [314_159]
    line = figure.data[0]
    assert len(line.x) <= 4800
    assert line.x[line.y == 2.9e6].tolist() == [271_828]
    assert figure.layout.yaxis.type == "log"  # 2 to 2.9e6 shows on no other


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "names",
    [
        ("loss/a", "loss/b"),
        ("val_loss/a", "val_loss/b"),
        ("grad_norm/a", "grad_norm/b"),
        ("hidden_norm_mean",),
        ("hidden_norm",),
    ],
    ids=" ".join,
)
def test_signals_named_otherwise_than_the_catalogue_does_cost_nobody_the_page(
    names: tuple[str, ...], record: Callable[..., Run]
) -> None:
    """Names are free: two losses, or a layer without a name."""
    run = record(lambda recorder: recorder.scalars(0, dict.fromkeys(names, 1.0)))
    assert write_report(run).is_file()


# -- words -----------------------------------------------------------------------------------


def test_summary_says_where_the_nan_is_and_never_null(small_run: Run) -> None:
    text = " ".join(summary(small_run))
    assert "These signals are not finite: loss from iteration 60 (NaN, 1 of 100)." in text
    assert "100 iterations" in text
    assert "median of 0.5 and its largest finite value, 1e+06, at iteration 40" in text
    assert "clipping at 1 acted in 1.0 % of the iterations" in text
    assert "norm of rnn.l0 is 0 at the first of 8 steps, 4 halfway and 7 at the last" in text
    assert "null" not in text
    assert "None" not in text


def test_summary_says_how_often_a_script_clipped(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        for at, factor in enumerate([1.0, 0.5, 1.0, 0.25, float("nan")]):
            recorder.scalars(at, {"grad_norm": 2.0, "clip_factor": factor})
        recorder.scalars(4, {"clipped_share": 0.6})

    text = " ".join(summary(record(write)))
    assert (
        "at iteration 0; clip_grad_norm_ shortened the gradient in 2 of the 5 iterations in which "
        "it was measured; at iteration 4, 60 % of the last 5 gradients were clipped."
    ) in text


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (1.5, "better than both"),
        (2.5, "no better than counting pairs"),
        (3.5, "not even learned which characters are frequent"),
    ],
)
def test_summary_compares_with_the_baselines(
    value: float, verdict: str, record: Callable[..., Run]
) -> None:
    def write(recorder: Recorder) -> None:
        recorder.event("setup", 0, SETUP)
        recorder.scalars(9, {"val_loss": value, "tokens_per_second": 1000.0})

    first, *rest = summary(record(write, CONFIG))
    assert first.startswith(
        "The GRU with 2 layers of 8 units (1,234 parameters) trained on a text (9,000 "
    )
    assert "1,000 characters per second" in first
    assert verdict in rest[0]
    assert f"{value:.3f} nats ({value / math.log(2):.3f} bits) per character" in rest[0]


@pytest.mark.parametrize(
    ("bad", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_summary_names_the_kind_of_a_validation_loss_that_is_not_finite(
    bad: float, word: str, record: Callable[..., Run]
) -> None:
    text = summary(record(lambda recorder: recorder.scalars(4, {"val_loss": bad})))
    assert f"The validation loss is {word}: the model's predictions are not finite." in text
    assert f"These signals are not finite: val_loss from iteration 4 ({word}, 1 of 1)." in text


def test_summary_lists_the_first_signals_that_broke(record: Callable[..., Run]) -> None:
    def write(recorder: Recorder) -> None:
        for i in range(8):
            recorder.scalars(i, {f"s{k}": math.nan if i >= 7 - k else 0.0 for k in range(8)})

    last = summary(record(write))[-1]
    assert last.startswith("These signals are not finite: s7 from iteration 0 (NaN, 8 of 8); s6 ")
    assert "s2" in last
    assert "s1" not in last
    assert last.endswith("; and others.")


@pytest.mark.parametrize(
    "row",
    [np.full(8, 3e38, np.float32), np.full(8, 1e308)],
    ids=["float32", "float64"],
)
def test_summary_calls_a_row_of_huge_finite_numbers_finite(
    row: Any, record: Callable[..., Run]
) -> None:
    run = record(lambda recorder: recorder.profile("hidden_norm/l0", 0, row))
    assert summary(run)[-1] == "Every recorded value is finite."


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ([1.0, math.nan, math.inf], "NaN"),
        ([1.0, math.inf, -math.inf], "Infinity"),
    ],
)
def test_summary_names_a_kind_that_is_in_the_row_that_is_not_finite(
    row: list[float], word: str, record: Callable[..., Run]
) -> None:
    def write(recorder: Recorder) -> None:
        recorder.profile("hidden_norm/l0", 0, [1.0, 1.0, 1.0])
        recorder.profile("hidden_norm/l0", 5, row)

    expected = f"These signals are not finite: hidden_norm/l0 from iteration 5 ({word}, 1 of 2)."
    assert summary(record(write))[-1] == expected


@pytest.mark.parametrize("said", ["by hand", "by hand."])
def test_summary_says_how_a_failed_run_ended(said: str, run_path: Path) -> None:
    def fail() -> None:
        with Recorder(run_path):
            raise ZeroDivisionError(said)

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "The run failed: ZeroDivisionError: by hand." in summary(Run(run_path))


def test_numbers_and_durations_in_words() -> None:
    assert [number(v) for v in (math.nan, math.inf, -math.inf, 0.123456, 1e6, 1234.5)] == [
        "NaN", "Infinity", "-Infinity", "0.1235", "1e+06", "1234",
    ]  # fmt: skip
    assert [duration(s) for s in (0.4, 59.4, 59.6, 200, 3599.6, 7500)] == [
        "0 s", "59 s", "1 min 0 s", "3 min 20 s", "1 h 0 min", "2 h 5 min",
    ]  # fmt: skip


# -- the page --------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects what a page would load, its style, and the text a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.style = self.text = ""
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the attributes that load something."""
        loads = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}
        self.addresses += [value or "" for name, value in attrs if name in loads]
        self.style += "".join(value or "" for name, value in attrs if name == "style")
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style sheet."""
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Sort text by what it is."""
        if not self._inside:
            self.text += data
        elif self._inside[-1] == "style":
            self.style += data


def test_the_page_is_one_file_that_loads_nothing_from_a_network(small_run: Run) -> None:
    before = set(small_run.path.iterdir())
    page = write_report(small_run)
    assert page == small_run.path / "report.html"
    assert set(small_run.path.iterdir()) - before == {page}
    reader = Reader(page.read_text(encoding="utf-8"))
    inside = [address for address in reader.addresses if address.startswith("#")]
    assert set(reader.addresses) - set(inside) == {"data:,"}  # the icon: nothing at all
    assert not re.search(r"url\(|@import", reader.style)


def test_the_page_goes_where_it_is_told_and_replaces_an_older_one(
    small_run: Run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p.html").write_text("old")
    page = write_report(small_run.path, str(tmp_path / "out" / "p.html"))
    assert [page] == list((tmp_path / "out").iterdir())
    assert "100 iterations" in page.read_text(encoding="utf-8")
    assert not (small_run.path / "report.html").exists()


def test_a_page_that_cannot_be_written_is_an_error_with_its_path(
    small_run: Run, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"cannot write .*none/p\.html: No such file"):
        write_report(small_run, tmp_path / "none" / "p.html")


def test_the_page_says_nan_in_words_and_never_null(small_run: Run) -> None:
    text = Reader(write_report(small_run).read_text(encoding="utf-8")).text
    assert "loss from iteration 60 (NaN, 1 of 100)" in text
    assert "null" not in text
    headings = re.findall(r"(?m)^ *(.*?)\n", text)
    for entry in FIGURES:
        assert (entry.title in headings) == entry.is_drawn(small_run)


def test_a_text_sample_is_escaped(small_run: Run) -> None:
    page = write_report(small_run).read_text(encoding="utf-8")
    assert "<pre>&lt;b&gt;hello &amp; goodbye&lt;/b&gt;</pre>" in page
    assert "<b>hello" not in page


def test_a_text_sample_has_the_temperature_it_was_drawn_at(small_run: Run) -> None:
    """It is in the sample itself: not every run has it among its settings."""
    text = Reader(write_report(small_run).read_text(encoding="utf-8")).text
    assert re.search(r"at\s+temperature\s+0\.7\b", text)


def test_of_many_samples_the_first_a_middle_and_the_last_are_shown(
    record: Callable[..., Run],
) -> None:
    def write(recorder: Recorder) -> None:
        for i in range(9):
            recorder.event("sample", 10 * i, {"text": f"<text {i}>", "temperature": 0.7})

    text = Reader(write_report(record(write)).read_text(encoding="utf-8")).text
    assert re.findall(r"after (\d+) iterations", text) == ["1", "41", "81"]
    assert re.findall(r"<text \d>", text) == ["<text 0>", "<text 4>", "<text 8>"]


def test_names_in_a_run_cannot_become_markup(tmp_path: Path) -> None:
    evil = "</script><script>bad()</script>"
    with Recorder(tmp_path / "a<i>b", config={evil: evil}) as recorder:
        recorder.scalars(0, {f"hidden_norm_mean/{evil}": 1.0, "loss": math.nan})
        recorder.profile(f"hidden_norm/{evil}", 0, [1.0])
    page = write_report(tmp_path / "a<i>b").read_text(encoding="utf-8")
    assert evil not in page
    assert "<script>bad" not in page
    assert "a<i>b" not in page
    assert "a&lt;i&gt;b" in page


def test_the_command_is_in_the_heading_and_nowhere_else(tmp_path: Path) -> None:
    arguments = {"script": "train", "arguments": ["--lr", "0.1"], "every": 5}
    with Recorder(tmp_path / "run", config=arguments) as recorder:
        recorder.scalars(0, {"loss": 1.0})
    run = Run(tmp_path / "run")
    run.info["command"] = "backsight run <b>train.py --lr 0.1"
    text = write_report(run).read_text(encoding="utf-8")
    heading, rest = text.split('<div class="tiles">')
    assert "<code>backsight run &lt;b&gt;train.py --lr 0.1</code>" in heading
    assert "train.py" not in rest
    assert "<td>every</td>" in rest
    assert "<td>arguments</td>" not in rest


def test_what_was_not_recorded_takes_no_room_and_says_how_to_get_it(
    record: Callable[..., Run],
) -> None:
    run = record(lambda recorder: recorder.scalars(0, {"loss": 2.0}))
    page = write_report(run).read_text(encoding="utf-8")
    assert page.count('data-plot="') == 1
    missed = page[page.index('id="not-recorded"') :].partition("</details>")[0]
    for entry in FIGURES:
        assert (f"<li>{entry.title}: " in missed) == entry.is_missed(run)
    assert "Reach of the gradient: Train a recurrent layer" in missed
    assert "Loss:" not in missed


MANY = [f"update_ratio/{i}" for i in range(25)]

CAPTIONS = [
    ("gradient-norm", {"grad_norm": 1.0}, "", "Clipping acted"),
    ("gradient-norm", {"grad_norm": 1.0, "grad_norm_applied": 1.0}, "Clipping acted", ""),
    ("update-ratio", {"update_ratio/w": 1.0}, "", "how the parameters spread"),
    (
        "update-ratio",
        {f"update_ratio/{i}": 1.0 for i in range(25)},
        "how the parameters spread",
        "",
    ),
    ("pace", {"lr": 1.0}, "learning rate that the optimizer used", "policy"),
    ("pace", {"act_before/clip": 1.0, "lr": 1.0}, "each policy of the guard acted", "rollback"),
    ("pace", {"act_before/rollback": 1.0, "lr": 1.0}, "rollback", ""),
    ("reach", {"reach/l": [1.0, 0.5, 1e-4, 1e-9]}, "half-life", "open mark"),
    ("reach", {"reach/l": [1.0, 0.5, 0.4]}, "open mark", "exactly zero"),
    ("reach", {"reach/l": [1.0, 0.5, 0.0]}, "exactly zero", "open mark"),
    ("loss", {"loss": 1.0}, "minimises", "line"),
    ("loss", {"loss": 1.0, "guess_loss": 1.0}, "best constant answer", "bigram"),
    (
        "loss",
        {"loss": 1.0, "guess_loss": 1.0, "guess_answer/mean": 0.5},
        "gives, the mean of the targets; a network",
        "frequencies",
    ),
]


@pytest.mark.some(4)
@pytest.mark.parametrize(("key", "signals", "told", "absent"), CAPTIONS)
def test_a_caption_speaks_of_what_the_run_has(
    key: str, signals: Mapping[str, Any], told: str, absent: str, record: Callable[..., Run]
) -> None:
    def write(recorder: Recorder) -> None:
        for name, value in signals.items():
            if isinstance(value, list):
                recorder.profile(name, 0, value)
            else:
                recorder.scalars(0, {name: value})

    entry = next(one for one in FIGURES if one.key == key)
    caption = entry.reading_of(record(write))
    assert told in caption
    assert not absent or absent not in caption


def test_the_gradient_norms_of_several_models_are_drawn_and_not_their_parameters(
    record: Callable[..., Run],
) -> None:
    def write(recorder: Recorder) -> None:
        for model in ("actor", "critic"):
            recorder.scalars(0, {f"grad_norm/{model}": 2.0, f"grad_norm_applied/{model}": 1.0})
            recorder.scalars(0, {f"grad_norm/{model}.rnn.weight": 7.0})

    assert [line.name for line in gradient_norm(record(write)).data] == [
        "actor before clipping", "actor as applied", "critic before clipping",
        "critic as applied",
    ]  # fmt: skip


def test_a_page_is_never_too_large_and_keeps_every_spike(
    record: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room for all points, there are fewer, and the extremes stay."""
    values = np.ones(9_000)
    values[4_321] = 1e6

    def write(recorder: Recorder) -> None:
        for name in ("loss", "grad_norm", *(f"hidden_norm_mean/l{i}" for i in range(6))):
            recorder.series(name, range(len(values)), values * np.linspace(1, 2, len(values)))

    run = record(write)
    whole = write_report(run, light=True).stat().st_size
    monkeypatch.setattr("backsight.report._fitting.PAGE_BYTES", 100_000 + (whole - 20_000) // 3)
    page = write_report(run, light=True)
    assert page.stat().st_size <= 100_000 + (whole - 20_000) // 3
    content = re.search(r'data-plot="plot-loss">(.*?)</script>', page.read_text())
    assert content is not None
    drawn = json.loads(content[1])["data"][0]
    y = np.frombuffer(base64.b64decode(drawn["y"]["bdata"]), drawn["y"]["dtype"].replace("f", "<f"))
    assert len(y) < 3_000
    assert y.max() > 1e6


def test_a_light_page_has_its_script_beside_it(small_run: Run, tmp_path: Path) -> None:
    page = write_report(small_run, tmp_path / "page.html", light=True)
    (script,) = set(tmp_path.glob("*.js"))
    assert page.stat().st_size < 1_000_000 < script.stat().st_size
    assert f'<script src="{script.name}"></script>' in page.read_text()
    before = script.stat().st_mtime_ns
    write_report(small_run, tmp_path / "other.html", light=True)
    assert script.stat().st_mtime_ns == before
    script.write_text("cut")
    write_report(small_run, tmp_path / "other.html", light=True)
    assert script.stat().st_size > 1_000_000


# -- in a browser ----------------------------------------------------------------------------

RED_PIXELS = """async (png) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const {data} = canvas.getImageData(0, 0, image.width, image.height);
  let red = 0;
  for (let i = 0; i < data.length; i += 4)
    red += data[i] > 180 && data[i + 1] < 80 && data[i + 2] < 90;
  return red;
}"""
"""Counts red pixels of a screenshot: what is really on the screen, whatever the DOM says."""


def test_the_page_draws_every_figure_and_a_red_nan_in_a_browser_offline(small_run: Run) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("chromium is not installed")
    page_file = write_report(small_run)
    problems: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1100, "height": 900})
        context.set_offline(True)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.resolve().as_uri())
        plots = page.locator(".js-plotly-plot")
        plots.last.locator("svg.main-svg").first.wait_for()
        drawn = [plot.locator("svg.main-svg").count() for plot in plots.all()]
        cross = page.locator("#plot-loss .scatterlayer .trace:has(.points path) .points path")
        cross.wait_for()
        fill = cross.evaluate("e => getComputedStyle(e).fill")
        box = cross.bounding_box()
        assert box is not None
        seen = page.evaluate(
            RED_PIXELS, base64.b64encode(page.screenshot(full_page=True, clip=box)).decode()
        )
        ticks = page.locator("#plot-gradient-norm .ytick").all_text_contents()
        gaps = page.evaluate(
            "Array.from(document.getElementById('plot-hidden-norm-time').calcdata[0][0].z[7])"
            ".map(v => v === undefined || Number.isNaN(v))"
        )
        boxes = page.evaluate(
            "Array.from(document.querySelectorAll('.js-plotly-plot')).flatMap(plot => {"
            "  const legend = plot.querySelector('.legend .bg')?.getBoundingClientRect();"
            "  const bar = plot.querySelector('.modebar').getBoundingClientRect();"
            "  return legend && bar.width ? [[legend.right, bar.left]] : []; })"
        )
        buttons = page.locator(".modebar-btn").evaluate_all("b => b.map(x => x.dataset.title)")
        saved = []
        for key, kind in (
            ("gradient-norm", "csv"), ("gradient-norm", "png"), ("hidden-norm-time", "csv"),
        ):  # fmt: skip
            with page.expect_download() as awaited:
                page.click(f"#{key} [data-save='{kind}']")
            saved.append(Path(awaited.value.path()).read_bytes())
        browser.close()
    assert problems == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert len(drawn) == sum(entry.is_drawn(small_run) for entry in FIGURES)
    assert min(drawn) >= 1
    assert fill == "rgb({}, {}, {})".format(*bytes.fromhex(ALARM[1:]))
    assert seen > 10
    assert {"1", "1e6"} <= set(ticks)
    assert gaps == [True] * 5 + [False] * 5
    assert boxes
    assert all(legend <= bar for legend, bar in boxes)
    assert not [title for title in buttons if "hare" in title or "loud" in title]
    rows = saved[0].decode().splitlines()
    assert rows[0] == "signal,series,x,y"
    assert "grad_norm,before clipping,40,1000000" in rows
    assert saved[1].startswith(b"\x89PNG")
    rows = saved[2].decode().splitlines()
    assert rows[0] == "signal,series,x,y,value"
    assert "hidden_norm/rnn.l0,,50,7,7" in rows
    assert len(rows) == 1 + 5 * 4 + 5 * 8  # no row for what a shorter sample did not have


def test_a_line_never_bridges_what_it_cannot_show(record: Callable[..., Run]) -> None:
    """NaN from 10 to 89: the line stops at 9 and begins again at 90."""
    values = [math.nan if 10 <= i < 90 else 1.0 for i in range(100)]
    figure = loss(record(lambda r: r.series("loss", range(100), values)))
    line = figure.data[0]
    gap = np.flatnonzero(np.isnan(line.y))
    assert line.x[gap[0] - 1] == 9
    assert line.x[gap[0] + 1] == 90


@pytest.mark.parametrize(
    "write",
    [
        lambda r: r.profile("hidden_norm/a", 0, np.array([])),
        lambda r: r.series("grad_norm", [0, 1], [1.5e308, 1.5e308]),
    ],
    ids=["empty row", "huge norm"],
)
def test_odd_numbers_cost_nobody_the_page(write: Any, record: Callable[..., Run]) -> None:
    assert write_report(record(write, {"clip": math.inf})).is_file()

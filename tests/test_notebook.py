"""A run in a notebook: how it shows itself, its figures, and the live view."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from backsight.errors import SettingError
from backsight.integrations import _live, live
from backsight.report import run_html
from backsight.report._line_chart import ChartLine, ChartMark, line_chart
from backsight.report.figures import FIGURES
from backsight.signals import Recorder, Run


@pytest.fixture
def recurrent(run_path: Path) -> Run:
    """A loss with one NaN, and the reach of two layers."""
    with Recorder(run_path, config={"facts": {"baseline": 2.0}}) as recorder:
        recorder.series("loss", range(5), [2.0, 1.75, float("nan"), 1.25, 1.0])
        recorder.profile("reach/rnn.l0", 4, 0.5 ** np.arange(12))
        recorder.profile("reach/<b>", 4, [1.0, 0.5, 0.0, float("nan")])
    return Run(run_path)


# -- the run itself ------------------------------------------------------------------------------


def test_a_run_shows_its_strip_its_loss_and_its_reach(recurrent: Run) -> None:
    html = recurrent._repr_html_()
    assert "1 at iteration 4, 1 not finite so far" in html
    assert "the guess (2)" in html
    assert "7 of 11 earlier steps (iteration 4)" in html  # 0.5**7 is the last above 1 %
    assert html.count("<svg") == 2
    assert html.count('class="cross"') == 1
    assert "rnn.l0 horizon 7" in html


def test_it_needs_nothing_from_elsewhere(recurrent: Run) -> None:
    html = recurrent._repr_html_()
    assert re.findall(r"<script|https?:|src=|href=|@import|url\(", html) == []
    assert "reach &lt;b&gt;" in html
    assert "<b>" not in html.replace(f"<b>{recurrent.name}</b>", "")
    assert len(html) < 20_000


def test_it_is_one_element_in_the_colours_of_the_notebook(recurrent: Run) -> None:
    html = recurrent._repr_html_().strip()
    assert html.startswith('<div class="backsight-run">')
    assert html.endswith("</div>")
    assert html.count("<div") == html.count("</div>")
    dark = re.findall(r"([^{}]*)\{[^{}]*--card: #171c23", html)
    assert len(dark) == 2
    assert 'data-jp-theme-light="false"' in dark[1]


def test_where_styles_and_pictures_are_taken_away_a_sentence_says_so(recurrent: Run) -> None:
    """As Jupyter does in a notebook that somebody else has run."""
    html = run_html(recurrent)
    left = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", "", html, flags=re.DOTALL)
    assert "The pictures are missing here, because this notebook is not trusted" in left
    assert f"{recurrent.path.name} finished {recurrent.iterations} iterations" in left
    assert ".backsight-run .plain { display: none; }" in html


def test_a_run_without_numbers_and_one_that_is_damaged_show_themselves(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.event("sample", 0, {})
    assert "finished" in run_html(Run(run_path))
    run = Run(run_path)
    (run_path / "signals.db").write_bytes(b"no store")
    assert "cannot be read" in run_html(run)


def test_what_is_asked_for_is_made(recurrent: Run) -> None:
    assert set(recurrent._repr_mimebundle_()) == {"text/plain", "text/html"}
    plain = {"text/plain": repr(recurrent)}
    assert recurrent._repr_mimebundle_(include={"text/plain"}) == plain
    assert recurrent._repr_mimebundle_(exclude={"text/html"}) == plain


def test_reading_a_run_loads_no_figures() -> None:
    code = "import sys, backsight; backsight.Run; print({'plotly', 'jinja2'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


# -- its charts ----------------------------------------------------------------------------------


def path_of(svg: str) -> str:
    path: str = re.findall(r'<path class="line c0" d="([^"]*)"', svg)[0]
    return path


def test_points_lie_where_their_values_are() -> None:
    """The plot is 372 wide from 56 on, and 162 high from 12 to 174."""
    line = ChartLine("a", np.array([0, 5, 10]), np.array([0.0, 1.0, 4.0]))
    svg = str(line_chart([line], title="t", x_title="x"))
    assert path_of(svg) == "M56.0 174.0L242.0 133.5L428.0 12.0"
    assert 'y="137.5">1<' in svg  # the label of 1 stands beside its height


def test_on_a_log_axis_a_decade_is_a_decade() -> None:
    marks = [ChartMark(1, 0.1, "here", "diamond-open")]
    line = ChartLine("a", np.array([0, 1, 2]), np.array([1.0, 0.1, 0.01]), marks=marks)
    svg = str(line_chart([line], title="t", x_title="x", log=True))
    assert path_of(svg) == "M56.0 12.0L242.0 93.0L428.0 174.0"
    assert 'class="mark c0 open" d="M242.0 87.0l6 6-6 6-6-6z"><title>a here<' in svg


def test_a_line_does_not_bridge_what_is_not_finite() -> None:
    line = ChartLine("a", np.array([0, 1, 3]), np.array([0.0, 1.0, 1.0]), breaks=[2])
    svg = str(line_chart([line], title="t", x_title="x", crosses=[2]))
    assert path_of(svg) == "M56.0 174.0L180.0 12.0M428.0 12.0h0.01"
    assert svg.count('class="cross"') == 1


@pytest.mark.parametrize("values", [[1.0, 1.0], [1e308, -1e308], [0.0], [1e-320, 1e-300]])
@pytest.mark.parametrize("log", [False, True])
def test_any_values_are_drawn(values: list[float], log: bool) -> None:
    if log and min(values) <= 0:
        return
    line = ChartLine("a", np.arange(len(values)), np.array(values))
    svg = str(line_chart([line], title="t", x_title="x", log=log, level=(float("nan"), "")))
    numbers = [float(n) for n in re.findall(r"-?[\d.]+(?=[ LMh]|$)", path_of(svg))]
    assert np.isfinite(numbers).all()
    assert max(numbers) <= 440


# -- run.plot ------------------------------------------------------------------------------------


def test_every_figure_has_a_method(recurrent: Run) -> None:
    for entry in FIGURES:
        figure = getattr(recurrent.plot, entry.key.replace("-", "_"))()
        assert isinstance(figure, go.Figure)
        assert figure.layout.paper_bgcolor == "#ffffff"


def test_those_with_something_to_show_are_completed(recurrent: Run) -> None:
    assert dir(recurrent.plot) == ["loss", "reach", "reach_time"]
    (last,) = (t for t in recurrent.plot.reach().data if t.name == "rnn.l0 last (4)")
    assert list(last.y) == [0.5**lag for lag in range(12)]


def test_a_figure_that_there_is_not_is_one_sentence(recurrent: Run) -> None:
    with pytest.raises(AttributeError, match=r"^there is no figure 'raech': did you mean reach\?$"):
        recurrent.plot.raech()
    with pytest.raises(AttributeError, match=r"there is no figure '_x': choose from loss, reach, "):
        recurrent.plot._x()


# -- the live view -------------------------------------------------------------------------------


class Shown:
    """A widget that keeps what it is given, and does what it is told in between."""

    def __init__(self, *then: Any) -> None:
        self.comm: object | None = object()
        self.seen: list[str] = []
        self._then = list(then)

    @property
    def html(self) -> str:
        return self.seen[-1] if self.seen else ""

    @html.setter
    def html(self, html: str) -> None:
        self.seen.append(html)
        if self._then:
            self._then.pop(0)()


def test_the_view_follows_a_run_to_its_end(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_live, "SHARE", 1.0)
    recorder = Recorder(run_path)

    def train() -> None:
        recorder.scalars(0, {"loss": 2.5})
        recorder.flush()

    widget = Shown(train, recorder.close)
    _live._follow(widget, run_path, every=0.001)
    assert "2.5 at iteration 0" in widget.seen[1]
    assert 'good">finished<' in widget.seen[-1]


def test_a_view_that_is_closed_looks_no_more(run_path: Path) -> None:
    recorder = Recorder(run_path)
    widget = Shown()
    widget._then.append(lambda: setattr(widget, "comm", None))
    _live._follow(widget, run_path, every=0.001)
    assert len(widget.seen) == 1
    recorder.close()


def test_what_goes_wrong_in_the_view_is_one_warning(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Recorder(run_path).close()

    def broken(run: Run) -> str:
        raise ValueError("no picture")

    monkeypatch.setattr(_live, "run_html", broken)
    _live._follow(Shown(), run_path, every=1.0)
    told = "backsight: the live view of run has ended: ValueError('no picture')"
    assert caplog.messages == [told]


def test_a_missing_package_is_one_sentence(recurrent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    _live._kind.cache_clear()
    with pytest.raises(SettingError, match=r"^a live view needs .* 'backsight\[notebook\]'$"):
        recurrent.live()
    _live._kind.cache_clear()


def test_an_old_package_is_named(recurrent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(__version__="0.6.5", AnyWidget=object)
    monkeypatch.setitem(sys.modules, "anywidget", old)
    monkeypatch.setitem(sys.modules, "traitlets", SimpleNamespace())
    _live._kind.cache_clear()
    with pytest.raises(SettingError, match=r"needs anywidget 0\.9 or newer, not 0\.6\.5: type pip"):
        recurrent.live()
    _live._kind.cache_clear()


def test_what_is_no_run_is_told() -> None:
    with pytest.raises(SettingError, match="live expects a run, its folder or what watch gave"):
        live(3)  # type: ignore[arg-type]

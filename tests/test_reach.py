"""What a reach says in numbers, in words and in pictures, from hand-written rows."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.report import summary, write_report
from backsight.report.figures._grad_time import grad_time
from backsight.report.figures._reach import reach
from backsight.report.figures._reach_time import reach_time
from backsight.report.figures._style import ALARM
from backsight.report.figures._update_ratio import update_ratio
from backsight.signals import (
    Lag,
    Recorder,
    Run,
    growth_rate,
    reach_cut,
    reach_half_life,
    reach_horizon,
    reach_outcome,
    reach_words,
)

HALVES = 0.5 ** np.arange(20)


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Run]:
    """Makes a finished run of rows of one signal."""

    def make(rows: dict[str, list[Any]]) -> Run:
        with Recorder(tmp_path / "run") as recorder:
            for name, samples in rows.items():
                for i, row in enumerate(samples):
                    recorder.profile(name, 10 * i, np.asarray(row, float))
        return Run(tmp_path / "run")

    return make


@pytest.mark.parametrize(
    ("row", "outcome", "half", "far", "rate", "cut"),
    [
        (HALVES, "ok", Lag(1, False), Lag(6, False), -math.log(2), None),
        (np.ones(5), "ok", Lag(4, True), Lag(4, True), 0.0, None),
        (2.0 ** np.arange(5), "ok", Lag(4, True), Lag(4, True), math.log(2), None),
        ([1, 0.9, 0.8, 0, 0], "ok", Lag(3, False), Lag(2, False), -0.11157, 2),
        ([0, 1, 0.4], "ok", Lag(2, False), Lag(2, True), math.log(0.4), None),
        ([1.0], "ok", Lag(0, True), Lag(0, True), math.nan, None),
        ([1, math.nan], "not finite", None, None, math.nan, None),
        ([1, math.inf], "not finite", None, None, math.nan, None),
        ([], "not enough data", None, None, math.nan, None),
        ([0.0, 0.0], "not enough data", None, None, math.nan, None),
    ],
)
def test_what_follows_from_a_reach(
    row: Any, outcome: str, half: Lag | None, far: Lag | None, rate: float, cut: int | None
) -> None:
    row = np.asarray(row, float)
    assert reach_outcome(row) == outcome
    assert reach_half_life(row) == half
    assert reach_horizon(row) == far
    assert growth_rate(row) == pytest.approx(rate, rel=1e-4, abs=1e-12, nan_ok=True)
    assert reach_cut(row) == cut


def test_a_non_finite_reach_is_never_called_far(record: Callable[..., Run]) -> None:
    run = record({"reach/l0": [HALVES, [1.0, math.nan, math.nan]]})
    (sentence,) = (s for s in summary(run) if s.startswith("l0"))
    assert sentence == "l0: the gradient through time is not finite (iteration 10)."
    assert "These signals are not finite: reach/l0 from iteration 10 (NaN, 1 of 2)." in summary(run)


def test_the_summary_tells_how_the_horizon_moved(record: Callable[..., Run]) -> None:
    run = record({"reach/l0": [HALVES, 0.9 ** np.arange(60)]})
    (sentence,) = (s for s in summary(run) if s.startswith("l0"))
    assert sentence == (
        "l0: the gradient falls to half after 7 steps and stays below 1 % beyond 43 steps; 16 of "
        "the 60 steps receive almost none of it (iteration 10); at the start of training it stayed "
        "below 1 % beyond 6 steps."
    )


def test_one_step_has_no_past() -> None:
    assert "there is no earlier state" in reach_words(np.ones(1))


def test_a_single_step_receives_almost_none_of_it() -> None:
    words = reach_words(np.array([1.0, 0.4, 0.1, 0.001]))
    assert words.endswith("beyond 2 steps; 1 of the 4 steps receives almost none of it")


def test_the_reach_figure_draws_last_median_and_first(record: Callable[..., Run]) -> None:
    rows = [HALVES, np.ones(20), 0.9 ** np.arange(20)]
    figure = reach(record({"reach/l0": rows}))
    lines = {trace.name: trace.y for trace in figure.data}
    assert list(lines) == ["l0 first (0)", "l0 median of 3", "l0 last (20)"]
    np.testing.assert_allclose(lines["l0 first (0)"], rows[0])
    np.testing.assert_allclose(lines["l0 median of 3"], rows[2])
    np.testing.assert_allclose(lines["l0 last (20)"], rows[2])
    assert figure.layout.yaxis.type == "log"
    # Annotations on a log axis are placed by the exponent.
    assert {a.text: a.y for a in figure.layout.annotations} == {
        "half": pytest.approx(math.log10(0.5)),
        "1 %": -2,
    }


def test_what_is_far_below_leaves_the_picture(record: Callable[..., Run]) -> None:
    figure = reach(record({"reach/l0": [10.0 ** -np.arange(0, 30, 3)]}))
    low, high = figure.layout.yaxis.range
    assert low == pytest.approx(-6)
    assert 0 < high < 1


def test_what_a_line_cannot_show_is_said(record: Callable[..., Run]) -> None:
    figure = grad_time(record({"grad_time/l0": [[1.0, math.nan, 2.0, math.inf]]}))
    np.testing.assert_array_equal(figure.data[0].y, [1, math.nan, 2, math.nan])
    (told,) = [a for a in figure.layout.annotations if "not finite" in a.text]
    assert "2 not finite" in told.text
    assert told.font.color == ALARM


def test_windows_of_different_lengths_share_the_pictures(record: Callable[..., Run]) -> None:
    run = record({"reach/l0": [np.ones(3), np.ones(6), np.ones(4)], "grad_time/l0": [np.ones(5)]})
    median = next(t for t in reach(run).data if "median" in t.name)
    assert len(median.y) == 6
    (cells,) = reach_time(run).data
    assert np.isnan(np.asarray(cells.customdata, float)).sum() == 6 * 3 - 13
    assert write_report(run).is_file()


def test_the_heat_map_is_dark_below_its_floor_and_red_where_not_finite(
    record: Callable[..., Run],
) -> None:
    figure = reach_time(record({"reach/l0": [[1, 1e-9, 0.0], [1, math.inf, 0.5]]}))
    cells, red = figure.data
    np.testing.assert_allclose(np.asarray(cells.z, float)[:, 0], [0, -4, -4])
    assert np.asarray(red.z, float)[1, 1] == 1
    assert figure.layout.coloraxis.cmin == -4
    assert figure.layout.coloraxis.colorbar.ticktext[0] == "≤ 0.0001"


def test_every_parameter_has_its_line(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for i in range(3):
            recorder.scalars(i, {"update_ratio/w": 1e-3, "update_ratio/b": 0.0})
    figure = update_ratio(Run(tmp_path / "run"))
    assert {"w", "b", "b: ≤ 0 (3×)"} <= {trace.name for trace in figure.data}

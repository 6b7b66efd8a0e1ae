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
from backsight.report.figures._reach_blocks import reach_blocks
from backsight.report.figures._reach_time import reach_time
from backsight.report.figures._style import ALARM
from backsight.report.figures._update_ratio import update_ratio
from backsight.signals import Recorder, Run, reach_shares

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


def test_a_non_finite_reach_is_never_called_far(record: Callable[..., Run]) -> None:
    run = record({"reach/l0": [HALVES, [1.0, math.nan, math.nan]]})
    (sentence,) = (s for s in summary(run) if s.startswith("l0"))
    assert sentence == "l0: the gradient through time is not finite (iteration 10)."
    assert "These signals are not finite: reach/l0 from iteration 10 (NaN, 1 of 2)." in summary(run)


def test_the_summary_tells_how_the_horizon_moved(record: Callable[..., Run]) -> None:
    """0.9^8 is the first at most half of 0.9, and 0.9^45 below 1 % of it: 44 of 59 are within."""
    run = record({"reach/l0": [HALVES, 0.9 ** np.arange(60)]})
    (sentence,) = (s for s in summary(run) if s.startswith("l0"))
    assert sentence == (
        "l0: the gradient is below half from lag 8 on, below 1 % from lag 45 on, relative to the "
        "strongest earlier step; 15 of the 59 earlier steps get almost none of it (iteration 10); "
        "at the start of training it was below half from lag 2 on, below 1 % from lag 8 on."
    )


def test_the_reach_figure_draws_last_median_and_first(record: Callable[..., Run]) -> None:
    rows = [HALVES, np.ones(20), 0.9 ** np.arange(20)]
    figure = reach(record({"reach/l0": rows}))
    lines = {trace.name: trace.y for trace in figure.data}
    marks = ["l0 half-life 8", "l0 horizon ≥ 19"]
    assert list(lines) == ["l0 first (0)", "l0 median of 3", "l0 last (20)", *marks]
    np.testing.assert_allclose(lines["l0 first (0)"], rows[0])
    np.testing.assert_allclose(lines["l0 median of 3"], rows[2])
    np.testing.assert_allclose(lines["l0 last (20)"], rows[2])
    assert figure.layout.yaxis.type == "log"
    half, far = figure.data[3:]
    assert (half.x, half.y) == ((8,), (pytest.approx(0.9**8),))
    assert (far.x, far.y) == ((19,), (pytest.approx(0.9**19),))
    assert (half.marker.symbol, far.marker.symbol) == ("circle", "diamond-open")


def test_a_weak_gradient_stays_in_the_picture(record: Callable[..., Run]) -> None:
    """An earlier step gets 1e-5 of lag 0: what is a millionth of that is still drawn."""
    figure = reach(record({"reach/l0": [[1, *(1e-5 * 0.1 ** np.arange(9))]]}))
    assert figure.layout.yaxis.range[0] == pytest.approx(-11)


def test_no_mark_where_no_gradient_goes_back(record: Callable[..., Run]) -> None:
    assert len(reach(record({"reach/l0": [[1, 1e-9, 1e-9]]})).data) == 1


def test_what_is_far_below_leaves_the_picture(record: Callable[..., Run]) -> None:
    figure = reach(record({"reach/l0": [[1, *(10.0 ** -np.arange(0, 30, 3))]]}))
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
    np.testing.assert_allclose(
        np.asarray(cells.z, float), np.array([[0, 0], [-4, math.nan], [-4, 0]])
    )
    assert np.asarray(red.z, float)[1, 1] == 1
    assert figure.layout.coloraxis.cmin == -4
    assert figure.layout.coloraxis.colorbar.ticktext[0] == "≤ 0.0001"


BESIDE = [1.0, 2e-4, 1e-4, 2e-6, 0.0]
"""P is 2e-4: lag 0, which a residual connection makes large, is capped; then 1, 1/2, 1/100, 0."""
COLOURS: list[float] = [0, 0, math.log10(0.5), -2, -4]


def test_colours_follow_the_strongest_earlier_step_and_not_lag_0(
    record: Callable[..., Run],
) -> None:
    """Each sample has its own P: lag 0 of the second is below it. Blocks share one, which is 10."""
    grows = [1.0, 10.0, 5.0, 0.1, 0.0]
    its: list[float] = [-1, 0, math.log10(0.5), -2, -4]
    run = record(
        {"reach/l0": [BESIDE, grows], "block_reach/l.0": [BESIDE], "block_reach/l.1": [grows]}
    )
    over_time, by_block = reach_time(run), reach_blocks(run)
    np.testing.assert_allclose(np.asarray(over_time.data[0].z, float).T, [COLOURS, its])
    rows = np.asarray(by_block.data[0].z, float).tolist()
    assert rows == [pytest.approx([-1, -4, -4, -4, -4]), pytest.approx(its)]
    for figure in (over_time, by_block):
        assert figure.layout.coloraxis.colorbar.title.text == "R/P"
        assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-4, 0)
    np.testing.assert_allclose(np.asarray(over_time.data[0].customdata, float)[:, 0], BESIDE)
    np.testing.assert_allclose(np.asarray(by_block.data[0].customdata, float)[0], BESIDE)


@pytest.mark.parametrize(
    ("row", "shares"),
    [
        ([0.0, 1.0, 1e-8], [0, 1, 1e-8]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([1.0, 1e-7, 0.0], [1, 0, 0]),
        ([1.0, 0.5, math.nan, math.inf], [1, 1, math.nan, math.nan]),
        ([math.nan, 0.5, 0.25], [math.nan, 1, 0.5]),
        ([math.nan, math.nan], [math.nan, math.nan]),
        ([1.0], [1]),
    ],
)
def test_shares_of_edge_cases(row: list[float], shares: list[float]) -> None:
    np.testing.assert_allclose(reach_shares(np.array([row])), [shares])


def test_shares_of_rows_together_follow_the_largest_p() -> None:
    """P is 0.5, of the second row, and no row of its own is noise beside it."""
    rows = np.array([[1.0, 0.05, 1e-9], [0.25, 0.5, 0.25], [0.0, 0.0, 0.0]])
    shares = [[1, 0.1, 2e-9], [0.5, 1, 0.5], [0, 0, 0]]
    np.testing.assert_allclose(reach_shares(rows, together=True), np.array(shares))


def test_every_parameter_has_its_line(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for i in range(3):
            recorder.scalars(i, {"update_ratio/w": 1e-3, "update_ratio/b": 0.0})
    figure = update_ratio(Run(tmp_path / "run"))
    assert {"w", "b", "b: ≤ 0 (3×)"} <= {trace.name for trace in figure.data}

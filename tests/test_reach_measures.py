"""What a reach comes to: rows written by hand, with values worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest

from backsight.signals import Lag, measure_reach, reach_share, reach_words

NAN, INF = math.nan, math.inf
HALVES = 0.5 ** np.arange(20)
TENTHS = 0.9 ** np.arange(100)


def far(lag: int, length: int, elsewhere: float = 0.0) -> np.ndarray:
    row = np.full(length, elsewhere)
    row[0], row[lag] = 1.0, 0.3
    return row


def uniform(length: int) -> np.ndarray:
    """Attention to every step alike beside a skip path: the last step has 1 more."""
    row = np.full(length, 1 / length)
    row[0] = 1 + 1 / length
    return np.asarray(row / row[0])


def slope(lags: range, values: list[float]) -> float:
    """Least squares, written out."""
    x, y = sum(lags) / len(lags), sum(map(math.log, values)) / len(lags)
    above = sum((k - x) * (math.log(v) - y) for k, v in zip(lags, values, strict=True))
    return above / sum((k - x) ** 2 for k in lags)


FAINT = slope(range(1, 20), [0.5**k + 1e-4 for k in range(1, 20)])
ROWS: dict[str, tuple[Any, float, Lag, Lag, float]] = {
    # P = 1/2: R(2) = P/2; R(7) = 1/128 is at least P/100 = 1/200, R(8) = 1/256 is not.
    "halves": (HALVES, 0.5, Lag(2, False), Lag(7, False), -math.log(2)),
    # 0.9^7 = 0.478 of P at lag 8; 0.9^43 = 0.0108 of P at lag 44, 0.0097 at 45.
    "tenths": (TENTHS, 0.9, Lag(8, False), Lag(44, False), math.log(0.9)),
    "tenths, short window": (TENTHS[:20], 0.9, Lag(8, False), Lag(19, True), math.log(0.9)),
    "level": (np.ones(5), 1.0, Lag(4, True), Lag(4, True), 0.0),
    "uniform, 20": (uniform(20), 1 / 21, Lag(19, True), Lag(19, True), 0.0),
    "uniform, 64": (uniform(64), 1 / 65, Lag(63, True), Lag(63, True), 0.0),
    "uniform, 2,048": (uniform(2048), 1 / 2049, Lag(2047, True), Lag(2047, True), 0.0),
    "a far lag": (far(30, 50), 0.3, Lag(31, False), Lag(30, False), NAN),
    "the last lag": (far(49, 50), 0.3, Lag(49, True), Lag(49, True), NAN),
    # 0.0031 is above a hundredth of 0.3, 0.0029 is not. Slope: 15 ln(0.3/floor) / 9800.
    "a floor above": (far(40, 50, 0.0031), 0.3, Lag(41, False), Lag(49, True), 0.0069985),
    "a floor below": (far(40, 50, 0.0029), 0.3, Lag(41, False), Lag(40, False), 0.0071006),
    # The floor of 1e-4 is below P/100 = 0.005; 0.2501 is above P/2, and the slope is less steep.
    "a faint floor": (HALVES + 1e-4, 0.5001, Lag(3, False), Lag(7, False), FAINT),
    "growth": (2.0 ** np.arange(5), 16.0, Lag(4, True), Lag(4, True), math.log(2)),
    # 1e-9 is rounding beside P = 0.1: not in the slope, which is of lags 1 and 2 alone.
    "noise": ([1, 0.1, 0.01, 1e-9, 3e-9], 0.1, Lag(2, False), Lag(2, False), -math.log(10)),
    "lag 0 without": ([0, 1, 0.4], 1.0, Lag(2, False), Lag(2, True), math.log(0.4)),
    "lag 0 without, former scale": ([0, 1e-9, 2e-9], 1.0, Lag(2, True), Lag(2, True), math.log(2)),
    "a dip below half": ([1, 1, 0.4, 0.6, 0.1], 1.0, Lag(4, False), Lag(4, True), -0.65023),
    "one earlier step": ([1, 0.2], 0.2, Lag(1, True), Lag(1, True), NAN),
    "P just enough": ([1, 1e-6, 0], 1e-6, Lag(2, False), Lag(1, False), NAN),
    "P too small": ([1, 9e-7, 9e-7], 9e-7, Lag(1, False), Lag(0, False), NAN),
    "nothing goes back": ([1, 0, 0], 0.0, Lag(1, False), Lag(0, False), NAN),
    "one step": ([1.0], NAN, Lag(0, True), Lag(0, True), NAN),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_what_follows_from_a_reach(name: str) -> None:
    row, strength, half, horizon, rate = ROWS[name]
    found = measure_reach(np.asarray(row, float))
    assert (found.outcome, found.earlier) == ("ok", len(row) - 1)
    assert (found.half_life, found.horizon) == (half, horizon)
    assert found.strength == pytest.approx(strength, rel=1e-9, nan_ok=True)
    assert found.growth_rate == pytest.approx(rate, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ([1, NAN], "not finite"),
        ([1, INF, 0.5], "not finite"),
        ([NAN, NAN, NAN], "not finite"),
        ([], "not enough data"),
        ([0.0, 0.0], "not enough data"),
    ],
)
def test_what_cannot_be_told_has_no_numbers(row: list[float], outcome: str) -> None:
    found = measure_reach(np.array(row))
    assert found.outcome == outcome
    assert (found.half_life, found.horizon, found.cut) == (None, None, None)
    assert math.isnan(found.strength)
    assert math.isnan(found.growth_rate)
    assert not found.goes_back
    assert math.isnan(reach_share(np.array(row), 1))


@pytest.mark.parametrize(
    ("row", "cut"),
    [
        ([1, 0.9, 0.8, 0, 0], 2),
        ([1, 0, 0], 0),
        ([0, 0.9, 0, 0], 1),
        ([1, 0.9, 0, 0.8], None),
        ([1, 1e-3, 1e-6, 1e-9, 9e-16, 0, 0], None),  # faded: 9e-13 of P before it is rounded to 0
        ([1, 1e-3, 1e-6, 1e-9, 1.1e-15, 0, 0], 4),
        (HALVES, None),
    ],
)
def test_a_cut_is_told_from_what_fades(row: Any, cut: int | None) -> None:
    assert measure_reach(np.asarray(row, float)).cut == cut


def test_lag_0_changes_nothing_but_the_strength() -> None:
    """A skip path makes lag 0 as large as one likes."""
    bare = measure_reach(HALVES)
    skipped = measure_reach(np.concatenate([[1.0], HALVES[1:] / 1000]))
    assert (skipped.half_life, skipped.horizon) == (bare.half_life, bare.horizon)
    assert skipped.growth_rate == pytest.approx(bare.growth_rate)
    assert skipped.strength == pytest.approx(bare.strength / 1000)


def test_the_share_at_a_lag_is_of_the_strongest_earlier_step() -> None:
    assert reach_share(HALVES, 5) == 0.5**4
    assert reach_share(uniform(128), 127) == 1
    assert reach_share(np.array([0.0, 2.0, 1.0]), 2) == 0.5  # lag 0 without a gradient
    assert reach_share(np.array([1, 0.5, 0]), 2) == 0
    assert reach_share(np.array([1, 9e-7, 9e-7]), 1) == 0  # rounding is no reach
    assert math.isnan(reach_share(HALVES, 20))  # the row ends at 19
    with pytest.raises(ValueError, match="at least 1, not 0"):
        reach_share(HALVES, 0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            HALVES,
            "the gradient is below half from lag 2 on, below 1 % from lag 8 on, relative to the "
            "strongest earlier step; 12 of the 19 earlier steps get almost none of it",
        ),
        (
            [1, 0.4, 0.1, 0.001],
            "the gradient is below half from lag 2 on, below 1 % from lag 3 on, relative to the "
            "strongest earlier step; 1 of the 3 earlier steps gets almost none of it",
        ),
        (
            np.ones(9),
            "the gradient is still above half at the oldest of the 8 earlier steps, relative to "
            "the strongest earlier step",
        ),
        (
            [1, 1, 0.9, 0.8, 0.4],
            "the gradient is below half from lag 4 on, and still at least 1 % at the oldest of the "
            "4 earlier steps, relative to the strongest earlier step",
        ),
        (
            uniform(199),
            "the gradient is still above half at the oldest of the 198 earlier steps, relative to "
            "the strongest earlier step; no earlier step gets more than 0.5 % of what the last one "
            "gets",
        ),
        (
            1.1 ** np.arange(30),
            "the gradient is still above half at the oldest of the 29 earlier steps, relative to "
            "the strongest earlier step; it grows on the way back, by a factor of 1.1 per step",
        ),
        (
            [1, 0.3, 0.02, 0.02, 0.3, 0.3, 0.02, 0.3, 0.3, 0.02],  # in jumps
            "the gradient is below half from lag 9 on, and still at least 1 % at the oldest of the "
            "9 earlier steps, relative to the strongest earlier step; it grows on the way back",
        ),
        (
            [1, 1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 1e-4],  # more than the newest third, and ends
            "the gradient is below half from lag 2 on, below 1 % from lag 9 on, relative to the "
            "strongest earlier step; 1 of the 9 earlier steps gets almost none of it",
        ),
        (
            [1, 0.9, 0.8, 0, 0],
            "the gradient is below 1 % from lag 3 on, relative to the strongest earlier step; it "
            "is exactly zero from lag 3 on",
        ),
        ([1, 0, 0], "the gradient is exactly zero at every earlier step"),
        ([1, 0.43], "the one earlier step gets 43 % of what the last one gets"),
        ([1, 1.7], "the one earlier step gets 1.7 times what the last one gets"),
        ([1, 30], "the one earlier step gets 30 times what the last one gets"),
        ([0, 2], "the one earlier step gets all of the gradient"),
        (
            [1, 3e-8, 2e-8],
            "no gradient goes back in time: no earlier step gets more than 3e-06 % of what the "
            "last one gets",
        ),
        ([1, NAN], "the gradient through time is not finite"),
        ([], "no gradient of this loss reaches this layer"),
        (
            [1],
            "the window is a single step, so there is no earlier state to follow the gradient to",
        ),
    ],
)
def test_in_words(row: Any, words: str) -> None:
    assert reach_words(np.asarray(row, float)) == words


def test_a_single_strong_step_far_back_is_no_growth() -> None:
    assert "grows" not in reach_words(far(9, 10, 1e-3))
    assert measure_reach(far(9, 10, 1e-3)).growth_rate > 0

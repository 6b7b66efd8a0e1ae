"""Outcomes and fragility of a map, from results written by hand."""

import math
from typing import Any

import numpy as np
import pytest

from backsight.studies import Axis, MapOutcome, parse_axis
from backsight.studies.map._fragility import fragilities, fragility
from backsight.studies.map._outcome import judge, majority, middle

NAN, INF = math.nan, math.inf
HEALTHY: dict[str, Any] = {
    "finite": True, "start": 1.4, "final": 0.2, "held_out": 0.2, "solved": False, "reach": 0.5,
    "chance": 1.386, "short_memory": 0.693,
}  # fmt: skip
STILL = HEALTHY | {"final": 1.38, "held_out": 1.386}
L, S, V, E, N = MapOutcome


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        (HEALTHY, L),
        (HEALTHY | {"reach": 0.0}, L),  # what it has learned counts, however it did
        (HEALTHY | {"held_out": 0.9 * 0.693}, L),
        (HEALTHY | {"held_out": 0.9 * 0.693 + 1e-9}, S),  # no more than a shorter memory, or luck
        (HEALTHY | {"held_out": 0.7, "solved": True}, L),
        (STILL, S),
        (STILL | {"reach": 0.01}, S),
        (STILL | {"reach": 0.0099}, V),
        (STILL | {"reach": 0.0}, V),
        (STILL | {"reach": NAN}, S),  # not seen to vanish
        (HEALTHY | {"final": 2.2}, E),  # above 1.5 × 1.4, whatever the held-out loss
        (HEALTHY | {"final": 2.09}, L),
        (STILL | {"start": 0.2, "final": 2.0}, S),  # 1.5 × chance, where the start is lower
        (STILL | {"start": 0.2, "final": 2.1}, E),
        (HEALTHY | {"finite": False}, N),
        (HEALTHY | {"finite": False, "solved": True}, N),
        (HEALTHY | {"held_out": NAN}, N),
        (HEALTHY | {"held_out": INF}, N),
        (HEALTHY | {"start": NAN}, N),
        (HEALTHY | {"final": INF}, N),
    ],
)
def test_an_outcome_is_the_first_rule_that_holds(
    numbers: dict[str, Any], wanted: MapOutcome
) -> None:
    assert judge(**numbers) is wanted


def test_most_seeds_decide_and_a_tie_is_the_worse() -> None:
    by_seed = np.array([[L, L, V, L, L], [L, S, E, N, -1], [S, S, L, N, L]])
    np.testing.assert_array_equal(majority(by_seed), [L, S, E, N, -1])


def test_the_middle_leaves_out_what_is_not_finite() -> None:
    table = np.array([[1.0, NAN, NAN], [2.0, 5.0, INF], [9.0, 7.0, NAN], [4.0, NAN, -INF]])
    np.testing.assert_array_equal(middle(table, 0), [3.0, 6.0, NAN])


LR, GAIN = parse_axis("lr=log:1:16:5"), parse_axis("gain=1:4:4")  # 1, 2, 4, 8, 16 and 1, 2, 3, 4


def test_fragility_counts_the_settings_within_twice_that_end_otherwise() -> None:
    outcomes = np.array(
        [
            [L, L, L, E, N],  # gain 1
            [L, L, L, E, N],  # gain 2
            [L, V, L, S, N],  # gain 3
            [L, L, L, N, N],  # gain 4
        ]
    )
    # lr 4 has 2, 4, 8 within twice; gain 2 has 1, 2, 3, 4: twelve, without itself eleven.
    found = fragility(outcomes, LR, GAIN, column=2, row=1)
    assert (found.neighbours, found.differing, found.missing) == (11, 5, 0)
    assert found.share == 5 / 11
    assert not found.cut
    # gain 3 has 2, 3, 4 (1.5 would be the least).
    assert fragility(outcomes, LR, GAIN, column=2, row=2).neighbours == 8
    corner = fragility(outcomes, LR, GAIN, column=0, row=0)
    assert (corner.neighbours, corner.share, corner.cut) == (3, 0.0, True)
    # A better outcome differs as well.
    assert fragility(outcomes, LR, GAIN, column=1, row=2).share == 1.0


def test_what_is_not_trained_is_not_counted_and_told() -> None:
    outcomes = np.full((4, 5), -1)
    outcomes[1, 2] = L
    alone = fragility(outcomes, LR, GAIN, column=2, row=1)
    assert math.isnan(alone.share)
    assert (alone.neighbours, alone.missing) == (0, 11)
    outcomes[1, 3] = N
    assert fragility(outcomes, LR, GAIN, column=2, row=1).share == 1.0
    # A setting that is not trained has no outcome to differ from.
    assert math.isnan(fragility(outcomes, LR, GAIN, column=1, row=1).share)
    shares = fragilities(outcomes, LR, GAIN)
    assert shares[1, 2] == shares[1, 3] == 1.0
    assert np.isnan(shares).sum() == 18


def test_twice_is_twice_despite_rounding() -> None:
    tenth = Axis("lr", (0.05, 0.1, 0.2))
    assert fragility(np.array([[L, L, L]]), tenth, Axis("gain", (1.0,)), 1, 0).neighbours == 2


def test_a_momentum_is_measured_by_what_it_lacks_to_one() -> None:
    momentum = Axis("momentum", (0.0, 0.5, 0.8, 0.9, 0.95, 0.99))
    outcomes = np.array([[L, L, L, L, E, L]])
    found = fragility(outcomes, momentum, Axis("gain", (1.0,)), column=3, row=0)
    assert (found.neighbours, found.differing, found.cut) == (2, 1, True)  # 0.8 and 0.95


def test_a_zero_is_near_itself_alone() -> None:
    decay = Axis("weight_decay", (0.0, 0.1, 0.2))
    outcomes, gain = np.array([[L, E, E]]), Axis("gain", (1.0,))
    assert fragility(outcomes, decay, gain, 0, 0).neighbours == 0
    assert fragility(outcomes, decay, gain, 1, 0).neighbours == 1

"""Ticks of an axis that is logarithmic, whatever it spans."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsight.report.figures import log_ticks


def seen(low: float, high: float) -> list[str]:
    """The words of those among the values."""
    told = log_ticks(np.array([low, high]))
    assert all(at > 0 and math.isfinite(at) for at in told["tickvals"])
    assert len(told["tickvals"]) < 60
    ticks = zip(told["tickvals"], told["ticktext"], strict=True)
    return [text for at, text in ticks if low <= at <= high]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (3.1e-4, 7.2e-4, ["4e-4", "5e-4", "6e-4", "7e-4"]),
        (0.03, 4.0, ["0.05", "0.1", "0.2", "0.5", "1", "2"]),
        (1e-7, 1.0, ["1e-7", "1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]),
        (2.31, 2.37, ["2.32", "2.34", "2.36"]),
        (1.0, 1.0, ["1"]),
        (1.0, 1.0 + 1e-12, ["1"]),
    ],
)
def test_there_are_some_wherever_values_are(low: float, high: float, ticks: list[str]) -> None:
    assert seen(low, high) == ticks


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-290, 1e290), st.floats(0.005, 300))
def test_they_are_few_and_can_be_told_apart(low: float, decades: float) -> None:
    ticks = seen(low, 10.0 ** min(math.log10(low) + decades, 307.9))
    assert len(ticks) == len(set(ticks)) >= 2


def test_the_smallest_and_the_largest_numbers_have_some_too() -> None:
    assert seen(5e-324, 1.5e-323)
    assert seen(1e300, 1.7e308)

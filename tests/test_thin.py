"""Thinning: fewer points, and nothing lost that matters."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsight.report._thin import Marks, Thinned, Thinning, thin, thin_columns

VALUES = st.lists(
    st.one_of(
        st.floats(width=64),
        st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1.0]),
        st.integers(-3, 3).map(float),  # ties
    ),
    max_size=300,
)


def kind_of(value: float, log: bool) -> str | None:
    """What a line cannot show, by name; None for what it can."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "−Inf"
    return "≤ 0" if log and value <= 0 else None


def thinned_slowly(iterations: list[int], values: list[float], pixels: int, log: bool) -> Thinned:
    """The definition, sample by sample."""
    first, span = iterations[0], max(iterations[-1] - iterations[0], 1)
    columns: dict[int, list[int]] = {}
    marked: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for index, value in enumerate(values):
        column = (iterations[index] - first) * (pixels - 1) // span
        kind = kind_of(value, log)
        if kind is None:
            columns.setdefault(column, []).append(index)
            continue
        counts[kind] = counts.get(kind, 0) + 1
        if column not in [
            (iterations[i] - first) * (pixels - 1) // span for i in marked.get(kind, [])
        ]:
            marked.setdefault(kind, []).append(index)
    kept = sorted(index for indices in columns.values() for index in indices)
    if len(kept) > 4 * pixels:
        kept = sorted({
            index
            for indices in columns.values()
            for index in (
                indices[0],
                indices[-1],
                min(indices, key=lambda i: values[i]),
                max(indices, key=lambda i: values[i]),
            )
        })  # fmt: skip
    breaks = [
        place
        for place in range(1, len(kept))
        if any(kind_of(values[i], log) for i in range(kept[place - 1], kept[place]))
    ]
    at = np.array(iterations, np.int64)
    marks = {kind: Marks(at[where], counts[kind]) for kind, where in marked.items()}
    return Thinned(at[kept], np.array(values)[kept], marks, np.array(breaks, np.intp))


@settings(deadline=None, max_examples=200)
@given(VALUES.filter(len), st.integers(1, 20), st.booleans(), st.data())
def test_pieces_are_thinned_as_the_whole_is(
    values: list[float], pixels: int, log: bool, data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(1, 50), min_size=len(values), max_size=len(values)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=9)))
    iterations = np.cumsum(np.array(gaps, np.int64))
    expected = thinned_slowly(iterations.tolist(), values, pixels, log)

    thinning = Thinning(int(iterations[0]), int(iterations[-1]), pixels=pixels, log=log)
    for start, end in pairwise([0, *cuts, len(values)]):
        thinning.add(iterations[start:end], np.array(values[start:end], np.float64))
    whole = thin(iterations, np.array(values, np.float64), pixels=pixels, log=log)
    for found in (thinning.result(), whole):
        assert np.array_equal(found.iterations, expected.iterations)
        assert np.array_equal(found.values, expected.values)
        assert np.array_equal(found.breaks, expected.breaks)
        assert set(found.marks) == set(expected.marks)
        for kind, marks in found.marks.items():
            assert np.array_equal(marks.iterations, expected.marks[kind].iterations)
            assert marks.count == expected.marks[kind].count


@settings(deadline=None, max_examples=300)
@given(VALUES, st.integers(1, 20), st.booleans(), st.data())
def test_extremes_and_ends_survive_and_what_cannot_be_drawn_is_counted(
    values: list[float], pixels: int, log: bool, data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(1, 50), min_size=len(values), max_size=len(values)))
    iterations = np.cumsum(np.array(gaps, np.int64))
    thinned = thin(iterations, np.array(values, np.float64), pixels=pixels, log=log)

    kinds = [kind_of(value, log) for value in values]
    shown = {int(i): v for i, v, k in zip(iterations, values, kinds, strict=True) if k is None}
    drawn = dict(zip(thinned.iterations.tolist(), thinned.values.tolist(), strict=True))
    assert len(drawn) == len(thinned.iterations) <= 4 * pixels
    assert thinned.iterations.tolist() == sorted(drawn)
    assert drawn.items() <= shown.items()  # true samples, none invented
    if shown:
        assert min(drawn.values()) == min(shown.values())
        assert max(drawn.values()) == max(shown.values())
        assert (min(drawn), max(drawn)) == (min(shown), max(shown))

    assert set(thinned.marks) == set(kinds) - {None}
    for kind, marks in thinned.marks.items():
        where = [int(i) for i, k in zip(iterations, kinds, strict=True) if k == kind]
        assert marks.count == len(where)
        assert marks.iterations[0] == where[0]
        assert set(marks.iterations.tolist()) <= set(where)
        assert len(marks.iterations) <= pixels


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=41, max_size=400), st.integers(1, 10))
def test_each_pixel_column_keeps_its_own_extremes_and_ends(
    values: list[float], pixels: int
) -> None:
    thinned = thin(np.arange(len(values)), np.array(values), pixels=pixels)
    columns: dict[int, list[tuple[int, float]]] = {}
    for i, value in enumerate(values):
        columns.setdefault(i * (pixels - 1) // (len(values) - 1), []).append((i, value))
    drawn = dict(zip(thinned.iterations.tolist(), thinned.values.tolist(), strict=True))
    for samples in columns.values():
        here = [drawn[i] for i, _ in samples if i in drawn]
        assert samples[0][0] in drawn
        assert samples[-1][0] in drawn
        assert min(here) == min(value for _, value in samples)
        assert max(here) == max(value for _, value in samples)
        assert len(here) <= 4


@pytest.mark.some(6)
@pytest.mark.parametrize("at", [0, 1, 654_321, 999_999])
@pytest.mark.parametrize("spike", [1e6, -1e6, math.nan, math.inf, -math.inf])
def test_a_million_samples_keep_a_spike_of_one_iteration(at: int, spike: float) -> None:
    values = np.sin(np.arange(10**6) / 1000)
    values[at] = spike
    thinned = thin(np.arange(10**6), values)
    assert len(thinned.values) <= 4800
    assert np.isfinite(thinned.values).all()
    if math.isfinite(spike):
        assert thinned.iterations[thinned.values == spike].tolist() == [at]
        assert thinned.marks == {}
    else:
        (marks,) = thinned.marks.values()
        assert marks.iterations.tolist() == [at]
        assert marks.count == 1


def test_marks_are_one_a_pixel_column_but_the_count_is_of_all() -> None:
    values = np.full(10_000, math.nan)
    marks = thin(np.arange(10_000), values, pixels=100).marks["NaN"]
    assert marks.count == 10_000
    assert 99 <= len(marks.iterations) <= 100


def test_few_samples_are_all_kept_in_their_own_dtype() -> None:
    values = np.linspace(0, 1, 40, dtype=np.float32)
    thinned = thin(np.arange(40), values, pixels=10)
    assert thinned.values.dtype == np.float32
    assert np.array_equal(thinned.values, values)


def test_on_a_log_axis_zero_and_below_are_marked_and_elsewhere_drawn() -> None:
    iterations, values = np.arange(5), np.array([1.0, 0.0, -2.0, -0.0, math.nan])
    thinned = thin(iterations, values, log=True)
    assert thinned.iterations.tolist() == [0]
    assert thinned.marks["≤ 0"].count == 3
    assert thinned.marks["≤ 0"].iterations.tolist() == [1, 2, 3]
    assert thinned.marks["NaN"].count == 1
    assert thin(iterations, values).iterations.tolist() == [0, 1, 2, 3]


def test_an_empty_series_draws_and_marks_nothing() -> None:
    thinned = thin(np.empty(0, np.int64), np.empty(0))
    assert thinned.iterations.shape == thinned.values.shape == (0,)
    assert thinned.marks == {}


def test_one_sample_is_drawn() -> None:
    thinned = thin(np.array([7]), np.array([2.5]))
    assert (thinned.iterations.tolist(), thinned.values.tolist()) == ([7], [2.5])


def test_all_nan_draws_nothing_and_marks_all() -> None:
    thinned = thin(np.arange(3), np.full(3, math.nan))
    assert thinned.values.shape == (0,)
    assert thinned.marks["NaN"].iterations.tolist() == [0, 1, 2]


def test_a_long_gap_between_iterations_loses_nothing() -> None:
    iterations = np.concatenate([np.arange(5000), 10**12 + np.arange(5000)])
    values = np.zeros(10_000)
    values[4321] = 1.0
    thinned = thin(iterations, values, pixels=50)
    assert thinned.iterations[thinned.values == 1.0].tolist() == [4321]
    assert {0, 4999, 10**12, 10**12 + 4999} <= set(thinned.iterations.tolist())


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 500))
def test_column_groups_are_even_increasing_and_few_enough(count: int, columns: int) -> None:
    starts = thin_columns(count, columns)
    sizes = np.diff(np.append(starts, count))
    assert starts[0] == 0
    assert len(starts) == min(count, columns)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1

"""Long runs and wide ones: read piece by piece, drawn within bounds, and nothing lost."""

import math
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsight.errors import RunError
from backsight.report import _rows
from backsight.report._numbers import finite_values
from backsight.report._page import write_report
from backsight.report._rows import ends, groups, medians
from backsight.report._thin import thin_columns
from backsight.report.figures import FIGURES
from backsight.report.figures._crowd import MOST
from backsight.report.figures._hidden_norm import hidden_norm
from backsight.report.figures._reach import reach
from backsight.report.figures._reach_time import reach_time
from backsight.report.figures._update_ratio import update_ratio
from backsight.signals import Recorder, Run, SampleBlock, SignalStream
from backsight.signals._stream import pieces

# -- reading ---------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["f4", "f8"])), max_size=8),
    st.integers(1, 400),
)
def test_pieces_are_the_same_samples_in_blocks_of_bounded_size(
    chunks: list[tuple[int, str]], size: int
) -> None:
    blocks, at = [], 0
    for length, dtype in chunks:
        blocks.append(
            SampleBlock(np.arange(at, at + length), np.arange(at, at + length, dtype=dtype))
        )
        at += length
    found = list(pieces(blocks, size))
    assert [i for block in found for i in block.iterations.tolist()] == list(range(at))
    assert [v for block in found for v in block.values.tolist()] == list(range(at))
    assert [b.values.dtype for b in found for _ in b.values] == [
        b.values.dtype for b in blocks for _ in b.values
    ]
    assert all(block.nbytes <= size or len(block.iterations) == 1 for block in found)


@pytest.fixture(scope="module")
def many_chunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a scalar and a profile in several chunks each."""
    path = tmp_path_factory.mktemp("chunks") / "run"
    with Recorder(path) as recorder:
        for start in range(0, 24_000, 4_000):
            recorder.series("loss", range(start, start + 4_000), np.arange(4_000.0) + start)
            recorder.profile("reach/l0", start, [1.0, float(start)])
            recorder.flush()
        recorder.profile("reach/l0", 24_000, [1.0, 0.5, 0.25])
    return path


def test_a_stream_has_what_the_series_has_each_time_it_is_read(many_chunks: Path) -> None:
    run = Run(many_chunks)
    stream = run.stream("loss")
    assert (stream.name, stream.is_profile) == ("loss", False)
    assert (stream.first, stream.last, stream.samples) == (0, 23_999, 24_000)
    for _ in range(2):
        blocks = list(stream)
        values = np.concatenate([block.values for block in blocks])
        assert np.array_equal(values, np.arange(24_000.0))
    assert stream.newest().values[-1] == 23_999.0
    rows = run.stream("reach")
    assert (rows.name, rows.is_profile, rows.samples) == ("reach/l0", True, 7)
    assert [block.values.shape[1] for block in rows] == [2, 3]


def test_a_stream_ends_where_the_signal_ended_when_it_was_asked_for(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.series("loss", range(5), range(5))
        recorder.flush()
        run = Run(tmp_path / "run")
        stream = run.stream("loss")
        recorder.series("loss", range(5, 9), range(5, 9))
        recorder.flush()
        assert [i for block in stream for i in block.iterations.tolist()] == [0, 1, 2, 3, 4]
        assert run.stream("loss").samples == 9


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM chunk WHERE id = (SELECT MAX(id) FROM chunk WHERE signal = 1)",
        "DELETE FROM chunk WHERE id = (SELECT MIN(id) FROM chunk WHERE signal = 1)",
        "UPDATE chunk SET start = 1 - start WHERE signal = 1 AND start < 2",
        "UPDATE chunk SET numbers = zeroblob(LENGTH(numbers)) WHERE signal = 1 AND start > 0",
    ],
    ids=["shortened", "beheaded", "reordered", "altered"],
)
def test_a_stream_of_a_damaged_signal_is_an_error_and_never_a_short_curve(
    statement: str, tmp_path: Path
) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        recorder.series("loss", range(1, 9000), np.ones(8999))  # does not absorb its predecessor
    connection = sqlite3.connect(tmp_path / "run" / "signals.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(RunError, match="is damaged: signal 'loss'"):
        list(Run(tmp_path / "run").stream("loss"))


def test_within_a_moment_a_run_stands_still_and_other_threads_read_on(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.scalars(0, {"loss": 1.0})
        recorder.flush()
        run = Run(tmp_path / "run")
        elsewhere: list[int] = []
        with run.moment():
            heartbeat = run.heartbeat
            recorder.scalars(1, {"loss": 2.0, "lr": 0.1})
            recorder.flush()
            assert (run.iterations, run.names, run["loss"].tolist()) == (1, ("loss",), [1.0])
            assert (run.heartbeat or 0) > (heartbeat or 0)  # or a long report would call it killed
            thread = threading.Thread(target=lambda: elsewhere.append(run.iterations))
            thread.start()
            thread.join()
            with run.moment():  # one in another begins later
                assert run.iterations == 2
            with run.moment(anew=False):
                assert run.iterations == 1
            assert run.iterations == 1
        assert elsewhere == [2]
        assert (run.iterations, run.names) == (2, ("loss", "lr"))


def test_an_error_of_the_caller_within_a_moment_is_no_damage(many_chunks: Path) -> None:
    run = Run(many_chunks)
    with pytest.raises(ValueError, match="mine"), run.moment():
        raise ValueError("mine")
    assert run.iterations == 24_001  # and the moment is over


def test_a_signal_may_change_its_dtype(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.series("loss", [0, 1], np.array([1.5, math.nan], np.float32))
        recorder.series("loss", [2], np.array([1e300]))
    run = Run(tmp_path / "run")
    assert run["loss"].dtype == np.float64
    assert run.series("loss").values.tolist()[::2] == [1.5, 1e300]
    assert finite_values(run.stream("loss")).tolist() == [1.5, 1e300]


# -- profiles --------------------------------------------------------------------------------

NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -2.5, 1e300, 3.0])


class Held:
    """A stream of rows that are in memory, in blocks cut at random."""

    is_profile = True

    def __init__(self, rows: list[list[float]], cuts: set[int]) -> None:
        self.samples = len(rows)
        self._rows, self._cuts = rows, cuts

    def __iter__(self) -> Iterator[SampleBlock]:
        start = 0
        for end in range(1, self.samples + 1):
            if (
                end == self.samples
                or end in self._cuts
                or len(self._rows[end]) != len(self._rows[start])
            ):
                yield SampleBlock(np.arange(start, end) * 10, np.array(self._rows[start:end]))
                start = end


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(1, 4).flatmap(lambda w: st.lists(NUMBERS, min_size=w, max_size=w)),
             min_size=1, max_size=30),
    st.sets(st.integers(1, 29)),
    st.integers(1, 12),
    st.integers(1, 200),
)  # fmt: skip
def test_medians_and_groups_of_streamed_rows_are_those_of_the_whole_table(
    rows: list[list[float]], cuts: set[int], columns: int, memory: int
) -> None:
    stream: SignalStream = Held(rows, cuts)  # type: ignore[assignment]
    width = max(map(len, rows))
    places = [[row[k] for row in rows if len(row) > k] for k in range(width)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rows, "MEDIAN_BYTES", memory)
        found = medians(stream)
    for k, numbers in enumerate(places):
        ordered = sorted(x for x in numbers if math.isfinite(x))
        middle = len(ordered) // 2
        expected = (
            (ordered[~middle] + ordered[middle]) / 2 if ordered else math.nan
        )  # ~middle is the lower of two, or the same
        assert found[k] == expected or (math.isnan(found[k]) and math.isnan(expected))

    group = groups(stream, columns)
    starts = thin_columns(len(rows), columns).tolist()
    assert group.iterations.tolist() == [10 * start for start in starts]
    for g, start in enumerate(starts):
        mine = rows[start : [*starts, len(rows)][g + 1]]
        for k in range(width):
            there = [row[k] for row in mine if len(row) > k]
            finite = [x for x in there if math.isfinite(x)]
            assert group.broken[g, k] == (len(finite) < len(there))
            assert np.array_equal(
                group.largest[g, k], max(finite, default=math.nan), equal_nan=True
            )


def test_the_ends_of_a_profile_are_its_first_and_last_row(many_chunks: Path) -> None:
    rows = ends(Run(many_chunks).stream("reach"))
    assert rows.first.tolist() == [1.0, 0.0]
    assert rows.last.tolist() == [1.0, 0.5, 0.25]


# -- many signals ----------------------------------------------------------------------------

PARAMETERS = 60


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """60 parameters: one spikes once, one is far below, one is NaN once, one never moves."""
    path = tmp_path_factory.mktemp("wide") / "run"
    at = np.arange(2000)
    with Recorder(path) as recorder:
        for number in range(PARAMETERS):
            values = np.full(2000, 1e-3 * (1 + number / PARAMETERS))
            if number == 7:
                values[1234] = 50.0
            if number == 21:
                values[:] = 1e-9
            if number == 33:
                values[777] = math.nan
            if number == 40:
                values[:] = 0.0
            recorder.series(f"update_ratio/part.{number}", at, values)
            recorder.scalars(0, {f"hidden_norm_mean/l{number}": 1.0 + number})
            recorder.scalars(0, {f"hidden_norm_max/l{number}": 2.0 + number})
            recorder.profile(f"reach/l{number}", 0, [1.0, 0.5])
    return Run(path)


def test_many_signals_are_a_spread_that_no_spike_and_no_nan_is_missing_from(wide: Run) -> None:
    figure = update_ratio(wide)
    traces = {trace.name: trace for trace in figure.data}
    assert len(figure.data) <= MOST
    everything = traces["all 60 parameters"]
    assert np.nanmax(everything.y) == 50.0
    assert np.nanmin(everything.y) == 1e-9
    spike = everything.x[np.nanargmax(everything.y)]
    assert 1234 - 2000 / 399 <= spike <= 1234  # in its own pixel column
    line = traces["part.7 (highest)"]
    assert line.x[line.y == 50.0].tolist() == [1234]
    assert "part.21 (lowest)" in traces
    assert "part.33 (not finite)" in traces
    assert traces["1 of 60 parameters, first part.33: NaN (1×)"].x.tolist() == [777]
    assert "1 of 60 parameters, first part.40: ≤ 0 (2,000×)" in traces
    # 58 parameters move as usual, at 1e-3 × (1 + n / 60): the middle one of all 59 drawn.
    median = traces["median of parameters"]
    assert median.y.tolist() == pytest.approx(
        [1e-3 * (1 + 29 / PARAMETERS)] * len(median.y), rel=0.02
    )


def test_many_layers_have_few_lines_and_panels_and_the_figure_says_so(wide: Run) -> None:
    figure = hidden_norm(wide)
    assert len(figure.data) <= MOST
    names = [trace.name for trace in figure.data]
    assert len(set(names)) == len(names)
    assert {"median of layers (mean)", "l59 maximum (highest)", "l0 mean (lowest)"} <= set(names)
    for draw, most in ((reach, 6), (reach_time, 12)):
        figure = draw(wide)
        lines = [t for t in figure.data if t.type != "scatter" or t.mode == "lines"]
        assert len(lines) == most
        notes = [note.text for note in figure.layout.annotations]
        assert f"{most} of 60 layers are drawn" in notes


@pytest.mark.long
def test_each_figure_of_a_wide_run_is_legible_and_its_page_written(
    wide: Run, tmp_path: Path
) -> None:
    for entry in FIGURES:
        figure = entry.draw(wide)
        assert sum(trace.showlegend is not False for trace in figure.data) <= MOST, entry.key
        assert figure.layout.height < 4000, entry.key
    assert write_report(wide, tmp_path / "page.html").is_file()

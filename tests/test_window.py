"""A part of a run's iterations: what is in it, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from backsight.errors import RunError
from backsight.report.figures import FIGURES
from backsight.signals import Recorder, Run, RunWindow, _store


@pytest.fixture
def chunked(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Iterations 0, 10, …, 990 in chunks of 20 samples, with a profile in every fifth."""
    monkeypatch.setattr(_store, "CHUNK_BYTES", 20 * 12)
    with Recorder(run_path) as recorder:
        for i in range(0, 1000, 10):
            recorder.scalars(i, {"loss": float(i)})
            if i % 50 == 0:
                recorder.profile("reach/rnn.l0", i, np.array([1.0, i / 1000]))
    return run_path


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("first", "last"), [(0, None), (0, 990), (5, 7), (10, 10), (190, 210), (203, 801), (985, 2000)]
)
def test_a_window_holds_what_a_mask_would_leave(
    chunked: Path, first: int, last: int | None
) -> None:
    whole = Run(chunked).series("loss")
    wanted = (whole.iterations >= first) & (whole.iterations <= (10**9 if last is None else last))
    stream = RunWindow(chunked, first=first, last=last).stream("loss")
    got = [(b.iterations, b.values) for b in stream]
    at = np.concatenate([np.empty(0, np.int64), *(a for a, _ in got)])
    values = np.concatenate([np.empty(0), *(v for _, v in got)])
    assert at.tolist() == whole.iterations[wanted].tolist()
    assert values.tolist() == whole.values[wanted].tolist()
    assert stream.samples == wanted.sum()
    if stream.samples:
        assert (stream.first, stream.last) == (at[0], at[-1])
        assert stream.newest().iterations[-1] == at[-1]


def test_the_newest_row_is_that_of_the_end_of_the_window(chunked: Path) -> None:
    window = RunWindow(chunked, last=349)
    assert window.stream("reach").newest().values[-1].tolist() == pytest.approx([1.0, 0.3])
    assert window.last("loss") == (340, 340.0)


def test_a_signal_without_a_sample_is_no_member(chunked: Path) -> None:
    window = RunWindow(chunked, first=1, last=9)
    assert window.members("loss") == ()
    assert window.members("reach", profile=True) == ()
    with pytest.raises(RunError, match="was not recorded in these iterations"):
        window.last("loss")


@pytest.mark.some(4)
@pytest.mark.parametrize("key", [entry.key for entry in FIGURES])
def test_every_figure_can_be_drawn_of_any_window(small_run: Run, key: str) -> None:
    """Also of one in which nothing was recorded."""
    (entry,) = (entry for entry in FIGURES if entry.key == key)
    for first, last in ((0, None), (35, 61), (41, 49), (500, 600)):
        window = RunWindow(small_run.path, first=first, last=last)
        if entry.only_if(window):
            entry.draw(window)

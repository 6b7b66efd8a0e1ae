"""A long run that is shown again and again: each chunk is read once, and the picture stays true."""

import math
from pathlib import Path

import numpy as np
import pytest

from backsight.report import Kept, keeping, strip
from backsight.report._thin import FINE, NEWEST, PIXELS, Thinned, thin_stream
from backsight.signals import Recorder, Run, RunWindow
from backsight.signals._reader import Reader

LONG = 160_000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The signal of each chunk that is read."""
    read: list[str] = []
    block_at = Reader.block_at

    def noted(self: Reader, name: str, place: object) -> object:
        read.append(name)
        return block_at(self, name, place)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "block_at", noted)
    return read


def write(recorder: Recorder, start: int, end: int) -> None:
    """A noisy loss with a spike, some NaN and, on a log axis, some zeros."""
    at = np.arange(start, end)
    values = 2 + np.sin(at / 1e4) + 0.1 * np.random.default_rng(start).normal(size=len(at))
    for where, value in ((12_345, 99.0), (77_777, math.nan), (77_778, math.inf), (150_000, 0.0)):
        values[at == where] = value
    recorder.series("loss", at, values.astype(np.float32))
    recorder.flush()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "long"
    with Recorder(path) as recorder:
        for start in range(0, LONG, 20_000):
            write(recorder, start, start + 20_000)
    return path


def shown(path: Path, kept: Kept | None, *, log: bool) -> Thinned:
    if kept is None:
        return thin_stream(Run(path).stream("loss"), log=log)
    with keeping(kept):
        return thin_stream(Run(path).stream("loss"), log=log)


def columns(thinned: Thinned) -> dict[int, tuple[float, float]]:
    """Of each pixel column, the smallest and the largest value."""
    at = thinned.iterations * (PIXELS - 1) // (LONG - 1)
    return {
        int(one): (float(thinned.values[at == one].min()), float(thinned.values[at == one].max()))
        for one in np.unique(at)
    }


@pytest.mark.parametrize("log", [False, True])
def test_the_picture_is_that_of_all_samples(log: bool, path: Path) -> None:
    """But for samples within a fine part of a column of its edge; marks and gaps are the same."""
    exact, few = shown(path, None, log=log), shown(path, Kept(), log=log)
    assert {kind: marks.count for kind, marks in few.marks.items()} == {
        kind: marks.count for kind, marks in exact.marks.items()
    }
    for kind, marks in exact.marks.items():
        assert few.marks[kind].iterations.tolist() == marks.iterations.tolist()
    assert len(few.breaks) == len(exact.breaks)
    assert 99.0 in few.values
    assert few.iterations[few.values.argmax()] == 12_345
    assert (few.iterations[-1], few.values[-1]) == (exact.iterations[-1], exact.values[-1])
    true, drawn = columns(exact), columns(few)
    assert set(true) == set(drawn)
    same = 0
    for column, (low, high) in true.items():
        assert low <= drawn[column][0] <= drawn[column][1] <= high
        same += (low, high) == drawn[column]
    assert same > (1 - 2 / FINE) * len(true)


def test_a_chunk_is_read_once(path: Path, reads: list[str]) -> None:
    kept = Kept()
    first = shown(path, kept, log=False)
    chunks = len(reads)
    assert chunks > 4
    again = shown(path, kept, log=False)
    assert len(reads) == chunks
    assert again.values.tolist() == first.values.tolist()
    strip_of = strip(Run(path))
    reads.clear()
    with keeping(kept):
        told = strip(Run(path))
    assert reads == []
    assert told.losses[0].recent == strip_of.losses[0].recent  # the median of the newest 100


def test_of_a_run_that_grows_only_what_is_new_is_read(tmp_path: Path, reads: list[str]) -> None:
    kept = Kept()
    with Recorder(tmp_path / "live") as recorder:
        for start in range(0, 60_000, 10_000):
            write(recorder, start, start + 10_000)
        shown(tmp_path / "live", kept, log=False)
        reads.clear()
        write(recorder, 60_000, 60_001)
        grown = shown(tmp_path / "live", kept, log=False)
        assert grown.iterations[-1] == 60_000
        assert len(reads) == 1


def test_a_run_that_takes_the_place_of_another_is_read(tmp_path: Path) -> None:
    kept = Kept()
    for loss in (1.0, 2.0):
        with Recorder(tmp_path / "new") as recorder:
            recorder.series("loss", range(20_000), [loss] * 20_000)
        (tmp_path / "new").rename(tmp_path / "shown")
        assert set(shown(tmp_path / "shown", kept, log=False).values) == {loss}
        (tmp_path / "shown").rename(tmp_path / f"removed-{loss}")


def test_a_window_shows_all_samples(path: Path) -> None:
    window = RunWindow(path, first=100_000, last=100_500)
    with keeping(Kept()):
        thinned = thin_stream(window.stream("loss"))
    assert thinned.iterations.tolist() == list(range(100_000, 100_501))


def test_what_is_kept_is_bounded(path: Path, reads: list[str]) -> None:
    """And a signal that does not fit is drawn all the same."""
    small, large = Kept(50_000), Kept()
    values = shown(path, small, log=False).values.tolist()
    assert values == shown(path, large, log=False).values.tolist()
    assert small.held <= 50_000
    most = (2 * 4 * FINE * PIXELS + NEWEST * len(reads)) * 12 + 400 * len(reads)
    assert 50_000 < large.held < most

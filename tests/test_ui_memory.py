"""Memory that answers needed is given back, and nothing is done while nobody asks."""

import gc
import time
import weakref
from pathlib import Path

import pytest

from backsight.signals import Recorder
from backsight.ui._memory import give_back, prepare
from tests.dashboard import dashboard


class Cycle:
    """Holds itself, as a figure of Plotly does."""

    def __init__(self) -> None:
        self.itself = self


def test_what_only_holds_itself_is_freed() -> None:
    held = weakref.ref(Cycle())
    give_back()
    assert held() is None


def test_without_the_functions_of_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsight.ui._memory._library", lambda: None)
    try:
        assert (prepare(), give_back()) == (False, False)
    finally:
        gc.unfreeze()


def test_memory_is_given_back_after_answers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr("backsight.ui._app.TIDY", 0.01)
    monkeypatch.setattr("backsight.ui._app.give_back", lambda: given.append(time.monotonic()))
    with Recorder(tmp_path / "one") as recorder:
        recorder.scalars(0, {"loss": 1.0})
    with dashboard(tmp_path) as running:
        for wanted in (1, 2):
            running.json("run", run="one")
            while len(given) < wanted:
                time.sleep(0.005)
            time.sleep(0.1)  # in which ten more times would pass
            assert len(given) == wanted

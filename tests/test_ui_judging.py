"""A run without a verdict that counts: what judging it would take, and that nobody waits for it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.signals import Recorder, Run
from backsight.ui._run_view import findings_view
from tests.dashboard import Dashboard, dashboard


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Dashboard]:
    with Recorder(tmp_path / "one") as recorder:
        for name in ("loss", "grad_norm"):
            recorder.series(name, np.arange(300), np.linspace(3, 1, 300))
        recorder.series("of_my_own", np.arange(300), np.ones(300))
    with dashboard(tmp_path) as running:
        yield running


def test_what_is_not_judged_yet_is_counted_in_values_that_rules_read(board: Dashboard) -> None:
    told = board.json("findings", run="one")
    assert (told["thorough"], told["unjudged"]) == (False, 600)
    told = board.json("findings", run="one", thorough=1)
    assert (told["thorough"], told["unjudged"]) == (True, 0)
    assert told["healthy"] > 0


def test_a_run_is_judged_once_and_holds_up_nobody(
    board: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pages ask for it: more of them than answers are made at a time."""
    goes_on, judged = threading.Event(), []

    def judge(run: Run, *, thorough: bool) -> dict[str, Any]:
        if thorough:
            judged.append(run.name)
            assert goes_on.wait(60)
        return findings_view(run, thorough=thorough)

    monkeypatch.setattr("backsight.ui._app.findings_view", judge)
    answers: list[dict[str, Any]] = []
    asking = [
        threading.Thread(
            target=lambda: answers.append(board.json("findings", run="one", thorough=1))
        )
        for _ in range(6)
    ]
    for thread in asking:
        thread.start()
    try:
        assert board.json("run", run="one")["name"] == "one"
        assert not board.json("findings", run="one")["thorough"]
        assert not answers
    finally:
        goes_on.set()
        for thread in asking:
            thread.join(60)
    assert [one["thorough"] for one in answers] == [True] * 6
    assert judged == ["one"]

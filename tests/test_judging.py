"""When the values of a run are judged while it trains."""

import math
from pathlib import Path

import pytest

from backsight.diagnosis import Finding, findings_so_far
from backsight.monitor.sinks import JudgingSink, NullRecorder
from backsight.monitor.sinks._judging_sink import MANY, PATIENCE, SLOW
from backsight.monitor.sinks._unjudged import Unjudged
from backsight.signals import Recorder, Run


class Judging:
    """A sink, its clock, and how many iterations have been judged."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.sink = JudgingSink(
            NullRecorder(), lambda finding: self.told.append(finding.code), lambda: self.now
        )

    def record(self, first: int, last: int, loss: float = 1.0) -> None:
        """Iterations ``first`` to ``last - 1``, complete."""
        for iteration in range(first, last):
            self.sink.scalars(iteration, {"loss": loss, "seq_len": 5.0, "mine": 2.0})
        self.sink.settle(last)

    @property
    def judged(self) -> int:
        """Iterations."""
        return self.sink._judge.iterations


def test_slow_ones_are_judged_at_once() -> None:
    judging = Judging()
    judging.now = 4 * SLOW
    judging.record(0, 4)
    assert judging.judged == 4
    judging.now += SLOW / 2
    judging.record(4, 5)
    assert judging.judged == 4
    judging.now += SLOW
    judging.record(5, 6)
    assert judging.judged == 4, "two have come in the time of one and a half"
    judging.now += SLOW
    judging.record(6, 7)
    assert judging.judged == 4
    judging.now += SLOW
    judging.record(7, 7)
    assert judging.judged == 7


def test_more_wait_until_there_are_many() -> None:
    judging = Judging()
    judging.record(0, MANY - 1)
    assert judging.judged == 0
    judging.record(MANY - 1, MANY)
    assert judging.judged == MANY


def test_they_wait_for_some_seconds() -> None:
    judging = Judging()
    judging.now = PATIENCE / 2
    judging.record(0, 100)
    assert judging.judged == 0
    judging.now = PATIENCE
    judging.record(100, 101)
    assert judging.judged == 101


def test_nothing_waits_with_a_value_that_is_not_finite() -> None:
    judging = Judging()
    judging.record(0, 100)
    judging.record(100, 101, math.nan)
    assert (judging.judged, judging.told) == (101, ["BKS201"])
    judging.record(101, 150)
    assert judging.judged == 101, "what is finite waits again"


def test_an_iteration_that_is_not_complete_is_not_judged() -> None:
    judging = Judging()
    for iteration in range(3):
        judging.sink.scalars(iteration, {"loss": math.nan if iteration == 2 else 1.0})
    judging.sink.settle(2)
    assert (judging.judged, judging.told) == (2, [])
    judging.sink.settle(3)
    assert (judging.judged, judging.told) == (3, ["BKS201"])


def test_at_the_end_nothing_waits() -> None:
    judging = Judging()
    judging.record(0, 100)
    judging.sink.end(99)
    assert judging.judged == 100


@pytest.mark.parametrize("order", [(3, 4, 5), (5, 3, 4), (4, 5, 3), (5, 4, 3)])
def test_what_comes_late_is_in_its_place(order: tuple[int, ...]) -> None:
    waiting = Unjudged()
    for iteration in order:
        waiting.add("loss", iteration, float(iteration))
    waiting.add("loss", 4, 7.0)
    assert waiting.span(before=5) == 2
    assert waiting.take(before=9)["loss"].iterations.tolist() == [3, 4, 5]
    assert not waiting


def test_the_newest_of_an_iteration_is_kept() -> None:
    waiting = Unjudged()
    for value in (1.0, 2.0):
        waiting.add("loss", 3, value)
    taken = waiting.take(before=4)["loss"]
    assert taken.iterations.tolist() == [3]
    assert taken.values.tolist() == [2.0]  # type: ignore[union-attr]


def test_a_note_that_turns_out_to_be_graver_is_recorded_and_told_again(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spike that is over after 30 iterations and leaves the loss where it was."""
    losses = [4.0] * 60 + [1.0, 1.02] * 50 + [9.0] * 30 + [1.0, 1.02] * 100
    told: list[tuple[str, str]] = []
    with Recorder(run_path) as recorder:
        sink = JudgingSink(recorder, lambda f: told.append((f.code, f.severity)), lambda: 0.0)
        for iteration, loss in enumerate(losses):
            sink.scalars(iteration, {"loss": loss})
            sink.judge(iteration + 1)
        recorder.flush()
        written = Run(run_path)
        kept = [(e.body["code"], e.body["severity"]) for e in written.events("finding")]
        (spike,) = [f for f in findings_so_far(written).findings if f.code == "BKS202"]
    both = [("BKS202", "info"), ("BKS202", "warning")]
    assert [one for one in told if one[0] == "BKS202"] == both
    assert [one for one in kept if one[0] == "BKS202"] == both
    assert (spike.severity, spike.iteration) == ("warning", 160)
    again = JudgingSink(NullRecorder(), lambda f: None)
    rerecorded: list[Finding] = []
    monkeypatch.setattr(again, "_record", rerecorded.append)
    again.recall(written)
    assert not [f for f in rerecorded if f.code == "BKS202"]

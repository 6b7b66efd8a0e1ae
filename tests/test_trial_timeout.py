"""A trial that takes too long is stopped, and is one failed row of its study."""

import json
import math
import signal
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from backsight.lab import MemoryEcho
from backsight.signals import Recorder
from backsight.studies import (
    Ended,
    LengthPlan,
    MapPlan,
    Trial,
    length_study,
    parse_axis,
    read_length_study,
    remedies_for_task,
    remedy_study,
    run_map,
)
from backsight.studies._trial import last_words
from backsight.studies._view import Unwatched
from backsight.studies.engines import LocalEngine, _local

HANGS = (
    "import os, signal, subprocess, sys, time\n"
    "if sys.argv[1] == 'deaf': signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen(['sleep', '600'])\n"
    "print(os.getpid(), child.pid, flush=True)\n"
    "while True: time.sleep(600)"
)
"""A trial that never ends, and has started a process that never ends, either."""


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Clock:
    """Stands still until a trial that hangs has said so; for a deaf one, it then goes on."""

    def __init__(self, log: Path, *, deaf: bool) -> None:
        self.log, self.deaf, self.now = log, deaf, 0.0

    def monotonic(self) -> float:
        if self.log.exists() and self.log.read_text().endswith("\n"):
            self.now = self.now + 25.0 if self.deaf else 61.0
        return self.now

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds / 10)


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
@pytest.mark.parametrize("ears", ["good", "deaf"])
def test_a_trial_that_hangs_is_stopped_with_what_it_has_started(
    ears: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that ignores the request is killed; the others go on, and are no failures."""
    monkeypatch.setattr(_local, "time", Clock(tmp_path / "hangs", deaf=ears == "deaf"))
    commands = {"first": ("pass",), "second": ("raise SystemExit(3)",), "hangs": (HANGS, ears)}
    trials = [
        Trial(n, (sys.executable, "-S", "-c", *words), tmp_path / "run", tmp_path / n)
        for n, words in commands.items()
    ]
    ended = {one.name: one for one in LocalEngine(1, timeout=60.0).run(trials)}
    assert {n: one.timeout for n, one in ended.items()} == {
        "first": None, "second": None, "hangs": 60.0,
    }  # fmt: skip
    assert {n: one.failed for n, one in ended.items()} == {
        "first": False, "second": True, "hangs": True,
    }  # fmt: skip
    assert ended["hangs"].status == -(signal.SIGKILL if ears == "deaf" else signal.SIGTERM)
    pids = (tmp_path / "hangs").read_text().split()
    assert len(pids) == 2
    for _ in range(3000):  # the kernel takes a moment
        if not any(alive(int(pid)) for pid in pids):
            break
        time.sleep(0.01)
    else:
        pytest.fail("what the trial has started still runs")
    assert last_words(tmp_path / "hangs", ended["hangs"]) == (
        f"did not finish within 60 s and was stopped: {' '.join(pids)}"
    )


class OutOfTime:
    """Trials of ten seconds; those of a name are stopped after half of their iterations."""

    workers = 1

    def __init__(self, late: str, status: int = -15) -> None:
        self.late, self.status = late, status
        self.asked: list[str] = []

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            self.asked.append(trial.name)
            late = self.late in trial.name
            with Recorder(trial.run, config={"iterations": 40 if late else 20}) as recorder:
                recorder.series("loss", range(20), [math.nan if late else 1.0] * 20)
            yield Ended(trial.name, self.status if late else 0, 10.0, 9.5 if late else None)


@pytest.mark.parametrize("status", [-15, 0])
def test_a_length_is_a_failed_row_until_the_command_is_given_again(
    status: int, tmp_path: Path
) -> None:
    """Whatever it had recorded, and with whatever status it then ended."""
    script = tmp_path / "train.py"
    script.write_text("pass")
    plan = LengthPlan(str(script), "--seq-len=", (3, 6), 1, script=True)
    folder, engine = tmp_path / "study", OutOfTime("6-", status)
    for rows in (
        length_study(plan, folder, engine).trials,
        read_length_study(plan, folder).trials,  # as another process reads it
    ):
        assert [(t.length, t.outcome, t.timed_out) for t in rows] == [
            (3, "nothing learned", False),
            (6, "failed", True),
        ]
        assert rows[1].reason == "did not finish within 9.5 s and was stopped: it printed nothing"
        assert rows[1].loss is None
    told = json.loads((folder / "study.json").read_text())
    assert list(told["timed_out"].values()) == [9.5]
    length_study(plan, folder, engine)
    short, late = engine.asked[:2]
    assert engine.asked == [short, late, late]


def test_a_remedy_is_a_failed_row_and_is_trained_once_by_a_command(tmp_path: Path) -> None:
    """The unchanged run is wanted in both rounds."""
    plan = remedies_for_task(MemoryEcho(iterations=20), seeds=1, only=("gru",))
    engine = OutOfTime("unchanged")
    study = remedy_study(plan, tmp_path / "study", engine)
    assert engine.asked.count("unchanged-seed0") == 1
    late = [trial for trial in study.trials if trial.timed_out]
    assert [(trial.remedy, trial.outcome) for trial in late] == [("unchanged", "failed")]
    assert len(study.trials) == len(engine.asked) > 1
    remedy_study(plan, tmp_path / "study", engine)
    assert engine.asked.count("unchanged-seed0") == 2


def test_a_part_of_a_map_is_told_and_left_out(tmp_path: Path) -> None:
    class Watcher(Unwatched):
        said: list[str] = []  # noqa: RUF012

        def failed(self, words: str) -> None:
            self.said.append(words)

    settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
    plan = MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1"))
    engine = OutOfTime("part")
    engine.run = lambda trials: (Ended(t.name, 0, 61.0, 60.0) for t in trials)  # type: ignore[method-assign]
    found = run_map(plan, tmp_path / "map", engine=engine, view=Watcher())
    assert found.trained == 0
    assert Watcher.said == [
        "4 networks were not trained: did not finish within 60 s and was stopped: "
        "it printed nothing"
    ]

"""A script that observes its training by itself, under ``backsight run``: one record, its own."""

import subprocess
import textwrap
from pathlib import Path

import pytest
import torch
from torch.optim import SGD

from backsight import Run, watch
from backsight.integrations._session import Session
from backsight.monitor import NullRecorder, ProcessMonitor
from tests import processes
from tests.test_trainings import Net, observed, step

SCRIPT = """
    import sys
    import torch
    import backsight

    def train():
        rnn = torch.nn.RNN(3, 4)
        optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        with backsight.watch(rnn, optimizer, sys.argv[1] if sys.argv[1:] else None) as monitor:
            for _ in range(6):
                optimizer.zero_grad()
                rnn(torch.randn(6, 2, 3))[0].square().mean().backward()
                optimizer.step()
        return monitor.run

    print(train().iterations)
"""


def run(folder: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(textwrap.dedent(script))
    return processes.run([*processes.COMMAND, "run", *words], cwd=folder)


def test_what_the_script_watches_has_one_record(tmp_path: Path) -> None:
    done = run(tmp_path, SCRIPT, "train.py", "runs/mine")
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]
    first, *_ = done.stderr.splitlines()
    assert first == (
        "backsight: runs/mine: 6 iterations (backsight report runs/mine), recorded by the script "
        "itself"
    )


def test_options_that_do_nothing_there_are_named(tmp_path: Path) -> None:
    words = ("--guard", "clip=1", "--every", "2", "train.py", "runs/mine")
    lines = run(tmp_path, SCRIPT, *words).stderr.splitlines()
    assert lines[0] == (
        "backsight: the script observes its training by itself, in runs/mine, so that there "
        "--every and --guard of this command do nothing"
    )
    assert lines[-1].endswith("pass guard= to its watch or its callback")


def test_trainings_in_children_are_told_as_one_group(tmp_path: Path) -> None:
    more = (
        "\n    if __name__ == '__main__' and not os.fork():\n        train()\n        os._exit(0)"
    )
    script = SCRIPT.replace("import sys", "import os, sys") + more + "\n    os.wait()\n"
    done = run(tmp_path, script, "train.py")
    assert (
        "2 trainings: runs/rnn-1 to runs/rnn-2 (backsight runs runs), recorded by the script"
        in (done.stderr)
    )
    groups = [Run(tmp_path / "runs" / f"rnn-{n}").info["config"]["group"] for n in (1, 2)]
    assert groups[0] == groups[1]


@pytest.mark.parametrize("called", [False, True])
def test_another_model_is_recorded_by_the_process(called: bool, tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        mine, other = Net(), Net()
        first, optimizer = SGD(other.parameters(), 0.1), SGD(mine.parameters(), 0.1)
        if called:  # before it is watched
            mine(torch.randn(3, 2, 3))
        with watch(mine, optimizer, tmp_path / "mine"):
            for _ in range(7):
                step(mine, optimizer)
        for _ in range(7):
            step(other, first)
        step(mine, SGD(mine.parameters(), 0.1))  # still the script's own
    assert [run.iterations for run in process.runs] == [7]
    assert Run(tmp_path / "mine").iterations == 7
    assert process.monitor.left_alone == [tmp_path / "mine"]


def test_what_was_trained_before_it_is_watched_is_recorded(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model = Net()
        optimizer = SGD(model.parameters(), 0.1)
        for _ in range(3):
            step(model, optimizer)
        with watch(model, optimizer, tmp_path / "mine"):
            for _ in range(4):
                step(model, optimizer)
    assert [(run.iterations, run.status) for run in process.runs] == [(3, "finished")]
    assert Run(tmp_path / "mine").iterations == 4


def test_the_guard_of_a_callback_acts_as_it_does_without(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model = Net()
        optimizer = SGD(model.parameters(), 0.1)
        session = Session(tmp_path / "mine", guard="clip=0.001")
        session.begin(model, [optimizer])
        step(model, optimizer)
        session.end()
    assert not process.runs
    assert session.run is not None
    assert "act_before/clip" in session.run.names


def test_a_guard_of_the_process_lets_go(tmp_path: Path) -> None:
    process = ProcessMonitor(NullRecorder(), guard="clip=0.001")
    model = Net()
    optimizer = SGD(model.parameters(), 0.1)
    step(model, optimizer)
    with watch(model, optimizer, tmp_path / "mine"):
        step(model, optimizer)
    process.close()
    assert process.tally == {"clip": 1}

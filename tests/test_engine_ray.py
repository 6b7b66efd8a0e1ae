"""The Ray engine when things go wrong: on Ray where it is installed, and on a stand-in."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backsight.signals import Run
from backsight.studies import Trial
from backsight.studies.engines._ray import DIED, _execute
from tests import processes

SCRIPT = """
    import argparse, os, pathlib, signal, time, torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--seq-len", type=int)
    parser.add_argument("--kill-at", type=int, default=0)
    parser.add_argument("--wait-at", type=int, default=0)
    asked = parser.parse_args()
    if asked.seq_len == asked.kill_at and not pathlib.Path("killed").exists():
        pathlib.Path("killed").touch()
        os.kill(os.getppid(), signal.SIGKILL)  # the worker
        time.sleep(600)
    if asked.seq_len == asked.wait_at:
        pathlib.Path("waiting").write_text(str(os.getpid()))
        time.sleep(600)
    torch.manual_seed(0)
    rnn, head = nn.RNN(1, 4, batch_first=True), nn.Linear(4, 1)
    optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
    for _ in range(30):
        x = torch.randn(4, asked.seq_len, 1)
        loss = (head(rnn(x)[0][:, -1]) - x[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""

Start = Callable[..., "processes.Forked | subprocess.Popen[str]"]


@pytest.fixture(params=["stand-in", "ray"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Begin a study of the script on Ray, or on what stands in for it."""
    there = importlib.util.find_spec("ray") is not None
    if request.param == "ray" and not there:
        pytest.skip("Ray is not installed")
    # Ray's sockets lie in a folder whose path may have a hundred characters at most.
    environment = {**os.environ, "RAY_TMPDIR": "/tmp"}
    if request.param == "stand-in":
        places = [str(Path(__file__).parent / "standin"), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))

    def begin(*script_words: object) -> "processes.Forked | subprocess.Popen[str]":
        words = ["--script", str(script), "--vary", "--seq-len=3,6", "--seeds", "1", "--json",
                 "--out", "it", "--engine", "ray", "--", *map(str, script_words)]  # fmt: skip
        command = [*processes.COMMAND, "study", "length", *words]
        if request.param == "stand-in":
            return processes.Forked(command, cwd=tmp_path, env=environment)
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=processes.plain,
        )  # fmt: skip

    return begin


def gone(pid: int) -> bool:
    """Whether that process ends within some seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.long
def test_a_worker_that_is_killed_costs_one_row_and_the_same_command_trains_it(
    start: Start,
) -> None:
    out, err = (process := start("--kill-at", 6)).communicate(timeout=300)
    assert process.returncode == 1, err
    trials = json.loads(out)["trials"]
    assert [row["outcome"] == "failed" for row in trials] == [False, True]
    assert trials[1]["reason"].startswith(f"ended by signal {-DIED}: its Ray worker died")
    out, err = (process := start("--kill-at", 6)).communicate(timeout=300)
    assert process.returncode == 0, err
    assert "1 of 2 trials were already done" in err
    assert all(row["iterations"] == 30 for row in json.loads(out)["trials"])


@pytest.mark.long
def test_a_ctrl_c_keeps_what_is_done_and_leaves_nobody_behind(start: Start, tmp_path: Path) -> None:
    process = start("--wait-at", 6)
    done = tmp_path / "it" / "runs" / "script-3-seed0"
    waiting, progress = tmp_path / "waiting", tmp_path / "it" / "study.json"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if waiting.exists() and waiting.read_text() and done.name in progress.read_text():
            break
        time.sleep(0.05)
    trial = int(waiting.read_text())
    os.kill(trial, 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "To continue, type:" in err
    assert "Traceback" not in err
    assert gone(trial)
    kept = json.loads(progress.read_text())["ended"]
    assert {name: status for name, (status, _) in kept.items()} == {"script-3-seed0": 0}
    assert Run(done).status == "finished"


TWO_ROUNDS = """
import sys
from pathlib import Path
import ray
from backsight.studies import Trial, make_engine
engine = make_engine("ray")
for name in ("one", "two"):
    trial = Trial(name, (sys.executable, "-c", "pass"), Path(name), Path("log"))
    assert [(e.name, e.status) for e in engine.run([trial])] == [(name, 0)]
    assert not ray.is_initialized()
"""


def test_an_engine_runs_several_rounds_of_trials(tmp_path: Path) -> None:
    """As a study of remedies has them: it joins the same cluster again for each."""
    places = [str(Path(__file__).parent / "standin"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    subprocess.run([sys.executable, "-c", TWO_ROUNDS], cwd=tmp_path, env=environment, check=True)


# -- a worker by itself ---------------------------------------------------------------------------

WORKER = """
import sys
from backsight.studies.engines._ray import _execute
_execute(sys.argv[1:], sys.executable, "run", b"")
"""


@pytest.mark.some(1)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_trial_ends_with_its_worker(number: signal.Signals, tmp_path: Path) -> None:
    """Killed, or interrupted as Ray does with what is cancelled."""
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("Linux alone tells a child that its parent has died")
    said = tmp_path / "pid"
    code = f"import os, time; open({str(said)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=processes.plain,
    ) as worker:
        while not (said.exists() and said.read_text()):
            assert worker.poll() is None
            time.sleep(0.02)
        worker.send_signal(number)
    assert gone(int(said.read_text()))


def test_a_trial_s_status_and_words_come_home(tmp_path: Path) -> None:
    code = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.mkdir(); (p / 'x').touch()"
    trial = Trial("one", ("python3", "-c", f"{code}; print('hello'); sys.exit(3)", "home/run"),
                  Path("home/run"), tmp_path / "log")  # fmt: skip
    status, seconds, words, packed = _execute(trial.command, "python3", "home/run", b"")
    assert (status, words) == (3, b"hello\n")
    assert seconds > 0
    assert packed

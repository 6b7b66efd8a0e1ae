"""A script's edges under observation: streams, status, signals, hooks, and a disk that fails."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn

import backsight
from backsight.cli import main
from backsight.report import write_report
from backsight.signals import Recorder, Run, hide_words
from tests import processes
from tests.test_run import both, execute, script

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
rnn = nn.GRU(3, 4)
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)

def train(steps=3, fill=None):
    for _ in range(steps):
        x = torch.randn(5, 2, 3) if fill is None else torch.full((5, 2, 3), fill)
        optimizer.zero_grad()
        loss = rnn(x)[0].square().mean()
        loss.backward()
        optimizer.step()
    return loss.item()

train()
"""

SLEEP = "import os, shutil, time\ntime.sleep(0.6)\n"


# -- what ends a script --------------------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "text",
    [
        "import sys\ndef hook(*a): raise RuntimeError('in the hook')\n"
        "sys.excepthook = hook\nraise ValueError('first')",
        "import sys\nsys.excepthook = lambda *a: sys.exit(9)\nraise ValueError",
        "import sys\ndel sys.excepthook\nraise ValueError",
        "import sys\nclass Code:\n    def __eq__(self, other): raise ValueError\n"
        "    def __str__(self): return 'words'\nsys.exit(Code())",
        "import atexit, sys\natexit.register(lambda: print(repr(sys.last_value)))\n1 / 0",
        "from backsight.errors import GuardError\nraise GuardError('of the script')",
        "import builtins\ndel builtins.print\n",
    ],
    ids=["hook-raises", "hook-exits", "no-hook", "odd-code", "last-value", "our-error", "no-print"],
)
def test_what_ends_it_is_shown_and_told_as_python_does(text: str, tmp_path: Path) -> None:
    both(tmp_path, script(tmp_path, text))


@pytest.mark.parametrize("function", ["settrace", "setprofile"])
def test_what_it_traces_is_its_own_alone(function: str, tmp_path: Path) -> None:
    """In the script and in its exit functions, and nothing of ours between them."""
    text = f"""
        import atexit, sys

        def told(frame, event, arg):
            if event == "call":
                print(frame.f_code.co_name)

        def called(): pass

        atexit.register(called)
        sys.{function}(told)
        called()
        """
    done = both(tmp_path, script(tmp_path, text))
    assert done.stdout.split() == ["called", "called"]


def test_it_recurses_as_deep(tmp_path: Path) -> None:
    text = "def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\n\nprint(f(0))"
    path = script(tmp_path, text)
    plain = int(execute(path, cwd=tmp_path, observed=False, fresh=True).stdout)
    # What forks for the tests calls from C some more often than an interpreter does.
    assert abs(int(execute(path, cwd=tmp_path).stdout) - plain) < 6


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("error", "status", "end_reason", "reason"),
    [
        (SystemExit(0), "finished", "completed", None),
        (SystemExit(None), "finished", "completed", None),
        (SystemExit(3), "failed", "error", "SystemExit: 3"),
        (SystemExit(0.0), "failed", "error", "SystemExit: 0.0"),
        (SystemExit(143), "failed", "interrupted", "SystemExit: 143"),
        (type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})(), "failed", "error", "Mute"),
        (ValueError("no token=abc"), "failed", "error", "ValueError: no token=(hidden)"),
    ],
)
def test_a_run_tells_how_it_ended(
    error: BaseException, status: str, end_reason: str, reason: str | None, run_path: Path
) -> None:
    recorder = Recorder(run_path)
    recorder.close_after(error)
    run = Run(run_path)
    assert (run.status, run.end_reason, run.info["reason"]) == (status, end_reason, reason)


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("text", "status", "end"),
    [
        ("signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))", 143, "interrupted"),
        ("print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, flush=True)", -15, None),
    ],
)
def test_sigterm_does_what_it_does_without_us(
    text: str, status: int, end: str | None, tmp_path: Path
) -> None:
    last = f"{text}\ntime.sleep(0.6)\nos.kill(os.getpid(), 15)\ntrain()"
    text = f"import os, signal, sys, time\n{TRAIN}\n{last}"
    assert both(tmp_path, script(tmp_path, text)).returncode == status
    run = Run(tmp_path / "runs/train-1")
    assert (run.status, run.end_reason) == ("killed" if end is None else "failed", end)
    assert len(run["loss"]) >= 2  # the third may not have ended yet


def test_a_forked_child_that_comes_to_the_end_says_nothing(tmp_path: Path) -> None:
    text = f"{TRAIN}\nimport os\npid = os.fork()\nif pid:\n    print(os.waitpid(pid, 0)[1])\n"
    done = both(tmp_path, script(tmp_path, text))
    assert done.stderr.count("3 iterations") == 1


# -- its streams ---------------------------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.stdout = None",
        "import sys; sys.stderr = None; print('end')",
        "import sys; sys.stderr.close(); train(3, float('nan')); train(20)",
        "import sys\nclass Broken:\n    def write(self, text): 1 / 0\n    def flush(self): pass\n"
        "sys.stderr = Broken(); train(3, float('nan')); train(20); print('end')",
        "import atexit, io, sys; sys.stderr = io.StringIO()\n"
        "atexit.register(lambda: print(repr(sys.stderr.getvalue())))\ntrain(3, float('nan'))",
        "import logging, sys; logging.basicConfig(stream=sys.stdout); train(3, float('nan'))",
    ],
    ids=["no-stdout", "no-stderr", "closed-stderr", "broken-stderr", "own-stderr", "own-log"],
)
def test_its_streams_are_its_own(text: str, tmp_path: Path) -> None:
    both(tmp_path, script(tmp_path, f"{TRAIN}\n{text}\n"))
    assert Run(tmp_path / "runs/train-1").status == "finished"


def test_streams_that_are_closed_before_it_begins(tmp_path: Path) -> None:
    """As after ``>&- 2>&-``; an error of ours is no line on standard output then, either."""
    path = script(tmp_path, f"{TRAIN}\nopen('end', 'w').close()")
    closed = "import sys; sys.stdout = sys.stderr = None; from backsight.cli import main; "
    command = [sys.executable, "-c", f"{closed} sys.exit(main(['run', {str(path)!r}]))"]
    assert processes.run(command, cwd=tmp_path).returncode == 0
    assert (tmp_path / "end").exists()
    closed = closed.replace("sys.stdout = ", "")
    wrong = processes.run([sys.executable, "-c", f"{closed} sys.exit(main(['x']))"], cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.fixture
def harmful_handler() -> Iterator[None]:
    """On the log, and raises."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ZeroDivisionError

    handler = Handler()
    logging.getLogger("backsight").addHandler(handler)
    yield
    logging.getLogger("backsight").removeHandler(handler)


@pytest.mark.usefixtures("harmful_handler")
def test_a_handler_that_raises_does_not_reach_the_training(run_path: Path) -> None:
    model = nn.GRU(3, 4)
    with backsight.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), run_path) as monitor:
        monitor.log(loss="no number")  # type: ignore[arg-type]


def test_the_recorders_thread_is_not_traced(run_path: Path) -> None:
    seen: list[str] = []

    def tracer(frame: FrameType, event: str, arg: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            seen.append(frame.f_code.co_name)

    threading.settrace(tracer)
    try:
        with Recorder(run_path) as recorder:
            recorder.flush()
    finally:
        threading.settrace(None)
    assert "_commit" not in seen


# -- its disk ------------------------------------------------------------------------------


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("if os.path.exists('runs'): shutil.rmtree('runs')", "cannot write the end of the run"),
        pytest.param(
            "if os.path.exists('runs'): os.rename('runs', 'moved')",
            "cannot write the end of the",
            marks=pytest.mark.long,
        ),
        ("resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))", "cannot write to runs/"),
    ],
    ids=["deleted", "moved", "full"],
)
def test_a_run_folder_that_fails_costs_the_script_nothing(
    text: str, said: str, tmp_path: Path
) -> None:
    text = f"{TRAIN}\nimport resource\n{SLEEP}{text}\nprint(train(200))"
    done = both(tmp_path, script(tmp_path, text))
    assert done.returncode == 0
    assert done.stderr.count(said) == 1
    assert done.stderr.count("does not exist") <= 1


def test_a_folder_that_cannot_be_made_any_more_is_one_sentence(tmp_path: Path) -> None:
    first = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))"
    done = execute(script(tmp_path, f"{first}\n{TRAIN}"), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("backsight: nothing is recorded: cannot create the run folder")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_run_is_where_it_began(where: str, tmp_path: Path) -> None:
    go = "import os; os.mkdir('sub'); os.chdir('sub')"
    text = f"{go}\n{TRAIN}" if where == "before" else f"{TRAIN}\n{go}"
    done = execute(script(tmp_path, f"{text}\nprint(os.listdir())"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    run = Run(tmp_path / "runs/train-1")
    assert (run.status, run.iterations) == ("finished", 3)


@pytest.mark.parametrize("place", ["train.py/run", "new/" + "n" * 300, "broken"])
def test_a_place_that_takes_no_run_is_told_before_the_script_begins(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "raise SystemExit('must not run')\n")
    (tmp_path / "broken").symlink_to("nowhere")
    assert main(["run", "--run", place, "train.py"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith((f"backsight: cannot write a run to {place}: ", "backsight: broken alr"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "train.py"]


def test_arguments_that_are_no_text_are_recorded_and_shown(tmp_path: Path) -> None:
    run_path = tmp_path / "run"
    Recorder(run_path, config={"arguments": ["\udcff"]}, command="run \udcff").close()
    assert Run(run_path).info["command"] == "run \udcff"
    assert "\\udcff" in write_report(run_path).read_text()


# -- BACKSIGHT=off -------------------------------------------------------------------------


def test_off_runs_the_script_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSIGHT", "off")
    path = script(tmp_path, f"{TRAIN}\nprint(train())\nraise SystemExit(3)")
    done = both(tmp_path, path)
    assert (done.returncode, done.stderr) == (3, "")
    assert not (tmp_path / "runs").exists()


def test_off_watches_and_guards_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(off: bool) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.GRU(3, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if off:
            guard = backsight.Guard(model, optimizer, folder=tmp_path / "kept")
            assert guard.resume() is None
            monitor = backsight.watch(model, optimizer, tmp_path / "run", guard=guard)
        for step in range(3):
            loss = model(torch.randn(5, 2, 3))[0].mean() * (float("inf") if step == 2 else 1)
            optimizer.zero_grad()
            loss.backward()
            if off:
                assert guard.step(loss) == ()
                monitor.log(mine=loss)
            else:
                optimizer.step()
        if off:
            with monitor.paused():
                assert (guard.iteration, guard.interventions, monitor.run) == (3, [], None)
            assert guard.state_dict()["iteration"] == 3
            monitor.close()
            guard.close()
            hooks = (model._forward_hooks, optimizer._optimizer_step_pre_hooks)
            assert not any(hooks)
        return torch.cat([p.detach().reshape(-1) for p in model.parameters()])

    monkeypatch.setenv("BACKSIGHT", "off")
    torch.testing.assert_close(trained(True), trained(False), rtol=0, atol=0, equal_nan=True)
    assert list(tmp_path.iterdir()) == []


# -- secrets -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["--token", "S3"], ["--token=S3"], ["--password", "-S3"], ["--api-key", "S3"],
        ["--wandb_api_key=S3"], ["HF_TOKEN=S3"], ["SOME_KEY=S3"], ["hub.token=S3"],
        ["--apiToken", "S3"], ["--db-passwd", "S3"], ["--client-secret", "S3"],
        ["--key", "sk-S3aaaaaaaaaaaaaaaaaaaa"], ["see hf_S3aaaaaaaaaaaaaaaaaaa"],
        ['{"api_key": "S3"}'], ["https://me:S3@host/data"],
    ],
)  # fmt: skip
def test_a_secret_is_hidden(words: list[str]) -> None:
    shown = " ".join(hide_words(["train.py", *words, "--lr", "0.1"]))
    assert "S3" not in shown
    assert "(hidden)" in shown
    assert shown.startswith("train.py ")
    assert shown.endswith(" --lr 0.1")


@pytest.mark.parametrize(
    "words",
    [
        ["--max-tokens", "5"], ["--eos-token", "</s>"], ["--sort-key=x"], ["--keyboard", "a"],
        ["task-aaaaaaaaaaaaaaaaaaaaaaaa"], ["clip=1,skip"], ["--token", "--lr"], ["a=b", "C=d"],
        ["https://host:80/data"],
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(words: list[str]) -> None:
    assert hide_words(words) == words


def test_no_secret_of_arguments_or_settings_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "S3CRET"
    last = "import sys; print(sys.argv[1:])\nraise ValueError(sys.argv[1])"
    path = script(tmp_path, f"{TRAIN}\n{last}")
    done = execute(path, f"--token={secret}", "--password", secret, cwd=tmp_path)
    assert done.stdout.count(secret) == 2  # the script has its own
    run_path = tmp_path / "runs/train-1"
    assert secret not in (run_path / "run.json").read_text()
    assert Run(run_path).info["config"]["arguments"] == [
        "--token=(hidden)", "--password", "(hidden)",
    ]  # fmt: skip
    assert secret not in write_report(run_path).read_text()
    assert all(secret not in line for line in done.stderr.splitlines() if line[:10] == "backsight:")

    monkeypatch.setattr(sys, "argv", ["mine.py", "--api-key", secret])
    model = nn.GRU(3, 4)
    config = {"hub": {"api_key": secret}, "lr": 0.1}
    backsight.watch(
        model, torch.optim.SGD(model.parameters(), lr=0.1), tmp_path / "w", config=config
    ).close()
    text = (tmp_path / "w/run.json").read_text()
    assert secret not in text
    assert json.loads(text)["config"]["lr"] == 0.1

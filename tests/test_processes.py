"""A forked command is what the same command is in a Python of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes

BOTH = pytest.mark.parametrize("start", [processes.Forked, subprocess.Popen])
Start = Callable[..., "processes.Forked | subprocess.Popen[str]"]

WORLD = """
import os, signal, sys, threading, atexit
atexit.register(print, "bye")
threading.Timer(0.05, print, ["a thread"]).start()
print(sys.argv, __name__, sys.path[0], os.getcwd(), sorted(os.environ), sys.stdin.read())
print(sys.stdout.isatty(), sys.stdout.encoding, sys.stderr.errors)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, file=sys.stderr)
print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD), os.getppid() == 1)
"""


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "code",
    [
        WORLD,
        "import sys; sys.exit()",
        "import sys; sys.exit(7)",
        "import sys; print('some'); sys.exit('words')",
        "raise KeyboardInterrupt",
        "import os; os._exit(4)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "def f():\n    raise ValueError('mine')\n\nf()",
        "this is no python",
    ],
)
def test_what_a_command_says_and_its_status(code: str, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(code)
    env = {"PATH": os.environ["PATH"], "LC_CTYPE": "C.UTF-8", "MINE": "1"}
    command = [sys.executable, str(path), "a", "--b"]
    real = subprocess.run(
        command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, preexec_fn=processes.plain,
    )  # fmt: skip
    ours = processes.run(command, cwd=tmp_path, env=env)
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        real.returncode, real.stdout, real.stderr,
    )  # fmt: skip


@pytest.mark.parametrize("module", [True, False])
def test_a_module_and_code(module: bool, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys; print(__name__, sys.argv[1:], sys.path[0])")
    words = ["-m", "mine"] if module else ["-c", "import mine"]
    command = [sys.executable, *words, "a", "--b"]
    real = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    ours = processes.run(command, cwd=tmp_path)
    assert (ours.stdout, ours.stderr) == (real.stdout, real.stderr)


@pytest.mark.some(2)
@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(start: Start, number: int, tmp_path: Path) -> None:
    code = "from pathlib import Path; import time; Path('there').touch(); time.sleep(600)"
    begun = {"stderr": subprocess.DEVNULL} | (
        {} if start is processes.Forked else {"preexec_fn": processes.plain}
    )
    with start([sys.executable, "-c", code], cwd=tmp_path, **begun) as process:
        assert process.poll() is None
        while not (tmp_path / "there").exists():
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait(300) == -number
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


@BOTH
def test_its_session_and_its_log(start: Start, tmp_path: Path) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), flush=True); sys.exit('words')"
    for session in (True, False):
        with (
            (tmp_path / "log").open("w") as log,
            start(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=session,
            ) as process,
        ):  # fmt: skip
            assert process.wait(300) == 1
        assert (tmp_path / "log").read_text() == f"{session}\nwords\n"


def test_what_has_not_ended_in_time_is_ended(tmp_path: Path) -> None:
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid()))"
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run([sys.executable, "-c", f"{code}; time.sleep(600)"], cwd=tmp_path, timeout=0.5)
    pid = tmp_path / "pid"
    if pid.exists() and pid.read_text():  # else it had not begun
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize("files", [[], [0, 1, 2]])
def test_who_ends_before_it_has_asked_harms_nobody(files: list[int]) -> None:
    """As a study that a Ctrl-C or a kill reaches while it begins a trial."""
    code = [sys.executable, "-c", "print('well')"]
    assert processes.run(code).stdout == "well\n"  # it listens
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(processes._Server.address))
        if files:
            socket.send_fds(caller, [b"\n"], files)
            caller.sendall(b'{"command": ["py')
    assert processes.run(code).stdout == "well\n"


def test_random_numbers_are_each_command_s_own(tmp_path: Path) -> None:
    code = "import random, numpy as np; print(random.random(), np.random.rand())"
    said = {processes.run([sys.executable, "-c", code]).stdout for _ in range(2)}
    assert len(said) == 2


def test_together_tells_what_failed() -> None:
    with pytest.raises(AssertionError, match="no attribute 'nothing'"):
        processes.together("tests.capability", "nothing", Path())

"""``backsight run``: a script is what it is without us, and what trains in it is recorded."""

import re
import signal
import subprocess
import sys
import textwrap
import time
import zipapp
from pathlib import Path

import numpy as np
import pytest

from backsight.cli import main
from backsight.cli._run import split
from backsight.signals import Run
from tests import processes

EXAMPLES = Path(__file__).parent.parent / "examples" / "scripts"

TRAINING = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(3, 4, batch_first=True)
            self.head = nn.Linear(4, 1)

        def forward(self, x):
            return self.head(self.gru(x)[0])

    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for i in range(12):
        loss = model(torch.randn(2, 7, 3)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
"""


def script(folder: Path, text: str, name: str = "train.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


def execute(
    *words: object, cwd: Path, observed: bool = True, fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Forked, or ``fresh``: a Python of its own."""
    command = [sys.executable, *(["-m", "backsight", "run"] if observed else []), *map(str, words)]
    if not fresh:
        return processes.run(command, cwd=cwd)
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        preexec_fn=processes.plain,
    )  # fmt: skip


def without_us(stderr: str) -> str:
    return "".join(
        line for line in stderr.splitlines(keepends=True) if not line.startswith("backsight: ")
    )


def both(
    folder: Path, path: Path, *words: str, fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run it with and without us: the same stdout, stderr and status."""
    trains = "import torch" in path.read_text()
    plain = execute(path, *words, cwd=folder, observed=False, fresh=not trains)
    ours = execute(path, *words, cwd=folder, fresh=fresh)
    assert (ours.returncode, ours.stdout, without_us(ours.stderr)) == (
        plain.returncode, plain.stdout, plain.stderr,
    )  # fmt: skip
    return ours


def test_a_training_script_is_recorded_and_says_where(tmp_path: Path) -> None:
    path = script(tmp_path, TRAINING)
    done = both(tmp_path, path)
    assert re.search(r"^backsight: runs/train-1: 12 iterations", done.stderr, re.MULTILINE)
    assert re.search(
        r"^backsight: gru\.l0: the gradient is below half from lag ", done.stderr, re.MULTILINE
    )
    run = Run(tmp_path / "runs/train-1")
    assert run.status == "finished"
    assert len(run["loss"]) == len(run["grad_norm"]) == len(run["seq_len"]) == 12
    assert float(done.stdout) == np.float32(run["loss"][-1])
    assert {
        "reach/gru.l0",
        "grad_time/gru.l0",
        "update_ratio/head.weight",
        "horizon/gru.l0",
    } <= set(run.names)
    assert run.info["config"]["arguments"] == []
    (event,) = run.events("models")
    assert event.body["model"]["class"] == "Net"


def test_the_script_finds_its_own_world(tmp_path: Path) -> None:
    """Arguments (also such as ours), ``__main__``, paths, pickling by name, threads, atexit."""
    folder = tmp_path / "deep"
    folder.mkdir()
    script(folder, "VALUE = 42\n", "beside.py")
    path = script(
        folder,
        """
        import atexit, os, pickle, sys, __main__
        import beside

        class Thing:
            pass

        print(sys.argv, __name__, __file__, __spec__, __package__, sys.path[0], os.getcwd())
        print(beside.VALUE, __main__.Thing is Thing, pickle.loads(pickle.dumps(Thing)) is Thing)
        print(sorted(n for n in globals() if n.startswith("__")))
        print(type(__loader__).__name__, __builtins__.__name__, sys.modules["__main__"].__file__)
        print("torch._dynamo" in sys.modules)  # that alone would take a second
        atexit.register(lambda: print("bye", Thing.__name__))
        """,
    )
    words = ("--debug", "--every", "3", "-m", "x", "--run=y", "--", "--help")
    both(tmp_path, path, *words, fresh=True)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('in words')", 1),
        ("raise SystemExit", 0),
        ("def f():\n    raise ValueError('mine')\n\nf()", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import torch\ntorch.zeros(2).sum().backward()", 1),
        ("this is no python", 1),
    ],
)
def test_exit_status_and_traceback_are_the_scripts(
    ending: str, status: int, tmp_path: Path
) -> None:
    path = script(tmp_path, f"print('began')\n{ending}\n")
    plain = execute(path, cwd=tmp_path, observed=False, fresh="torch" not in ending)
    ours = execute(path, cwd=tmp_path)
    assert ours.returncode == status == plain.returncode
    assert ours.stdout == plain.stdout
    assert without_us(ours.stderr) == plain.stderr


def test_a_script_that_fails_while_training_leaves_its_run(tmp_path: Path) -> None:
    path = script(tmp_path, textwrap.dedent(TRAINING) + "\nraise ValueError('at last')\n")
    done = both(tmp_path, path)
    assert done.returncode == 1
    run = Run(tmp_path / "runs/train-1")
    assert (run.status, run.info["reason"]) == ("failed", "ValueError: at last")
    assert run.end_reason == "error"
    assert run.info["command"] == f"backsight run {path}"  # not what the script finds in sys.argv
    assert len(run["loss"]) == 12


def test_a_module_runs_as_under_python_m(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    script(package, "", "__init__.py")
    script(
        package,
        """
        import sys
        from . import other
        print(sys.argv[1:], sys.path[0], __name__, __package__, other.VALUE, __file__, sys.argv[0])
        """,
        "prog.py",
    )
    script(package, "VALUE = 1\n", "other.py")
    plain = execute("-m", "pack.prog", "a", "--debug", cwd=tmp_path, observed=False, fresh=True)
    ours = execute("-m", "pack.prog", "a", "--debug", cwd=tmp_path)
    assert ours.stdout == plain.stdout
    assert "pack.prog" in plain.stdout or "__main__" in plain.stdout


def test_a_script_that_trains_nothing_leaves_nothing(tmp_path: Path) -> None:
    done = both(tmp_path, script(tmp_path, "print(1)\n"))
    assert "recorded nothing" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_nothing_recorded_says_what_was_seen(tmp_path: Path) -> None:
    text = """
        import torch
        model = torch.nn.LSTM(3, 4)
        for _ in range(3):
            model(torch.randn(5, 2, 3))
    """
    done = both(tmp_path, script(tmp_path, text))
    assert "saw 3 forwards of LSTM, no backward pass and no optimizer step" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_closing_lines_say_what_was_not_measured_and_why(tmp_path: Path) -> None:
    text = """
        import torch
        from torch import nn
        from torch.utils.flop_counter import FlopCounterMode

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn, self.aside, self.unused = nn.LSTM(3, 4), nn.GRU(3, 4), nn.RNN(3, 4)

            def forward(self, x):
                self.aside(x)
                return self.rnn(x)[0]

        def train():
            optimizer.zero_grad()
            model(torch.randn(5, 2, 3)).square().mean().backward()
            optimizer.step()

        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with FlopCounterMode(display=False) as counter:
            train()
        print(counter.get_total_flops())
        for _ in range(11):
            train()
    """
    script(tmp_path, text)
    plain = execute("train.py", cwd=tmp_path, observed=False)
    done = execute("--every", 5, "train.py", cwd=tmp_path)
    assert done.stdout == plain.stdout
    said = done.stderr
    assert "runs/train-1: 12 iterations" in said
    assert "aside (no gradient arrived in 3 sampled iterations), unused (it did not run)" in said
    assert "1 iteration not fully measured, under the dispatch mode FlopCounterMode" in said


def test_a_model_without_steps_is_said(tmp_path: Path) -> None:
    """The input of a model without recurrent layers is found; of one without steps, the reason."""
    text = TRAINING.replace("self.gru(x)[0]", "self.gru(x)").replace(
        "nn.GRU(3, 4, batch_first=True)", "nn.Linear(3, 4)"
    )
    done = both(tmp_path, script(tmp_path, text))
    assert "input:gru: the gradient is exactly zero at every earlier step" in done.stderr
    assert len(Run(tmp_path / "runs/train-1")["loss"]) == 12
    text = """
        import torch
        from torch import nn

        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(5, 1, 4, 4)).square().mean().backward()
            optimizer.step()
        """
    done = both(tmp_path, script(tmp_path, text))
    (said,) = [line for line in done.stderr.splitlines() if "no way back in time" in line]
    assert "Sequential is given (5, 1, 4, 4), and no module makes a batch of sequences" in said


def test_the_embedding_of_a_model_is_found_or_named(tmp_path: Path) -> None:
    text = """
        import torch
        from torch import nn

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.ModuleDict({"tokens": nn.Embedding(5, 3)})
                self.mix, self.head = nn.Conv1d(3, 3, 2, padding=1), nn.Linear(3, 5)

            def forward(self, x):
                return self.head(self.mix(self.body["tokens"](x).mT)[..., :-1].mT)

        torch.manual_seed(0)
        model, x = Model(), torch.randint(5, (4, 6))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten()).backward()
            optimizer.step()
        """
    done = both(tmp_path, script(tmp_path, text))
    assert "input:body.tokens: the gradient" in done.stderr
    named = "--inputs", "body.tokens,mix", "--layout", "batch"
    again = execute(*named, "--every", "1", "train.py", cwd=tmp_path)
    assert "input:body.tokens: the gradient" in again.stderr
    assert "input:mix: " in again.stderr
    wrong = execute("--inputs", "body.token", "train.py", cwd=tmp_path)
    assert wrong.returncode == 2
    assert (
        "Model has no module 'body.token': its modules are body.tokens, body, head, mix"
        in wrong.stderr
    )
    assert execute("--layout", "first", "train.py", cwd=tmp_path).returncode == 2


def test_models_and_optimizers_are_told_apart(tmp_path: Path) -> None:
    """Encoder and decoder with an optimizer each share a loss; a second model has its own."""
    path = script(
        tmp_path,
        """
        import torch
        from torch import nn

        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn = nn.GRU(3, 4)

            def forward(self, x):
                return self.rnn(x)[1]

        class Decoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.cell = nn.GRUCell(3, 4)

            def forward(self, h):
                for _ in range(5):
                    h = self.cell(torch.zeros(2, 3), h)
                return h

        class Judge(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = nn.LSTM(3, 2)

            def forward(self, x):
                return self.lstm(x)[0][-1]

        torch.manual_seed(0)
        enc, dec, judge = Encoder(), Decoder(), Judge()
        SGD = torch.optim.SGD
        opts = [SGD(m.parameters(), lr=lr) for m, lr in ((enc, 1), (dec, 2), (judge, 3))]
        for i in range(6):
            x = torch.randn(7, 2, 3)
            loss = dec(enc(x)[0]).square().mean()
            opts[0].zero_grad(); opts[1].zero_grad()
            loss.backward()
            opts[0].step(); opts[1].step()
            for _ in range(2):
                other = 100 + judge(x).mean()
                opts[2].zero_grad(); other.backward(); opts[2].step()
        """,
    )
    execute(path, "x", cwd=tmp_path)
    run = Run(tmp_path / "runs/train-1")
    assert len(run["loss/Encoder"]) == len(run["loss/Decoder"]) == 6
    np.testing.assert_array_equal(run["loss/Encoder"], run["loss/Decoder"])
    assert len(run["loss/Judge"]) == 12
    assert run["loss/Judge"].min() > 90
    assert run["loss/Encoder"].max() < 10
    assert [run[f"lr/{name}"][0] for name in ("Encoder", "Decoder", "Judge")] == [1, 2, 3]
    assert {"reach/Encoder.rnn.l0", "reach/Decoder.cell", "reach/Judge.lstm.l0"} <= set(run.names)
    assert len(run.profile("reach/Encoder.rnn.l0").rows[0]) == 7
    assert len(run.profile("reach/Decoder.cell").rows[0]) == 5
    assert "weight_norm/Judge.lstm.weight_hh_l0" in run.names
    assert len(run.events("models")) == 3


def test_one_optimizer_of_two_models_and_a_bare_layer(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
        import torch
        from torch import nn
        rnn, head = nn.RNN(3, 4), nn.Linear(4, 1)
        opt = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
        for i in range(4):
            loss = head(rnn(torch.randn(5, 2, 3))[0]).mean()
            opt.zero_grad(); loss.backward(); opt.step()
        """,
    )
    execute("--every", 2, "--run", "here", path, cwd=tmp_path)
    run = Run(tmp_path / "here")
    assert run.profile("reach/l0").iterations.tolist() == [0, 2]
    assert {"update_ratio/weight_hh_l0", "update_ratio/Linear2.weight"} <= set(run.names)


def test_a_model_whose_parts_alone_are_called(tmp_path: Path) -> None:
    """An agent as reinforcement learning has it, with a mask where an episode ends."""
    path = script(
        tmp_path,
        """
        import torch
        from torch import nn

        class Agent(nn.Module):
            def __init__(self):
                super().__init__()
                self.network, self.lstm = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), nn.LSTM(4, 4)
                self.actor = nn.Linear(4, 2)

            def act(self, xs, state, ended):
                ys = []
                for x, e in zip(self.network(xs), ended):
                    state = tuple((1 - e).view(1, -1, 1) * s for s in state)
                    y, state = self.lstm(x[None], state)
                    ys.append(y)
                return self.actor(torch.cat(ys))

        class Both(nn.Module):  # with an optimizer each, it is no model but two
            def __init__(self, agent):
                super().__init__()
                self.agent, self.judge = agent, nn.GRU(3, 2)

        both = Both(Agent())
        agent, judge = both.agent, both.judge
        opt = torch.optim.SGD(agent.parameters(), lr=0.1)
        other = torch.optim.SGD(judge.parameters(), lr=0.2)
        ended = torch.zeros(9, 8)
        ended[3, ::2] = 1
        for i in range(4):
            x, state = torch.randn(9, 8, 3), (torch.zeros(1, 8, 4), torch.zeros(1, 8, 4))
            loss = agent.act(x, state, ended).square().mean()
            opt.zero_grad(); loss.backward(); opt.step()
            wrong = judge(x)[0].mean()
            other.zero_grad(); wrong.backward(); other.step()
        """,
    )
    execute("--every", 1, "--sequences", 8, path, cwd=tmp_path)
    run = Run(tmp_path / "runs/train-1")
    assert {"weight_norm/Agent.network.0.weight", "weight_norm/Agent.actor.bias", "lr/GRU"} <= set(
        run.names
    )
    assert run.profile("reach/GRU.l0").widths.tolist() == [9] * 4
    reach = run.profile("reach/Agent.lstm.l0")
    assert reach.widths.tolist() == [9] * 4
    assert (reach.rows[-1] > 0).all()
    assert run.profile("grad_time/Agent.lstm.l0").widths.tolist() == [9] * 4


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("name", "words", "layers"),
    [
        ("word_lm.py", ["--windows", "6", "--epochs", "1", "--nhid", "16"], ["rnn.l0", "rnn.l1"]),
        ("classify_packed.py", ["6"], ["gru.l0", "gru.l0_reverse"]),
        pytest.param("forecast_lbfgs.py", ["2"], ["lstm1", "lstm2"], marks=pytest.mark.long),
    ],
)
def test_scripts_of_outsiders_run_unchanged(
    name: str, words: list[str], layers: list[str], tmp_path: Path
) -> None:
    plain = execute(EXAMPLES / name, *words, cwd=tmp_path, observed=False)
    ours = execute(EXAMPLES / name, *words, cwd=tmp_path)

    def timeless(text: str) -> str:
        return re.sub(r"\d+s ", "", text)

    assert (plain.returncode, plain.stderr) == (0, "")
    assert ours.returncode == 0
    assert timeless(ours.stdout) == timeless(plain.stdout)
    run = Run(tmp_path / "runs" / f"{Path(name).stem}-1")
    assert len(run["loss"]) == (2 if "lbfgs" in name else 6)
    for layer in layers:
        assert len(run.profile(f"reach/{layer}").rows[0]) > 1
        assert f"backsight: {layer}: the gradient " in ours.stderr


def test_an_interrupted_script_keeps_what_there_is(tmp_path: Path) -> None:
    text = textwrap.dedent(TRAINING).replace("range(12)", "range(10**9)")
    command = [*processes.COMMAND, "run", script(tmp_path, text)]
    process = processes.Forked(command, cwd=tmp_path)
    store = tmp_path / "runs/train-1/signals.db"
    try:
        for _ in range(2400):
            if store.exists() and Run(store.parent).iterations > 10:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)
    finally:
        process.kill()  # or it trains for ever
    assert process.wait() == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr
    assert "backsight/monitor" not in stderr
    run = Run(store.parent)
    assert (run.status, run.end_reason) == ("failed", "interrupted")


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_or_an_archive_runs_as_under_python(packed: bool, tmp_path: Path) -> None:
    """As ``python app`` and ``python app.pyz`` do: by the ``__main__`` that is in it."""
    (tmp_path / "app").mkdir()
    script(tmp_path / "app", "WORD = 'beside'", "helper.py")
    text = """
        import sys
        import helper
        print(sys.argv, sys.path[0], __file__, __package__, __spec__.name, helper.WORD)
        print(sys.modules["__main__"].helper is helper)
        raise SystemExit(4)
    """
    script(tmp_path / "app", text, "__main__.py")
    name = "app"
    if packed:
        name = "app.pyz"
        zipapp.create_archive(tmp_path / "app", tmp_path / name)
    plain = execute(name, "--run", "x", cwd=tmp_path, observed=False, fresh=True)
    ours = execute(name, "--run", "x", cwd=tmp_path)
    assert plain.returncode == 4
    assert (ours.returncode, ours.stdout, without_us(ours.stderr)) == (4, plain.stdout, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.py"], "cannot read the script missing.py: No such file or directory"),
        (["."], "is a folder without __main__.py: expected a Python script"),
        (["binary.py"], "binary.py is not a Python script: it holds binary data"),
        (["-m"], "-m expects the name of a module"),
        (["-m", "no.such"], "cannot find the module 'no.such' in this folder"),
        (["--run", "taken", "train.py"], "taken already exists"),
        (["--every", "0", "train.py"], 'every must be "auto" or a whole number of at least 1'),
        (["--budget", "nan", "train.py"], "budget must be a share of the training time"),
        (["--sequences", "0", "train.py"], "sequences must be a whole number of at least 1, not 0"),
        (["--evry", "3", "train.py"], "--evry"),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "binary.py").write_bytes(b"\x00\x01")
    script(tmp_path, "raise SystemExit('must not run')\n")
    assert main(["run", *words]) == 2
    stderr = capsys.readouterr().err
    assert said in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_ours_end_where_the_script_begins() -> None:
    assert split(["run", "--every", "3", "a.py", "--every", "4"]) == (
        ["run", "--every", "3"],
        ["a.py", "--every", "4"],
    )
    assert split(["--every=3", "--debug", "-m", "a", "-x"]) == (
        ["--every=3", "--debug"],
        ["-m", "a", "-x"],
    )
    assert split(["--ignore", "BKS105", "bks303", "BKS.py", "BKS201"]) == (
        ["--ignore", "BKS105", "bks303"],
        ["BKS.py", "BKS201"],
    )


def test_of_several_processes_only_the_first_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    done = both(tmp_path, script(tmp_path, TRAINING))
    assert "backsight" not in done.stderr
    assert not (tmp_path / "runs").exists()
